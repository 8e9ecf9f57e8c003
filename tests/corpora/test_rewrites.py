"""bioR: spans found in written texts, errors, skips, and the renderer's own texts."""

import json

import numpy as np
import pytest
from documents import marked, text_of

from kscale import corpora, worlds
from kscale.corpora import FactFinder, Rewrites


def write_texts(folder, texts, name="texts.jsonl"):
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"id": i, "text": text}) for i, text in texts]
    (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def texts_of(world, exposures=1):
    """Yields (person, text) of template biographies, shuffled if there are several."""
    corpus = corpora.Biographies(world, shuffled=exposures > 1)
    for person in range(world.people):
        for row in corpus.plan(np.full(exposures, person), np.arange(exposures)):
            yield person, text_of(corpus, row).strip()


def test_a_text_by_hand(write, tmp_path):
    world = write(people=1)
    facts = world.person(0)
    text = (
        f"{facts['name']}, born in {facts['birth']}: {facts['pronoun'].lower()} joined"
        f" {facts['employer']} in {facts['city']}, and {facts['name']} stayed."
    )
    corpus = Rewrites(world, write_texts(tmp_path / "t", [(0, text)]))
    facts["pronoun"] = facts["pronoun"].lower()
    assert marked(corpus, [1]) == (
        "<name| {name}>, born in<birth| {birth}>:<pronoun| {pronoun}> joined"
        "<employer| {employer}> in {city}, and {name} stayed."
    ).format(**facts)
    assert corpus.score_plan(np.array([0])).tolist() == [[1]]
    assert corpus.pieces[0] == ()
    with pytest.raises(IndexError):
        corpus.pieces[2]


def test_the_renderers_own_texts_have_its_spans(tmp_path):
    """What was composed from templates is found again in the written text."""
    world = worlds.build_bios(60, lists="mini")
    rendered = corpora.Biographies(world)
    folder = write_texts(tmp_path / "t", texts_of(world, 4))
    found = Rewrites(world, folder, skip_unfound=True)
    plan = rendered.plan(np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60))
    same = 0
    for text, row in enumerate(plan):
        facts = world.person(text // 4)
        if facts["birth_city"] == facts["employer_city"]:
            continue  # nobody can tell which of the two is written first
        piece = corpora.compose_document(found, np.array([1 + text]))
        assert piece == corpora.compose_document(rendered, row)
        same += 1
    assert same > 200


def test_exposures_go_through_the_texts_of_a_person(write, tmp_path):
    world = write(people=3)
    texts = list(texts_of(world, 4))
    corpus = Rewrites(world, write_texts(tmp_path / "t", texts[::-1]), True)
    people = np.repeat(np.arange(3), 8)
    plan = corpus.plan(people, np.tile(np.arange(8), 3)).reshape(3, 8)
    assert np.array_equal(plan[:, :4], plan[:, 4:])  # exposure e tells text e mod 4
    assert sorted(plan[:, :4].ravel()) == list(range(1, 13))


def test_the_city_before_its_employer_counts(write, tmp_path):
    """Also where the employer's own name stands in the city's."""
    world = write(people=1, **{"values/employer+city.txt": "Acme;Acme Town"})
    facts = world.person(0)
    text = (
        f"{facts['name']} of Acme Town is at Acme, in Acme Town."
        f" {facts['possessive']} month: {facts['birth']}."
    )
    corpus = Rewrites(world, write_texts(tmp_path / "t", [(0, text)]))
    start = "<name| {name}> of<city| Acme Town> is at<employer| Acme>, in Acme Town."
    assert marked(corpus, [1]).startswith(start.format(**facts))
    assert corpus.score_plan(np.array([0])).tolist() == [[1]]


def test_a_value_in_a_name_is_no_value(write, tmp_path):
    """Somebody called Bolt works for Bolt: the name tells nothing of the employer."""
    bolt = {"names/2_last.txt": "Bolt", "values/employer+city.txt": "Bolt;Oslo"}
    world = write(people=1, **bolt)
    facts = world.person(0)
    start = f"{facts['name']}, born in {facts['birth']}."
    rest = f" {facts['name']}: {facts['pronoun']} works for Bolt."
    corpus = Rewrites(world, write_texts(tmp_path / "t", [(0, start + rest)]), True)
    assert marked(corpus, [1]) == (
        "<name| {name}>, born in<birth| {birth}>. {name}:<pronoun| {pronoun}> works for"
        "<employer| Bolt>."
    ).format(**facts)
    assert FactFinder(world).scores_whole(0, start + rest)
    assert not FactFinder(world).scores_whole(0, start)
    assert not FactFinder(world).scores_whole(0, "Oh, " + start + rest)


def test_a_city_that_is_two_facts_gives_the_employer_away(write, tmp_path):
    """Born where the employer sits: the city, however labelled, tells the employer."""
    home = {
        "values/home.txt": "Rome",
        "templates/home.txt": "{name} is of {value}.",
        "order.txt": "birth\nemployer\ncity\nhome",
        "values/employer+city.txt": "Acme;Rome\nBolt;Rome",
    }
    world = write(people=1, **home)
    facts = world.person(0)
    employer, rest = facts["employer"], f"{facts['possessive']} {facts['birth']}."
    late = f"{facts['name']} of Rome is at {employer}, {rest}"
    early = f"{facts['name']} is at {employer} in Rome, {rest}"
    texts = [(0, late), (0, early)]
    corpus = Rewrites(world, write_texts(tmp_path / "t", texts), True)
    assert "<employer|" not in marked(corpus, [1])
    assert corpus.score_plan(np.array([0])).tolist() == [[2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": 0}', r"line 1: .* is not an object with 'id', a whole number, and 't"),
        ('{"id": 0.9, "text": "x"}', "is not an object with 'id', a whole number"),
        ('{"id": 1e999, "text": "x"}', "is not an object"),
        ('{"id": 0, "text": null}', "is not an object"),
        ("nonsense", "is not an object"),
        ("[1, 2]", "is not an object"),
        ('{"id": 12, "text": "x"}', r"id 12 is outside this world's 0\.\.11"),
        ('{"id": 0, "text": "x"}', "id 0: the name .* is not in the text"),
    ],
)
def test_bad_lines(write, tmp_path, line, message):
    world = write()
    file = tmp_path / "bad.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        Rewrites(world, file)


def test_an_absent_value_is_named(write, tmp_path):
    world = write(people=1)
    facts = world.person(0)
    text = f"{facts['name']} {facts['pronoun']} {facts['birth']} {facts['city']}"
    folder = write_texts(tmp_path / "t", [(0, text)])
    with pytest.raises(ValueError, match=f"id 0: the employer '{facts['employer']}'"):
        Rewrites(world, folder)
    with pytest.raises(ValueError, match="no usable text of any person"):
        Rewrites(world, folder, skip_unfound=True)


def test_skipped_texts_and_people_are_counted(write, tmp_path):
    world = write(people=4)
    texts = [(person, text) for person, text in texts_of(world) if person != 2]
    texts[0] = (0, "nothing of interest")
    folder = write_texts(tmp_path / "t", [*texts, (1, "nor here")])
    corpus = Rewrites(world, folder, skip_unfound=True)
    assert (corpus.num_people, corpus.skipped_people, corpus.skipped_texts) == (2, 2, 2)
    assert corpus.people(np.arange(2)).tolist() == [1, 3]
    with pytest.raises(ValueError, match="no usable text tells of person 2"):
        corpus.plan(np.array([1, 2]), np.array([0, 0]))
    with pytest.raises(ValueError, match="no usable text tells of person 0"):
        corpus.score_plan(np.array([0]))
    with pytest.raises(ValueError, match=r"id 0: the name"):
        Rewrites(world, folder)
    folder = write_texts(tmp_path / "one", list(texts_of(world))[:1])
    with pytest.raises(ValueError, match=r"person 1 \(.*\) has 0 texts"):
        Rewrites(world, folder)


def test_files(write, tmp_path):
    world = write(people=2)
    texts = list(texts_of(world))
    folder = write_texts(tmp_path / "t", texts[:1], "a.jsonl")
    write_texts(folder, texts[1:], "b.jsonl")
    both = Rewrites(world, folder)
    listed = Rewrites(world, [folder / "a.jsonl", str(folder / "b.jsonl")])
    assert list(both.pieces) == list(listed.pieces)
    with pytest.raises(ValueError, match="does not exist"):
        Rewrites(world, folder / "c.jsonl")
    with pytest.raises(ValueError, match=r"holds no \.jsonl file"):
        Rewrites(world, tmp_path / "values")
