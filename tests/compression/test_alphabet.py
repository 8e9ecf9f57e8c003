"""Bytes as tokens and escaped bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale import tokenizers
from kscale.compression import Alphabet


def test_what_the_vocabulary_lacks_is_spelled_and_then_escaped(compact):
    alphabet = compact.alphabet
    size = alphabet.size
    known = alphabet.encode(b" Anya was born in Ulm.")
    assert (known < size).all()
    assert alphabet.encode(b" Anya").tolist() == known[:2].tolist()
    assert alphabet.pieces[known[0]] + alphabet.pieces[known[1]] == b" Anya"
    # "Z" is no piece; neither is any byte of the flag, nor one that is not UTF-8.
    assert alphabet.encode(b"Z").tolist() == [size + 0x5A]
    items = alphabet.encode(" Anya\U0001f3f4".encode() + b"\xff Anya").tolist()
    escaped = [size + byte for byte in "\U0001f3f4".encode() + b"\xff"]
    assert items == [*known[:2], *escaped, *known[:2]]
    spelled = alphabet.encode(b" bornUlm").tolist()  # " born", "U", "lm" in tokens
    pieces = [alphabet.pieces[x] if x < size else x - size for x in spelled]
    assert pieces == [b" born", 0x55, 0x6C, b"m"]


def test_all_bytes_have_a_token_where_the_tokenizer_has_one(bytewise):
    every = bytes(range(256))
    items = bytewise.alphabet.encode(every)
    assert items.max() < bytewise.alphabet.size
    assert bytewise.alphabet.decode(items) == every


def test_symbols_are_words_after_a_space():
    words = tokenizers.Symbols(["n3", "n5", "ID 7"])
    vocabulary = tokenizers.build_vocabulary([[0, 1, 2]], words.eos)
    alphabet = Alphabet(words, vocabulary, (3,))
    assert alphabet.encode(b" n3 ID 7").tolist() == [0, 2]
    assert alphabet.encode(b"n3 n5").tolist() == [4 + 0x6E, 4 + 0x33, 1]
    assert alphabet.encode(b" n4").tolist() == [4 + 0x20, 4 + 0x6E, 4 + 0x34]


@pytest.mark.parametrize("name", ["compact", "bytewise"])
@given(data=st.data())
def test_any_bytes_come_back(name, data, compact, bytewise):
    alphabet = {"compact": compact, "bytewise": bytewise}[name].alphabet
    texts = st.text() | st.text(st.sampled_from(" Anyawsbor.\u2581\u00e9\U0001f3f4"))
    document = data.draw(st.binary() | texts.map(str.encode))
    assert alphabet.decode(alphabet.encode(document)) == document


def test_fingerprints_tell_what_items_mean(compact):
    alphabet = compact.alphabet
    other = Alphabet(alphabet.tokenizer, alphabet.vocabulary, (alphabet.prefix[0], 1))
    fewer = tokenizers.build_vocabulary([[64, 65]], alphabet.tokenizer.eos)
    shorter = Alphabet(alphabet.tokenizer, fewer, (2,))
    assert len({x.fingerprint for x in (alphabet, other, shorter)}) == 3
