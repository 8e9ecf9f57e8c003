"""Biographies: whole documents by hand, what counts in them, and uniform choices."""

import itertools
import math

import numpy as np
import pytest
from documents import spans_of, text_of
from scipy import stats

from kscale import corpora, worlds

PEOPLE = np.arange(12)


def first_document(corpus, person):
    return corpus.plan(np.array([person]), np.array([0]))[0]


def test_a_document_by_hand(write):
    """Possessive name, pronoun, full name again; text after a value."""
    world = write()
    corpus = corpora.Biographies(world, shuffled=False)
    for person in range(12):
        facts = world.person(person)
        name = facts["name"]
        assert spans_of(corpus, first_document(corpus, person)) == [
            (f" {name}", "name"),
            ("'s birthday is in", ""),
            (f" {facts['birth']}", "birth"),
            (".", ""),
            (f" {facts['pronoun']}", "pronoun"),
            (" works for", ""),
            (f" {facts['employer']}", "employer"),
            (
                f" now. {name} is in {facts['city']}.",
                "",
            ),  # it follows from the employer
        ]


def test_a_document_that_tells_the_city_first(write):
    """The city is then a part of what the employer costs."""
    world = write(**{"order.txt": "city\nbirth\nemployer"})
    corpus = corpora.Biographies(world, shuffled=False)
    facts = world.person(3)
    pronoun, employer = facts["pronoun"], facts["employer"]
    assert spans_of(corpus, first_document(corpus, 3)) == [
        (f" {facts['name']}", "name"),
        (" is in", ""),
        (f" {facts['city']}", "city"),
        (".", ""),
        (f" {facts['possessive']}", "pronoun"),  # a possessive tells the gender, too
        (" birthday is in", ""),
        (f" {facts['birth']}", "birth"),
        (f". {pronoun} works for", ""),  # the pronoun is not counted again
        (f" {employer}", "employer"),
        (" now.", ""),
    ]


def test_two_facts_before_their_attribute_count(write):
    world = write(
        **{
            "values/employer+city.txt": "",
            "values/employer+city+sector.txt": "Acme;Rome;steel\nBolt;Oslo;wood",
            "templates/sector.txt": "{name} knows {value}.",
            "order.txt": "city\nsector\nemployer\nbirth",
        }
    )
    corpus = corpora.Biographies(world, shuffled=False)
    rows = first_document(corpus, 0), corpus.score_plan(np.array([0]))[0]
    training, score = ([x for _, x in spans_of(corpus, row) if x] for row in rows)
    assert training == ["name", "city", "sector", "pronoun", "employer", "birth"]
    assert score == training


def test_the_pronoun_inside_the_first_sentence(write):
    """Its first use counts, even in the sentence that opens; the second never."""
    world = write(
        **{
            "templates/birth.txt": "{name} says {possessive} birthday is {value}.",
            "templates/employer.txt": "At {value} works {pronoun}.",
            "order.txt": "birth\nemployer\ncity",
        }
    )
    corpus = corpora.Biographies(world, shuffled=False)
    facts, row = world.person(5), first_document(corpus, 5)
    assert spans_of(corpus, row)[:5] == [
        (f" {facts['name']}", "name"),
        (" says", ""),
        (f" {facts['possessive']}", "pronoun"),
        (" birthday is", ""),
        (f" {facts['birth']}", "birth"),
    ]
    assert f"At {facts['employer']} works {facts['pronoun']}." in text_of(corpus, row)


def test_biod_paragraphs_by_hand():
    world = worlds.build_biod(3, 2, 3, 5, 2, 7, name_parts=(3, 3))
    paper = corpora.Biographies(world, shuffled=False)
    bare = corpora.Biographies(world, shuffled=False, style="bare")
    facts = world.person(1)
    words = {name: facts[name].split(" ") for name in ("ID 1", "ID 2")}
    first = {name: " " + " ".join(word[:2]) for name, word in words.items()}
    rest = {name: " " + " ".join(word[2:]) for name, word in words.items()}
    assert spans_of(paper, first_document(paper, 1)) == [
        (f" {facts['name']}", "name"),
        (" 's ID 1 is", ""),
        (first["ID 1"], "ID 1"),
        (rest["ID 1"], "ID 1"),
        (" . Her ID 2 is", ""),
        (first["ID 2"], "ID 2"),
        (rest["ID 2"], "ID 2"),
        (" .", ""),
    ]
    row = first_document(bare, 1)
    assert text_of(bare, row) == (
        f" {facts['name']} ID 1 {facts['ID 1']} ID 2 {facts['ID 2']}"
    )
    kinds = [bare.labels[s.label].kind for s in corpora.compose_document(bare, row)]
    assert kinds == ["name", "text", "value1", "value", "text", "value1", "value"]


@pytest.mark.parametrize("lists", ["bios", "mini"])
@pytest.mark.parametrize("fresh", [True, False])
def test_scoring_documents(lists, fresh):
    """Each piece of knowledge counts once, in a document that opens with the name."""
    world = worlds.build_bios(500, lists=lists)
    corpus = corpora.Biographies(world, fresh=fresh)
    for person, row in enumerate(corpus.score_plan(np.arange(500))):
        found, facts = spans_of(corpus, row), world.person(person)
        names = [name for _, name in found if name]
        if "employer_city" in names:  # told first, as a part of what the employer costs
            assert names.index("employer_city") < names.index("employer")
            names.remove("employer_city")
        assert sorted(names) == sorted(["name", *(a.name for a in world.attributes)])
        assert found[0] == (" " + facts["name"], "name")
        forms = facts["pronoun"], facts["possessive"]
        for part, name in found:
            assert not name or part[1:] == facts[name] or part[1:] in forms


def test_scoring_biod():
    corpus = corpora.Biographies(worlds.build_biod(50, 3, 2, 5, 1, 9))
    for row in corpus.score_plan(np.arange(50)):
        kinds = [corpus.labels[s.label] for s in corpora.compose_document(corpus, row)]
        counted = [(k.name, k.kind) for k in kinds if k.kind != "text"]
        assert sorted(counted) == sorted((x.name, x.kind) for x in corpus.labels[1:])


AWAY = "It was {value} when {name} came."


@pytest.mark.parametrize(
    ("changes", "shuffled", "message"),
    [
        ({"birth": AWAY}, False, "birth"),
        ({"city": AWAY}, True, "city"),
        ({"city": AWAY}, False, None),  # it never begins a text
        ({"employer": "{name} is at {value}."}, True, "birth"),
        ({"employer": "{name} is at {value}."}, False, "birth"),
        (
            {
                "birth": "{name}, {possessive} day is {value}.",
                "employer": "{name} is at {value}.",
            },
            False,
            None,
        ),
    ],
)
def test_templates_that_cannot_be_scored_are_refused(write, changes, shuffled, message):
    world = write(**{f"templates/{name}.txt": x for name, x in changes.items()})
    if not message:
        assert len(corpora.Biographies(world, shuffled=shuffled).score_plan(PEOPLE))
        return
    why = {
        True: "no line begins with the person: begin one with {name}",
        False: "it has no pronoun after the name: use {pronoun} in another sentence",
    }[AWAY in changes.values()]
    with pytest.raises(ValueError, match=f"{message}.txt: a text that .* for {why}$"):
        corpora.Biographies(world, shuffled=shuffled)


def test_a_single_line_that_can_be_scored_is_found(write):
    """Whatever the draws: of 400 lines one begins with the name, one has a pronoun."""
    away = "\n".join(f"On day {i} at {{value}} came {{name}}." for i in range(399))
    plain = "\n".join(f"{{name}} is at {{value}}, {i}." for i in range(399))
    world = write(
        **{
            "templates/birth.txt": away + "\n{name} came in {value}.",
            "templates/employer.txt": plain + "\n{name} likes {value} as {pronoun} is.",
        }
    )
    corpus = corpora.Biographies(world, shuffled=False)
    for row in corpus.score_plan(PEOPLE):
        names = [name for _, name in spans_of(corpus, row) if name]
        assert names == ["name", "birth", "employer", "pronoun"]


def test_simple_text_is_the_same_and_fresh_text_is_not():
    world = worlds.build_bios(100, lists="mini")
    people = np.repeat(np.arange(100), 3)
    exposures = np.tile([0, 5, 999], 100)
    simple, fresh = (
        corpora.Biographies(world, fresh=fresh).plan(people, exposures)
        for fresh in (False, True)
    )
    simple, fresh = simple.reshape(100, 3, -1), fresh.reshape(100, 3, -1)
    assert (simple == simple[:, :1]).all()
    assert (fresh[:, 0] != fresh[:, 1]).any(axis=1).all()
    assert len(np.unique(simple[:, 0], axis=0)) == 100


def test_a_document_does_not_depend_on_its_batch_but_on_its_seed():
    corpus, again = (
        corpora.Biographies(worlds.build_bios(100, lists="mini")) for _ in range(2)
    )
    people, exposures = np.arange(40) * 2 % 100, np.arange(40)
    plan = corpus.plan(people, exposures)
    assert np.array_equal(plan[5:9], again.plan(people[5:9], exposures[5:9]))
    assert np.array_equal(corpus.plan(people[::-1], exposures[::-1]), plan[::-1])
    one, other = corpus.score_plan(people), corpus.score_plan(people, seed=1)
    assert (one != other).any(axis=1).mean() > 0.9
    assert np.array_equal(one[7:9], corpus.score_plan(people[7:9]))


def test_orders_and_templates_are_uniform():
    """All 720 orders, all 50 templates of each sentence, and no tie between them."""
    corpus = corpora.Biographies(worlds.build_bios(72_000))
    address = np.arange(72_000), np.arange(72_000) % 7
    orders = corpus._orders("training", *address)
    _, counts = np.unique(orders @ 6 ** np.arange(6), return_counts=True)
    assert len(counts) == 720
    assert stats.chisquare(counts).pvalue > 1e-4
    choice = corpus._choose("training", *address) - corpus._grammar.ranges[:, 0]
    for i in range(6):
        assert stats.chisquare(np.bincount(choice[:, i])).pvalue > 1e-4
    for i, j in itertools.combinations(range(6), 2):
        counts = np.bincount(choice[:, i] * 50 + choice[:, j], minlength=2500)
        assert stats.chisquare(counts).pvalue > 1e-5
    tied = np.bincount(choice[:, 0] * 6 + orders[:, 0], minlength=300)
    assert stats.chisquare(tied).pvalue > 1e-4


def test_orders_of_many_sentences_are_uniform():
    """Above six sentences orders are sorted words, not rows of a table."""
    world = worlds.build_biod(50_000, 8, name_parts=(100, 1000))
    corpus = corpora.Biographies(world)
    orders = corpus._orders("training", np.arange(50_000), np.zeros(50_000, int))
    assert (np.sort(orders, axis=1) == np.arange(8)).all()
    for i in range(7):
        counts = np.bincount(orders[:, i] * 8 + orders[:, i + 1], minlength=64)
        counts = counts.reshape(8, 8)[~np.eye(8, dtype=bool)]
        assert stats.chisquare(counts).pvalue > 1e-5


def test_irreducible_text():
    """6 log2 50 + log2 720 = 43.355 bits of a biography say nothing of the person."""
    numbers = corpora.Biographies(worlds.build_bios(10))._grammar.ranges[:, 1]
    assert numbers.tolist() == [50] * 6
    bits = np.log2(numbers).sum() + math.log2(math.factorial(len(numbers)))
    assert bits == pytest.approx(43.35499023497802, rel=1e-12)
