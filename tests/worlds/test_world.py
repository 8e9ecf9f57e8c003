"""Worlds: distinct names, uniform values, whole people, no memory for the many."""

import dataclasses
import hashlib
import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from kscale.worlds import Attribute, Column, Derived, Law, World, build_biod, build_bios

CITY = Column("city", ("Rome", "Oslo"))
COLOR = Column("color", ("red", "green", "blue"))
HOME = Attribute("city", (CITY,), ("",), (Derived("country", ("Italy", "Norway")),))
FLAG = Attribute("flag", (COLOR, COLOR), ("", " on "))
FIRST, LAST = Column("first", ("Ada", "Bo", "Cy")), Column("last", ("Ek", "Fox"))


def tiny(people=6, seed=0):
    return World(people, seed, (FIRST, LAST), (HOME, FLAG), ("city", "country", "flag"))


def attribute(*strings):
    return (Attribute("x", (Column("x", strings),), ("",)),)


def test_a_world_by_hand():
    """Six people of six possible names: everybody exists, each once."""
    world = tiny()
    facts = [world.person(i) for i in range(6)]
    names = {f"{first} {last}" for first in FIRST.strings for last in LAST.strings}
    assert {fact["name"] for fact in facts} == names
    drawn = np.concatenate([world.names(np.arange(6)), world.values(np.arange(6))], 1)
    for fact, (first, last, city, one, other) in zip(facts, drawn, strict=True):
        assert fact == {
            "name": f"{FIRST.strings[first]} {LAST.strings[last]}",
            "city": CITY.strings[city],
            "country": {"Rome": "Italy", "Oslo": "Norway"}[CITY.strings[city]],
            "flag": f"{COLOR.strings[one]} on {COLOR.strings[other]}",
        }
    counts = world.counts
    assert (counts.people, counts.name_space, counts.attributes) == (6, 6, 2)
    assert counts.value_bits == pytest.approx(1 + 2 * np.log2(3))
    assert world.bits_max().total == pytest.approx(6 * counts.value_bits)
    assert world.derived_from == {"country": "city"}
    assert world.references == ()


@pytest.mark.parametrize("lists", ["mini", "bios"])
def test_names_are_distinct_exactly(lists):
    people = 160_000  # the whole name space of mini
    world = build_bios(people, lists=lists)
    sizes = [len(column.strings) for column in world.name_columns]
    codes = np.ravel_multi_index(world.names(np.arange(people)).T, sizes)
    assert len(np.unique(codes)) == people
    if lists == "bios":  # a thousandth of the space, evenly spread
        counts = np.histogram(codes, bins=100, range=(0, world.name_space))[0]
        assert stats.chisquare(counts).pvalue > 1e-4


def test_values_are_uniform_and_independent():
    world = build_bios(60_000, seed=3)
    values = world.values(np.arange(world.people))
    sizes = [len(column.strings) for column in world.columns]
    for i, size in enumerate(sizes):
        counts = np.bincount(values[:, i], minlength=size)
        assert stats.chisquare(counts).pvalue > 1e-5, world.columns[i].name
    for one, other in itertools.pairwise(values.T % 5):
        table = stats.contingency.crosstab(one, other).count
        assert stats.chi2_contingency(table, correction=False).pvalue > 1e-5


def same_people(one, other, people, first=0):
    """Returns whether the names, and whether the values, of two worlds are the same."""
    return (
        np.array_equal(one.names(people), other.names(people + first)),
        np.array_equal(one.values(people), other.values(people + first)),
    )


def test_a_batch_is_its_people_tabled_or_not():
    small, large = build_bios(1000, seed=4), build_bios(10**7, seed=4)  # not tabled
    assert same_people(small, large, np.array([999, 0, 7, 7])) == (True, True)
    values = small.values(np.array([999, 0]))
    assert np.array_equal(values[1:], small.values(np.array([0])))
    assert small.person(7) == large.person(7)


def test_other_seeds_are_other_worlds_and_laws_are_not():
    one, other = build_bios(100, seed=1), build_bios(100, seed=2)
    people = np.arange(100)
    assert same_people(one, other, people) == (False, False)
    same = build_bios(100, np.array([1])[0])  # NumPy's numbers are seeds like any other
    assert same_people(same, one, people) == (True, True)
    skewed = build_bios(100, seed=1, law=Law("zipf"))
    assert same_people(skewed, one, people) == (True, True)
    assert (one.law.kind, skewed.law.kind) == ("exact", "zipf")
    assert build_biod(3, law=Law("restaurant")).law.kind == "restaurant"


def test_a_hundred_million_people_without_memory():
    tracemalloc.start()
    world = build_bios(100_000_000)
    people = np.linspace(0, world.people - 1, 1000).astype(int)
    names, values = world.names(people), world.values(people)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
    assert len(np.unique(names, axis=0)) == 1000
    assert values.shape == (1000, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people": 7}, "people=7: names are drawn without replacement.* be 1 to 6;"),
        ({"people": 0}, "people=0"),
        ({"people": 3, "first": 4}, "must be 1 to 2 after first=4; ask for fewer"),
        ({"people": 1, "first": -1}, "first=-1: .* must be 0 to 5"),
        ({"people": 1, "first": 6}, "first=6: .* must be 0 to 5"),
        ({"attributes": attribute()}, "'x' is empty"),
        ({"attributes": attribute("a", "b", "a")}, "'x' holds 'a' twice"),
        ({"law": "zipf"}, r"law='zipf' must be a Law, such as Law\('zipf'\)"),
    ],
)
def test_worlds_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(tiny(), **changes)


def test_a_world_that_begins_later_is_the_same_people():
    """Person i of the one is person 4 + i of the other, in full."""
    whole, part = tiny(), dataclasses.replace(tiny(), people=2, first=4)
    assert [part.person(i) for i in range(2)] == [whole.person(i) for i in (4, 5)]
    table, late = build_bios(300, seed=2), build_bios(200, seed=2, first=100)
    untabled = build_bios(10**8, seed=2, first=100)
    for world in (late, untabled):
        assert same_people(world, table, np.array([3, 199, 0]), 100) == (True, True)
    from_3, from_0 = (
        build_biod(5, 2, 3, 4, 1, 4, name_parts=(8, 8), first=first) for first in (3, 0)
    )
    assert from_3.person(0) == from_0.person(3)


def test_the_bits_of_a_world_are_what_they_were():
    """Golden, in any process: names and values as 64-bit little-endian numbers.

    To be renewed by printing the digest, only where the draws are meant to change.
    """
    world, people = build_bios(1000, seed=3), np.arange(1000)
    arrays = world.names(people), world.values(people)
    digest = hashlib.sha256(b"".join(a.astype("<i8").tobytes() for a in arrays))
    assert digest.hexdigest()[:16] == "ba3c484ed04b8905"


def test_no_such_person():
    for method in (tiny().names, tiny().values):
        for person in (-1, 6):
            with pytest.raises(ValueError, match=r"outside this world's 0\.\.5"):
                method(np.array([0, person]))
