"""The symbol tokenizer: ids in the given order, longest match, named errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import Symbols

BIOD = Symbols(["n3", "n5", "ID", "ID 7", "ID 7 8", "."])


def test_ids_follow_the_given_order_and_the_longest_match_wins():
    for text, ids in {
        " n3 n5 .": [0, 1, 5],
        "n3 n5": [0, 1],
        " ID n3": [2, 0],
        " ID 7 n3": [3, 0],
        " ID 7 8 n3": [4, 0],
        " ID ID 7": [2, 3],
    }.items():
        assert BIOD.encode(text) == ids
    assert BIOD.decode([0, 1]) == " n3 n5"
    assert (BIOD.eos, BIOD.vocab_size) == (6, 7)


@pytest.mark.parametrize(
    ("text", "symbol", "position"),
    [
        ("x", "x", 0),
        (" n3 n4 n5", "n4", 4),
        (" ID 7 9", "9", 6),
        (" n3n5", "n3n5", 1),
        (" n3 ", "", 4),
        (" ", "", 1),
        ("n3  n5", "", 3),
    ],
)
def test_an_unknown_symbol_is_named_with_its_place(text, symbol, position):
    with pytest.raises(ValueError, match=f"symbol {symbol!r} at character {position} "):
        BIOD.encode(text)


def test_words_are_a_list_of_distinct_words():
    with pytest.raises(ValueError, match="the word 'b' comes twice"):
        Symbols(["a", "b", "c", "b"])
    for word in ("", " a", "a ", "a  b"):
        with pytest.raises(ValueError, match=f"the word '{word}' must be parts"):
            Symbols(["x", word])
    with pytest.raises(ValueError, match="pass a list"):
        Symbols("abc")


@given(st.data())
def test_ids_come_back_for_any_words_without_spaces(data):
    word = st.text(min_size=1, max_size=4).filter(lambda w: " " not in w)
    tokenizer = Symbols(data.draw(st.lists(word, min_size=1, max_size=8, unique=True)))
    ids = data.draw(st.lists(st.integers(0, tokenizer.eos - 1)))
    assert tokenizer.encode(tokenizer.decode(ids)) == ids
