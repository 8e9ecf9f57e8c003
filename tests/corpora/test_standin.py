"""The stand-in for bioR: accepted by Rewrites, varied, free of other facts."""

import functools
import itertools
import json
import re

import numpy as np
import pytest

from kscale import corpora, worlds
from kscale.corpora.standin import write_biographies

every_world = pytest.mark.parametrize("lists", ["bios", "mini", "tiny"])


@functools.cache
def written(lists, people=40, texts=40):
    world = worlds.build_bios(people, lists=lists)
    return world, [write_biographies(world, person, texts) for person in range(people)]


def labels_of(world):
    """Every name and value of the lists."""
    columns = [*world.name_columns]
    for attribute in world.attributes:
        if attribute.name != "pronoun":
            columns += [*attribute.columns, *attribute.derived]
    return {label for column in columns for label in column.strings}


def any_of(words):
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")


@every_world
def test_every_text_scores_every_attribute(lists, tmp_path):
    world, texts = written(lists)
    file = tmp_path / "texts.jsonl"
    with file.open("w") as out:
        for person, own in enumerate(texts):
            for text in own:
                out.write(json.dumps({"id": person, "text": text}) + "\n")
    corpus = corpora.Rewrites(world, file, skip_unfound=False)
    assert (corpus.num_people, corpus.skipped_texts) == (40, 0)
    scored = {x.name for x in corpus.labels if x.kind in ("name", "value")}
    plan = corpus.plan(np.repeat(np.arange(40), 40), np.tile(np.arange(40), 40))
    assert len(np.unique(plan)) == 1600
    for row, person in zip(plan, np.repeat(np.arange(40), 40), strict=True):
        spans, facts = corpora.compose_document(corpus, row), world.person(person)
        found = {corpus.labels[s.label].name: s.text for s in spans}
        assert scored <= found.keys()
        assert spans[0].text == " " + facts["name"]
        for name in scored - {"pronoun"}:
            assert found[name] == " " + facts[name]
        assert found["pronoun"][1:].lower() in (
            facts["pronoun"].lower(),
            facts["possessive"].lower(),
        )


@every_world
def test_texts_hold_no_other_value(lists):
    """With the person's own facts struck out, nothing of the lists is left."""
    world, texts = written(lists)
    other = any_of(labels_of(world))
    for person, own in enumerate(texts):
        facts = any_of(world.person(person).values())
        for text in own:
            assert not other.search(facts.sub("~", text)), text
            assert not set(text) & set("{}")


@every_world
def test_every_fact_is_told_the_employer_before_its_city(lists):
    world, texts = written(lists)
    for person, own in enumerate(texts):
        facts = world.person(person)
        for text in own:
            rest = text.replace(facts["name"], "")
            assert all(facts[name] in rest for name in world.sentences)
            assert rest.index(facts["employer"]) < rest.index(facts["employer_city"])


def triples(text):
    words = text.split()
    return set(zip(words, words[1:], words[2:], strict=False))


def overlap(texts):
    """Mean share of word triples that two texts have in common."""
    sets = [triples(text) for text in texts]
    pairs = itertools.combinations(sets, 2)
    return np.mean([len(a & b) / len(a | b) for a, b in pairs])


def test_texts_of_a_person_differ_more_than_those_of_bios():
    world, texts = written("bios")
    assert all(len(set(own)) == 40 for own in texts)
    bios = corpora.Biographies(world)
    told = []
    for person in range(10):
        plan = bios.plan(np.full(40, person), np.arange(40))
        rows = [corpora.compose_document(bios, row) for row in plan]
        told.append(["".join(span.text for span in row) for row in rows])
    ours, theirs = (np.mean([overlap(x) for x in t]) for t in (texts[:10], told))
    assert ours == pytest.approx(0.04, abs=0.01)
    assert theirs == pytest.approx(0.07, abs=0.015)
    lengths = [len(text.split()) for own in texts for text in own]
    assert np.percentile(lengths, 90) > 2 * np.percentile(lengths, 10)


def test_a_text_is_a_function_of_its_address():
    world, texts = written("mini")
    assert write_biographies(world, 7, 3) == texts[7][:3]
    again = worlds.build_bios(1000, lists="mini")
    assert write_biographies(again, 7, 40) == texts[7]
    other = worlds.build_bios(40, seed=1, lists="mini")
    for changed in (
        write_biographies(world, 7, 40, seed=1),
        write_biographies(other, 7, 40),
    ):
        assert not set(changed) & set(texts[7])


def test_sentences_are_merged_and_led():
    _, texts = written("bios")
    whole = "\n".join(itertools.chain.from_iterable(texts))
    assert len(re.findall(r"; what is more, ", whole)) > 50
    assert len(re.findall(r"\. As it happens, ", whole)) > 20
    assert re.search(r"studied [A-Z][\w ]+ and (was|has|is|works|keeps) ", whole)
    assert re.search(r"^[A-Z]\w+ [A-Z]\w+ [A-Z]\w+, born ", whole, re.MULTILINE)
    orders = set()
    for own in texts:
        for text in own:
            verbs = ("born", "degree", "employ")
            orders.add(tuple(sorted(verbs, key=text.find)))
    assert len(orders) == 6


def test_a_world_without_words_is_told_by_its_templates(write):
    world = write()
    for person in range(12):
        facts = world.person(person)
        texts = write_biographies(world, person, 5)
        assert len(set(texts)) == 5
        for text in texts:
            assert corpora.FactFinder(world).scores_whole(person, text)
            assert f"{facts['possessive']} birthday is in {facts['birth']}." in text
            assert f"{facts['name']} is in {facts['city']}." in text


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


def test_names_that_are_values():
    """Three in 64 ^ 3 names are Duke; the university is found behind the name."""
    world = worlds.build_bios(20_000, lists="tiny")
    people = [
        p
        for p in range(20_000)
        if (f := world.person(p))["university"] in f["name"].split()
    ]
    assert people
    for person in people[:5]:
        assert len(write_biographies(world, person, 10)) == 10


def test_refusals(write):
    world = write()
    with pytest.raises(ValueError, match="texts=0 must be at least 1"):
        write_biographies(world, 0, 0)
    with pytest.raises(
        ValueError, match=r"\(bioD\) does not have: use worlds.build_bios"
    ):
        write_biographies(worlds.build_biod(5), 0)


def test_values_that_cannot_be_told_apart(write):
    world = write(
        people=1,
        **{
            "values/home.txt": "Acme",
            "values/employer+city.txt": "Acme;Rome",
            "templates/home.txt": "{name} calls {value} home.",
            "order.txt": "birth\nemployer\ncity\nhome",
        },
    )
    with pytest.raises(ValueError, match=r"person 0 \(.*\): in 64 tries no new text"):
        write_biographies(world, 0)
