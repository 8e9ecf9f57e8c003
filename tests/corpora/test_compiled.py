"""Compiled templates: tables, pieces cut at spaces, the text of a plain renderer."""

import functools
import pathlib

import numpy as np
import pytest
from documents import text_of
from hypothesis import given
from hypothesis import strategies as st

from kscale import corpora, worlds
from kscale.corpora import build_labels
from kscale.corpora.compiled import compile_grammar
from kscale.corpora.templates import load_templates


def pieces_of(write, **changes):
    """The pieces of each document of person 0, as texts."""
    corpus = corpora.Biographies(write(**changes), shuffled=False)
    (row,) = corpus.plan(np.array([0]), np.array([0]))
    return ["".join(s.text for s in corpus.pieces[i]) for i in row if i]


def test_pieces_begin_with_a_space(write):
    """A form takes in the text around it, a value what follows it without a space."""
    lines = {
        "order.txt": "city\nemployer\nbirth",
        "names/1_first.txt": "Ada\nBo\nCy\nDee\nEva",
        "names/2_last.txt": "Ek\nFox\nGray\nHill\nIvy",
        "values/birth/1_month.txt": "March\nApril\nMay\nJune\nJuly",
        "values/birth/2_year.txt": "1900\n1901\n1902\n1903\n1904",
        "values/employer+city.txt": "\n".join(f"Firm {x}.;Rome" for x in "ABCDE"),
        "templates/employer.txt": "It is '{value}', where {name} works.",
        "templates/birth.txt": "Born {value}-ish, {pronoun} said.",
        "templates/city.txt": "{possessive} town is {value}.",
    }
    facts = write(people=1, **lines).person(0)
    first, last = facts["name"].split()
    month, year = facts["birth"].split(", ")
    assert pieces_of(write, people=1, **lines) == [
        f" {first}",
        f" {last}'s",
        " town is",
        " Rome.",
        " It is",
        f" '{facts['employer']}',",
        " where",
        f" {first}",
        f" {last}",
        " works.",
        " Born",
        f" {month},",
        f" {year}-ish,",
        f" {facts['pronoun']} said.",
    ]


def test_columns_without_a_space_between_them_are_pieces_of_pairs(write, monkeypatch):
    lines = {"values/birth/join.txt": "{month}{year}"}
    world = write(**lines)
    corpus = corpora.Biographies(world)
    for person in range(12):
        (row,) = corpus.plan(np.array([person]), np.array([0]))
        assert f" {world.person(person)['birth']}." in text_of(corpus, row)
    assert len(corpus.pieces) == 44
    monkeypatch.setattr("kscale.corpora.compiled._MOST", 5)
    with pytest.raises(ValueError, match="there are 6 such pairs, more than 5: put a"):
        corpora.Biographies(write(**lines))


def test_tables_of_a_world(write):
    world = write()
    grammar = compile_grammar(world, load_templates(world), build_labels(world))
    assert grammar.pieces[0] == ()
    assert grammar.ranges.tolist() == [[0, 1], [1, 1], [2, 1]]
    assert grammar.leaks == ((2, 1),)
    assert grammar.opens.tolist() == [True, True, True]
    assert grammar.refers.tolist() == [[True, False], [True, False], [False, False]]
    assert grammar.first.shape == grammar.column.shape
    assert len(grammar.first) == 3 * 8
    sizes = [1, 4, 3, 2, 2, 3, 3]  # the constant, name, pronoun, month, year, employer
    last = grammar.first + np.array(sizes)[grammar.column]
    assert last.max() <= len(grammar.pieces)


def render(facts, order, lines):
    """Renders a biography by string replacement alone."""
    text = ""
    for place, name in enumerate(order):
        line = lines[name].replace("{value}", facts[name])
        if place == 0:
            forms = ("{name}", "{pronoun}", "{possessive}")
            _, mention = min((line.index(form), form) for form in forms if form in line)
            full = facts["name"] + ("'s" if mention == "{possessive}" else "")
            line = line.replace(mention, full, 1)
        for form in ("name", "pronoun", "possessive"):
            line = line.replace(f"{{{form}}}", facts[form])
        text += " " + line
    return text


@functools.cache
def corpus_and_lines(lists):
    corpus = corpora.Biographies(worlds.build_bios(1000, lists=lists))
    folder = pathlib.Path(corpus.world.folder) / "templates"
    names = corpus.world.sentences
    return corpus, {n: (folder / f"{n}.txt").read_text().splitlines() for n in names}


@pytest.mark.parametrize("lists", ["bios", "mini"])
@given(st.integers(0, 999), st.integers(0, 10**6))
def test_the_text_is_the_renderers(lists, person, exposure):
    corpus, templates = corpus_and_lines(lists)
    world = corpus.world
    address = np.array([person]), np.array([exposure])
    order = [world.sentences[i] for i in corpus._orders("training", *address)[0]]
    choice = corpus._choose("training", *address)[0] - corpus._grammar.ranges[:, 0]
    lines = {
        name: templates[name][index]
        for name, index in zip(world.sentences, choice, strict=True)
    }
    text = text_of(corpus, corpus.plan(*address)[0])
    assert text == render(world.person(person), order, lines)
