"""The promises of a tokenizer, for every one in the table."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import TOKENIZERS

WORDS = ["Anya", "Briar", "was", "born", "on", "October", "2,", "1996.", "Ulm.", "ID 7"]
TEXTS = [" Anya Briar was born on October 2, 1996.", " Anya was born in Ulm. ID 7"]
ARGUMENTS = {
    "gpt2": {},
    "sentencepiece": {"texts": TEXTS, "vocab_size": 330},
    "symbols": {"words": WORDS},
}
MADE = {name: make(**ARGUMENTS[name]) for name, make in TOKENIZERS.items()}

every_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)
phrases = st.lists(st.sampled_from(WORDS)).map(lambda w: "".join(" " + x for x in w))


@every_tokenizer
@given(text=phrases)
def test_round_trip_in_the_vocabulary_without_eos(name, text):
    tokenizer = MADE[name]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.vocab_size and i != tokenizer.eos for i in ids)
    assert all(type(i) is int for i in ids)


@every_tokenizer
@given(left=phrases, right=phrases)
def test_pieces_cut_at_a_space_give_the_ids_of_the_whole(name, left, right):
    encode = MADE[name].encode
    assert encode(left + right) == encode(left) + encode(right)


@every_tokenizer
def test_decode_takes_arrays_passes_over_eos_and_refuses_other_ids(name):
    tokenizer = MADE[name]
    assert tokenizer.name == name
    ids = np.array(tokenizer.encode(" Anya was"), np.int32)
    assert tokenizer.decode(ids) == " Anya was"
    assert tokenizer.decode([tokenizer.eos, *ids, tokenizer.eos]) == " Anya was"
    for bad in (-1, tokenizer.vocab_size):
        with pytest.raises(ValueError, match=rf"token id {bad} .* {name} .*from 0 to"):
            tokenizer.decode([0, bad])


@every_tokenizer
def test_empty_texts_and_pickles_for_worker_processes(name):
    tokenizer = MADE[name]
    assert tokenizer.encode("") == []
    assert tokenizer.decode([]) == ""
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode(" Anya was born") == tokenizer.encode(" Anya was born")
