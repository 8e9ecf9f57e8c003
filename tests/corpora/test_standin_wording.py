"""The grammar's lists and its choices."""

import pathlib
import re

import numpy as np
import pytest
from scipy import stats

import kscale
from kscale import worlds
from kscale.corpora.standin import Clause, Draws, Wording, Writer

PHRASES = pathlib.Path(kscale.__file__).parent / "corpora" / "phrases"


def lists(kind):
    return {
        p.stem: p.read_text("ascii").splitlines() for p in (PHRASES / kind).glob("*")
    }


def holes(line):
    return re.findall(r"\{(\w+)\}", line)


def test_draws_by_hand():
    draws = Draws(3)
    numbers = [draws.below(6) for _ in range(200)]  # more than are made at once
    again = Draws(3)
    assert [again.below(6) for _ in range(200)] == numbers
    assert set(numbers) == set(range(6))
    assert Draws(4).shuffle("abc") in [
        list(x) for x in ("abc", "acb", "bac", "bca", "cab", "cba")
    ]
    assert not any(Draws(key).chance(0) for key in range(50))
    assert all(Draws(key).chance(100) for key in range(50))


def test_draws_are_uniform():
    draws = Draws(0)
    counts = np.bincount([draws.below(7) for _ in range(7000)])
    assert stats.chisquare(counts).pvalue > 1e-4
    orders = [draws.shuffle("abcd") for _ in range(4800)]
    _, counts = np.unique(["".join(order) for order in orders], return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4


def test_facts_are_told_once_each():
    facts = lists("facts")
    for unit, lines in facts.items():
        assert len(set(lines)) == len(lines)
        for line in lines:
            told = [x for x in holes(line) if x not in ("he", "his")]
            assert sorted(told) == sorted(unit.split("+")), line
            assert line.startswith(",") == line.endswith(","), line
            assert not re.search(r"[.?!]|\b(she|him|hers?)\b|  ", line), line
        assert sum(line.startswith("{he} ") for line in lines) >= 3
        assert sum(line.startswith(",") for line in lines) >= 1
    for names in ("bios", "tiny"):
        assert set(worlds.build_bios(1, lists=names).sentences) <= facts.keys()


def test_the_employer_is_told_before_its_city():
    for line in lists("facts")["employer+employer_city"]:
        assert line.index("{employer}") < line.index("{employer_city}")


def test_details_hold_no_fact():
    details = lists("details")
    for lines in details.values():
        assert len(set(lines)) == len(lines)
        for line in lines:
            assert set(holes(line)) <= {"he", "his", *details}, line
            assert not re.search(r"\d|\b(she|her|him)\b|  ", line), line


@pytest.mark.parametrize("names", ["bios", "mini", "tiny"])
def test_no_line_is_lost_on_the_shipped_lists(names):
    wording = Wording(worlds.build_bios(1, lists=names))
    assert wording.details == lists("details")
    assert not wording.own
    assert (wording.he, wording.his) == ("pronoun", "possessive")


def test_lines_with_a_value_are_left_out(write):
    """And lines with a list that has no line left."""
    moods = lists("details")["mood"]
    world = write(
        **{
            "values/word.txt": "\n".join(["chess", "choir", *moods]),
            "order.txt": "birth\nemployer\ncity\nword",
            "templates/word.txt": "{name} says {value}.",
        }
    )
    details = Wording(world).details
    every = [line for lines in details.values() for line in lines]
    assert not any(re.search(r"\b(chess|choir|patient)\b", line) for line in every)
    assert details["mood"] == []
    assert not any("{mood}" in line for line in every)
    assert "pottery" in details["hobby_noun"]
    assert "{his} hobbies are {hobby} and {hobby_noun}" in details["aside"]


def test_no_opening_left(write):
    words = "is\nhas\nleads\nwould\nnever\nlikes\nspends\ngets\nsings"
    habits = "\n".join(dict.fromkeys(x.split()[0] for x in lists("details")["habit"]))
    world = write(
        **{
            "values/word.txt": "\n".join(
                dict.fromkeys(f"{words}\n{habits}".split("\n"))
            ),
            "order.txt": "birth\nemployer\ncity\nword",
            "templates/word.txt": "{name}: {value}.",
        }
    )
    with pytest.raises(ValueError, match="are words that every opening line"):
        Wording(world)


def writer(key=0, person=0):
    world = worlds.build_bios(5, lists="mini")
    return Writer(Wording(world), world.person(person), Draws(key))


def test_predicates_share_a_subject():
    lines = [Clause("{he} a"), Clause("{he} b"), Clause("{he} c")]
    assert writer()._merge(lines) == ("{he} a, b and c", 3)
    assert writer()._merge(lines[:2]) == ("{he} a and b", 2)
    assert writer()._merge([Clause("{name} a"), lines[1]]) == ("{name} a and b", 2)
    assert writer()._merge(lines[:1]) == ("{he} a", 1)
    text, taken = writer()._merge([lines[0], Clause("{his} d"), lines[2]])
    assert taken == 2
    assert re.fullmatch(r"\{he\} a(, |; ).*\{his\} d", text) or ", and {his} d" in text
    assert writer()._merge([lines[0], Clause("{he} x.", alone=True)]) == ("{he} a", 1)
    assert writer()._merge([Clause("x.", alone=True), lines[0]]) == ("x.", 1)


def test_the_city_that_gives_the_employer_away_comes_later():
    """Also where it is the city of birth."""
    world = worlds.build_bios(3000, lists="mini")
    wording = Wording(world)
    homes = [
        p
        for p in range(3000)
        if (f := world.person(p))["birth_city"] == f["employer_city"]
    ]
    assert homes
    for person in homes[:5]:
        for key in range(20):
            units = Writer(wording, world.person(person), Draws(key))._order_units()
            order = [name for unit in units for name in unit]
            assert sorted(order) == sorted(world.sentences)
            assert order.index("employer") < order.index("birth_city")
            assert order.index("employer") < order.index("employer_city")
