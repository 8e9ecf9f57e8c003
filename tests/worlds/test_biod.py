"""bioD: distinct strings, chunks, errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kscale.worlds import build_biod


def test_a_world_by_hand():
    world = build_biod(4, attributes=2, chunks=3, diversity=4, length=2, symbols=2)
    both = ("s0 s0", "s0 s1", "s1 s0", "s1 s1")  # every string of two bits
    assert [a.name for a in world.attributes] == ["ID 1", "ID 2"]
    for attribute in world.attributes:
        assert sorted(attribute.columns[0].strings) == list(both)
        assert attribute.columns[0] is attribute.columns[2]
    facts, values = world.person(0), world.values(np.array([0]))[0]
    labels = world.attributes[1].columns[0].strings
    assert facts["ID 2"] == " ".join(labels[i] for i in values[3:])
    counts = world.counts
    assert (counts.diversity, counts.chunks, counts.string_bits) == (4, 3, 2.0)
    assert counts.value_bits == 2 * 3 * 2


@given(st.tuples(*(st.integers(1, most) for most in (3, 4, 6, 9))), st.data())
def test_strings_are_distinct(sizes, data):
    attributes, chunks, length, symbols = sizes
    diversity = data.draw(st.integers(1, min(symbols**length, 50)))
    world = build_biod(3, attributes, chunks, diversity, length, symbols, (3, 3))
    for attribute in world.attributes:
        for column in attribute.columns:
            strings = [label.split(" ") for label in column.strings]
            assert len(set(column.strings)) == diversity
            assert {len(string) for string in strings} == {length}
            assert {s for x in strings for s in x} <= {f"s{i}" for i in range(symbols)}
    bits = attributes * chunks * math.log2(diversity)
    assert world.counts.value_bits == pytest.approx(bits)


@pytest.mark.parametrize(("length", "symbols"), [(1, 30), (40, 30)])
def test_strings_are_uniform(length, symbols):
    """Both ways of drawing: from a list of all strings, and one after the other."""
    seen = np.zeros(symbols)
    for seed in range(60):
        (attribute,) = build_biod(1, 1, 1, 15, length, symbols, seed=seed).attributes
        for label in attribute.columns[0].strings:
            seen[int(label.split(" ")[0][1:])] += 1
    assert stats.chisquare(seen).pvalue > 1e-4


def test_attributes_and_seeds_have_strings_of_their_own():
    one, other = (build_biod(1, 2, 1, 10, 2, 20, seed=seed) for seed in (0, 1))
    lists = [a.columns[0].strings for w in (one, other) for a in w.attributes]
    assert len(set(lists)) == 4
    again = build_biod(1, 2, 1, 10, 2, 20).attributes
    assert [a.columns[0].strings for a in again] == lists[:2]


def test_sizes_out_of_range():
    assert build_biod(1).name_space == 400 * 400 * 1000
    with pytest.raises(ValueError, match="must be 1 to 12"):
        build_biod(13, name_parts=(3, 4))
    with pytest.raises(ValueError, match=r"must be at most 3\^2=9, the number of"):
        build_biod(1, diversity=10, length=2, symbols=3)
    for name in ("attributes", "chunks", "diversity", "length", "symbols"):
        with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
            build_biod(1, **{name: 0})  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="name_parts=0"):
        build_biod(1, name_parts=())
