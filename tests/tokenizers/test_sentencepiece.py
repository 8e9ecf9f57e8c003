"""SentencePiece: reproducible training, lossless text, pieces cut at spaces."""

import multiprocessing
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import SentencePiece
from kscale.tokenizers import train_sentencepiece as train

TEXTS = [
    " Anya Briar Forger was born on October 2, 1996.",
    " She spent her early years in Princeton, NJ.",
    " Her studies, in 2014, were at the Institute of Ulm.",
]
MODEL = train(TEXTS, 400)

# Words, digits, commas and full stops, as in a biography.
word = st.text("AnyborcPi0129,.", min_size=1, max_size=12)
phrase = st.lists(word, min_size=1, max_size=5).map(" ".join)


def test_same_texts_give_the_same_bytes_in_any_process(monkeypatch):
    assert train(iter(TEXTS), 400) == MODEL == SentencePiece(MODEL.model)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(train, (TEXTS, 400)) == MODEL


def test_training_is_silent(capfd):
    train(TEXTS, 330)
    with pytest.raises(ValueError, match="smaller"):
        train(TEXTS, 270)
    assert capfd.readouterr() == ("", "")


def test_leading_space_survives():
    assert MODEL.decode(MODEL.encode(" Anya")) == " Anya"
    assert MODEL.decode(MODEL.encode("Anya")) == "Anya"
    assert MODEL.encode(" Anya") != MODEL.encode("Anya")


@given(phrase, phrase)
def test_pieces_cut_at_a_space_give_the_ids_of_the_whole(left, right):
    whole = MODEL.encode(f"{left} {right}")
    assert whole == MODEL.encode(left) + MODEL.encode(" " + right)


@given(st.text())
def test_any_unicode_text_comes_back(text):
    ids = MODEL.encode(text)
    assert MODEL.decode(ids) == text
    assert all(3 <= i < MODEL.vocab_size for i in ids)  # no special id


@pytest.mark.parametrize(
    "text",
    ["\u2581a \u2581", "a\x00b", "</s> <unk>", "  a\n\n b  ", "<0x41>", "\u2585"],
)
def test_what_sentencepiece_itself_gives_a_meaning_comes_back(text):
    assert MODEL.decode(MODEL.encode(text)) == text


def test_every_digit_is_a_token_and_eos_is_that_of_llama():
    assert len(MODEL.encode("20141996")) == 8
    assert (MODEL.eos, MODEL.vocab_size) == (2, 400)


def test_long_texts_are_learned_whole():
    text = " ab" * 5000 + " zz"  # SentencePiece leaves out texts of over 4192 bytes
    assert len(train([text], 264).encode("z")) == 1


def test_vocabulary_at_its_bounds():
    """Two characters, " " and "a"; the merges are " a", "aa" and " aa" at most."""
    texts, smallest = [" aa aa"], 3 + 256 + 2
    assert train(texts, smallest).vocab_size == smallest
    with pytest.raises(ValueError, match=rf"at least {smallest} = 259 .* 2 distinct"):
        train(texts, smallest - 1)
    with pytest.raises(ValueError, match=r"larger than these texts allow") as error:
        train(texts, 1000)
    largest = int(re.search(r"at most (\d+)", str(error.value))[1])
    assert smallest < largest <= smallest + 3
    assert train(texts, largest).vocab_size == largest


def test_what_cannot_be_trained_is_refused():
    for size in (-5, 0, 259):
        with pytest.raises(ValueError, match=f"vocab_size {size} .* over 259"):
            train(TEXTS, size)
    for empty in ([], [""]):
        with pytest.raises(ValueError, match="these are empty"):
            train(empty, 300)
