"""Compiled templates: tables, merged pieces, and the same text as a plain renderer."""

import functools
import pathlib

import numpy as np
import pytest
from documents import text_of
from hypothesis import given
from hypothesis import strategies as st

from kscale import corpora, worlds
from kscale.corpora import TEXT, Span, build_labels
from kscale.corpora.compiled import Choice, _fixed_text, _merge, compile_grammar
from kscale.corpora.templates import load_templates

CITIES = Choice(tuple("abcdefgh"), 3, label=2, space=" ")
FORMS = Choice(("He", "She"), 1, label=4, space=" ")


def test_a_choice_makes_a_piece_of_each_word():
    he, she = FORMS._replace(before=" So", after=" is").pieces()
    assert he == (Span(" So", TEXT), Span(" He", 4), Span(" is", TEXT))
    assert she[1] == Span(" She", 4)
    assert _fixed_text(" was in").pieces() == [(Span(" was in", TEXT),)]
    assert _fixed_text("").pieces() == [()]


def test_pieces_are_merged_where_it_costs_little():
    was, stop, long = map(_fixed_text, (" was in", ".", " for ever."))
    assert _merge([_fixed_text(" Her"), was, CITIES, stop]) == [
        _fixed_text(" Her was in"),
        CITIES._replace(after="."),
    ]
    assert _merge([CITIES, long]) == [CITIES, long]
    assert _merge([was, FORMS, long, CITIES]) == [
        FORMS._replace(before=" was in", after=" for ever."),
        CITIES,
    ]
    assert _merge([FORMS, CITIES]) == [FORMS, CITIES]
    assert _merge([_fixed_text(""), CITIES, _fixed_text("")]) == [CITIES]


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
