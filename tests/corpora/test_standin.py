"""The stand-in for bioR: its lines, its choices, and what its texts hold."""

import collections
import functools
import itertools
import json
import pathlib
import re

import numpy as np
import pytest
from documents import spans_of, text_of
from scipy import stats

import kscale
from kscale import corpora, worlds
from kscale.corpora.standin import Clause, Draws, Wording, Writer, write_biographies

PHRASES = pathlib.Path(kscale.__file__).parent / "corpora" / "phrases"
every_world = pytest.mark.parametrize("lists", ["bios", "mini", "tiny"])


def lines_of(kind):
    """Returns {list: lines} of the folder "facts" or "details"."""
    files = (PHRASES / kind).glob("*")
    return {path.stem: path.read_text("ascii").splitlines() for path in files}


def placeholders(line):
    return re.findall(r"\{(\w+)\}", line)


@functools.cache
def written(lists):
    world = worlds.build_bios(20, lists=lists)
    return world, [write_biographies(world, person, 40) for person in range(20)]


def match_any(words):
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")


@every_world
def test_every_text_scores_every_attribute(lists, tmp_path):
    world, texts = written(lists)
    file = tmp_path / "texts.jsonl"
    rows = [{"id": i, "text": text} for i, own in enumerate(texts) for text in own]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = corpora.Rewrites(world, file, skip_unfound=False)
    assert (corpus.num_people, corpus.skipped_texts) == (20, 0)
    people = np.repeat(np.arange(20), 40)
    plan = corpus.plan(people, np.tile(np.arange(40), 20))
    assert len(np.unique(plan)) == 800
    for row, person in zip(plan, people, strict=True):
        spans, facts = spans_of(corpus, row), world.person(person)
        found = {name: text[1:] for text, name in spans}
        assert spans[0][1] == "name"
        for name in ("name", *(a.name for a in world.attributes)):
            forms = [facts[name]]
            if name == "pronoun":
                forms = [facts["pronoun"].lower(), facts["possessive"].lower()]
                found[name] = found[name].lower()
            assert found[name] in forms


@every_world
def test_texts_hold_every_fact_and_no_other_value(lists):
    """With the person's own facts struck out, nothing of the lists is left."""
    world, texts = written(lists)
    told = [a for a in world.attributes if a.name != "pronoun"]
    columns = [x for a in (world.full_name, *told) for x in (*a.columns, *a.derived)]
    other = match_any({x for column in columns for x in column.strings})
    for person, own in enumerate(texts):
        facts = world.person(person)
        own_facts = match_any(facts.values())
        for text in own:
            assert not other.search(own_facts.sub("~", text)), text
            assert not set(text) & set("{}")
            rest = text.replace(facts["name"], "")
            assert all(facts[name] in rest for name in world.sentences)
            assert rest.index(facts["employer"]) < rest.index(facts["employer_city"])


def overlap(texts):
    """Returns the mean share of word triples that two texts have in common."""
    words = [text.split() for text in texts]
    triples = [set(zip(w, w[1:], w[2:], strict=False)) for w in words]
    pairs = itertools.combinations(triples, 2)
    return np.mean([len(a & b) / len(a | b) for a, b in pairs])


def test_texts_of_a_person_differ_more_than_those_of_bios():
    world, texts = written("bios")
    assert all(len(set(own)) == 40 for own in texts)
    bios = corpora.Biographies(world)
    composed = []
    for person in range(10):
        plan = bios.plan(np.full(40, person), np.arange(40))
        composed.append([text_of(bios, row) for row in plan])
    ours, theirs = (np.mean([overlap(x) for x in t]) for t in (texts[:10], composed))
    assert ours == pytest.approx(0.04, abs=0.01)
    assert theirs == pytest.approx(0.07, abs=0.015)
    lengths = [len(text.split()) for own in texts for text in own]
    assert np.percentile(lengths, 90) > 2 * np.percentile(lengths, 10)


@every_world
def test_no_line_is_lost_on_the_shipped_lists(lists):
    wording = Wording(worlds.build_bios(1, lists=lists))
    assert wording.details == lines_of("details")
    assert not wording.own
    assert (wording.he, wording.his) == ("pronoun", "possessive")


def test_a_text_is_a_function_of_its_address():
    world, texts = written("mini")
    assert write_biographies(world, 7, 3) == texts[7][:3]
    again = worlds.build_bios(1000, lists="mini")
    assert write_biographies(again, 7, 40) == texts[7]
    other = worlds.build_bios(40, seed=1, lists="mini")
    for kwargs in ({"world": world, "seed": 1}, {"world": other}):
        assert not set(write_biographies(person=7, **kwargs)) & set(texts[7])


def test_sentences_are_merged_and_led():
    _, texts = written("bios")
    whole = "\n".join(itertools.chain.from_iterable(texts))
    assert whole.count("; what is more, ") > 50
    assert whole.count(". As it happens, ") > 20
    assert re.search(r"studied [A-Z][\w ]+ and (was|has|is|works|keeps) ", whole)
    assert re.search(r"^[A-Z]\w+ [A-Z]\w+ [A-Z]\w+, born ", whole, re.MULTILINE)
    verbs = ("born", "degree", "employ")
    orders = {tuple(sorted(verbs, key=t.find)) for own in texts for t in own}
    assert len(orders) == 6


def test_a_world_without_clauses_is_told_by_its_templates(write):
    world = write()
    for person in range(12):
        facts = world.person(person)
        texts = write_biographies(world, person, 5)
        assert len(set(texts)) == 5
        for text in texts:
            assert corpora.FactFinder(world).scores_whole(person, text)
            assert f"{facts['possessive']} birthday is in {facts['birth']}." in text
            assert f"{facts['name']} is in {facts['city']}." in text
    world = write(**{"templates/city.txt": "{name} sits in {value}."})  # edited
    assert f" sits in {world.person(0)['city']}." in write_biographies(world, 0, 1)[0]


def test_a_world_without_a_pronoun(write):
    world = write(
        **{
            "values/pronoun+possessive.txt": "",
            "templates/birth.txt": "{name} was born in {value}.",
            "templates/employer.txt": "{name} works for {value} now.",
        }
    )
    for text in write_biographies(world, 3, 20):
        assert text.startswith(world.person(3)["name"])
        assert not re.search(r"\b(he|his|she|her)\b", text.lower())


def people_where(world, condition):
    return [p for p in range(world.people) if condition(world.person(p))][:5]


def test_names_that_are_values():
    """Three in 64 ^ 3 names are Duke; the university is found behind the name."""
    world = worlds.build_bios(20_000, lists="tiny")
    people = people_where(world, lambda f: f["university"] in f["name"].split())
    assert people
    for person in people:
        assert len(write_biographies(world, person, 10)) == 10


def test_the_city_that_gives_the_employer_away_comes_later():
    """Also where it is the city of birth."""
    world = worlds.build_bios(3000, lists="mini")
    wording = Wording(world)
    people = people_where(world, lambda f: f["birth_city"] == f["employer_city"])
    assert people
    for person in people:
        for key in range(20):
            writer = Writer(wording, world.person(person), Draws(key))
            order = [name for unit in writer._order_units() for name in unit]
            assert sorted(order) == sorted(world.sentences)
            assert order.index("employer") < order.index("birth_city")
            assert order.index("employer") < order.index("employer_city")


def test_refusals(write, monkeypatch):
    world = write(people=1)
    with pytest.raises(ValueError, match="texts=0 must be at least 1"):
        write_biographies(world, 0, 0)
    with pytest.raises(ValueError, match=r"does not have: use worlds.build_bios"):
        write_biographies(worlds.build_biod(5), 0)
    monkeypatch.setattr(corpora.FactFinder, "scores_whole", lambda *_: False)
    with pytest.raises(ValueError, match=r"person 0 \(.*\): in 64 tries no new text"):
        write_biographies(world, 0)


def test_draws_are_reproducible_and_uniform():
    draws, again = Draws(0), Draws(0)
    numbers = [draws.below(7) for _ in range(7000)]  # more than are made at once
    assert [again.below(7) for _ in range(7000)] == numbers
    assert stats.chisquare(np.bincount(numbers)).pvalue > 1e-4
    orders = collections.Counter("".join(draws.shuffle("abcd")) for _ in range(4800))
    assert len(orders) == 24
    assert stats.chisquare([*orders.values()]).pvalue > 1e-4
    assert not any(Draws(key).chance(0) for key in range(50))
    assert all(Draws(key).chance(100) for key in range(50))


def test_clauses_tell_each_fact_once_and_details_none():
    facts = lines_of("facts")
    for unit, lines in facts.items():
        assert len(set(lines)) == len(lines)
        for line in lines:
            names = [x for x in placeholders(line) if x not in ("he", "his")]
            assert sorted(names) == sorted(unit.split("+")), line
            assert line.startswith(",") == line.endswith(","), line
            assert not re.search(r"[.?!]|\b(she|him|hers?)\b|  ", line), line
        assert sum(line.startswith("{he} ") for line in lines) >= 3
        assert sum(line.startswith(",") for line in lines) >= 1
    for line in facts["employer+employer_city"]:
        assert line.index("{employer}") < line.index("{employer_city}")
    for names in ("bios", "tiny"):
        assert set(worlds.build_bios(1, lists=names).sentences) <= facts.keys()

    details = lines_of("details")
    for lines in details.values():
        assert len(set(lines)) == len(lines)
        for line in lines:
            assert set(placeholders(line)) <= {"he", "his", *details}, line
            assert not re.search(r"\d|\b(she|her|him)\b|  ", line), line


def with_words(write, words):
    """Makes the small world with an attribute of these values."""
    return write(
        **{
            "values/word.txt": "\n".join(dict.fromkeys(words)),
            "order.txt": "birth\nemployer\ncity\nword",
            "templates/word.txt": "{name} says {value}.",
        }
    )


def test_lines_with_a_value_are_left_out(write):
    """And lines with a list that has no line left."""
    lists = lines_of("details")
    details = Wording(with_words(write, ["chess", "choir", *lists["mood"]])).details
    every = [line for lines in details.values() for line in lines]
    assert not any(re.search(r"\b(chess|choir|patient)\b", line) for line in every)
    assert details["mood"] == []
    assert not any("{mood}" in line for line in every)
    assert "pottery" in details["hobby_noun"]
    assert "{his} hobbies are {hobby} and {hobby_noun}" in details["aside"]


def test_no_opening_left(write):
    words = ["is", "has", "leads", "would", "never", "likes", "spends", "gets", "sings"]
    words += [line.split()[0] for line in lines_of("details")["habit"]]
    with pytest.raises(ValueError, match="are words that every opening line"):
        Wording(with_words(write, words))


def test_predicates_share_a_subject():
    world = worlds.build_bios(5, lists="mini")
    wording = Wording(world)

    def merge(*clauses):
        return Writer(wording, world.person(0), Draws(0))._merge([*clauses])

    a, b, c = Clause("{he} a"), Clause("{he} b"), Clause("{he} c")
    assert merge(a, b, c) == ("{he} a, b and c", 3)
    assert merge(a, b) == ("{he} a and b", 2)
    assert merge(Clause("{name} a"), b) == ("{name} a and b", 2)
    assert merge(a) == ("{he} a", 1)
    text, taken = merge(a, Clause("{his} d"), c)
    assert taken == 2
    assert re.fullmatch(r"\{he\} a(, |; ).*\{his\} d", text) or ", and {his} d" in text
    assert merge(a, Clause("{he} x.", alone=True)) == ("{he} a", 1)
    assert merge(Clause("x.", alone=True), a) == ("x.", 1)
