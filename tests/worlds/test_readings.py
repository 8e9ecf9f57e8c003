"""Values of joined lists with one text, or with a text that begins another's."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.worlds import Attribute, Column, World, build_bios
from kscale.worlds.readings import find_prefix

STRINGS = st.lists(st.text("ab", max_size=4), min_size=1, max_size=4, unique=True)
COLUMNS = st.lists(
    st.tuples(STRINGS, st.sampled_from(["", "a", "ab", "-"])), min_size=1, max_size=4
)


@given(COLUMNS, st.booleans())
def test_the_product_enumerated_says_the_same(columns, whole):
    lists, joins = zip(*columns, strict=True)
    values = [
        tuple(j + x for j, x in zip(joins, xs, strict=True))
        for xs in itertools.product(*lists)
    ]
    texts = ["".join(value) for value in values]
    pairs = itertools.permutations(texts, 2)
    exists = any(b == a if whole else b.startswith(a) for a, b in pairs)
    found = find_prefix(lists, joins, whole)
    assert (found is not None) == exists
    if found:
        shorter, longer = map("".join, found)
        assert found[0] in values
        assert longer == shorter if whole else longer.startswith(shorter)
        assert any(v[: len(found[1])] == found[1] and v != found[0] for v in values)


def columns(*lists):
    return tuple(Column(str(i), strings) for i, strings in enumerate(lists))


def test_whether_a_value_begins_another():
    def begins(joins, *lists):
        return Attribute("x", columns(*lists), joins).begins_another

    assert begins(("",), ("Art", "Biology", "Art History"))
    assert not begins(("",), ("Art", "Biology", "History of Art"))
    assert begins(("", " "), ("New", "New York"), ("York", "City"))
    assert not begins(("", " "), ("May",), ("1", "10"))  # another word
    assert begins(("", "-"), ("May",), ("1", "10"))
    assert begins(("", ""), ("a", "ab"), ("bc", "c"))  # "abc" twice
    world = build_bios(1)
    assert not any(a.begins_another for a in (world.full_name, *world.attributes))


def test_two_people_or_values_of_one_text_are_refused():
    names = columns(("Ann", "Ann Marie"), ("Marie Lou", "Lou"))
    color = Attribute("color", columns(("red", "blue")), ("",))
    message = (
        r"^name 'Ann Marie Lou' can be read as \['Ann', 'Marie Lou'\] and as \['Ann"
        r" Marie', 'Lou'\], which are scored as two: change the lists$"
    )
    with pytest.raises(ValueError, match=message):
        World(1, 0, names, (color,), ("color",))
    ones = ("1", "11")
    attribute = Attribute("X", columns(ones, ones), ("", ""))
    message = (
        r"^X '111' can be read as \['1', '11'\] and as \['11', '1'\], which are scored"
        r" as two: change the lists or the text between them$"
    )
    with pytest.raises(ValueError, match=message):
        World(1, 0, columns(ones), (attribute,), ("X",))
