"""Biographies: whole documents by hand, what counts in them, and uniform choices."""

import itertools

import numpy as np
import pytest
from documents import marked, spans_of
from scipy import stats

from kscale import corpora, worlds

PEOPLE = np.arange(12)


def first_document(corpus, person):
    return corpus.plan(np.array([person]), np.array([0]))[0]


DOCUMENTS = {
    "possessive name, pronoun, full name again; the city follows from the employer": (
        {},
        "<name| {name}>'s birthday is in<birth| {birth}>.<pronoun| {pronoun}> works for"
        "<employer| {employer}> now. {name} is in {city}.",
    ),
    # A possessive tells the gender, too; the pronoun is not counted again.
    "the city, told first, is a part of what the employer costs": (
        {"order.txt": "city\nbirth\nemployer"},
        "<name| {name}> is in<city| {city}>.<pronoun| {possessive}> birthday is in"
        "<birth| {birth}>. {pronoun} works for<employer| {employer}> now.",
    ),
    "two facts before their attribute": (
        {
            "values/employer+city.txt": "",
            "values/employer+city+sector.txt": "Acme;Rome;steel\nBolt;Oslo;wood",
            "templates/sector.txt": "{name} knows {value}.",
            "order.txt": "city\nsector\nemployer\nbirth",
        },
        "<name| {name}> is in<city| {city}>. {name} knows<sector| {sector}>."
        "<pronoun| {pronoun}> works for<employer| {employer}> now. {possessive}"
        " birthday is in<birth| {birth}>.",
    ),
    "the pronoun inside the first sentence": (
        {
            "templates/birth.txt": "{name} says {possessive} birthday is {value}.",
            "templates/employer.txt": "At {value} works {pronoun}.",
        },
        "<name| {name}> says<pronoun| {possessive}> birthday is<birth| {birth}>. At"
        "<employer| {employer}> works {pronoun}. {name} is in {city}.",
    ),
}


@pytest.mark.parametrize(("changes", "text"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_by_hand(write, changes, text):
    corpus = corpora.Biographies(write(**changes), shuffled=False)
    for person, scored in zip(PEOPLE, corpus.score_plan(PEOPLE), strict=True):
        expected = text.format(**corpus.world.person(person))
        assert marked(corpus, first_document(corpus, person)) == expected
        assert marked(corpus, scored) == expected


def test_biod_paragraphs_by_hand():
    world = worlds.build_biod(3, 2, 3, 5, 2, 7, name_parts=(3, 3))
    paper = corpora.Biographies(world, shuffled=False)
    bare = corpora.Biographies(world, shuffled=False, style="bare")
    facts = world.person(1)
    ids = (facts[name].split(" ") for name in ("ID 1", "ID 2"))
    one, two = (
        f"<ID {i}| {' '.join(x[:2])}><ID {i}| {' '.join(x[2:])}>"
        for i, x in enumerate(ids, 1)
    )
    assert marked(paper, first_document(paper, 1)) == (
        f"<name| {facts['name']}> 's ID 1 is{one} . Her ID 2 is{two} ."
    )
    row = first_document(bare, 1)
    assert marked(bare, row) == f"<name| {facts['name']}> ID 1{one} ID 2{two}"
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


AWAY, AT = "It was {value} when {name} came.", "{name} is at {value}."


@pytest.mark.parametrize(
    ("changes", "shuffled", "message"),
    [
        ({"birth": AWAY}, False, "birth"),
        ({"city": AWAY}, True, "city"),
        ({"city": AWAY}, False, None),  # it never begins a text
        ({"employer": AT}, True, "birth"),
        ({"employer": AT}, False, "birth"),
        ({"birth": "{name}: {value}, {possessive} day", "employer": AT}, False, None),
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
    changes = {
        "templates/birth.txt": away + "\n{name} came in {value}.",
        "templates/employer.txt": plain + "\n{name} likes {value} as {pronoun} is.",
    }
    corpus = corpora.Biographies(write(**changes), shuffled=False)
    for row in corpus.score_plan(PEOPLE):
        names = [name for _, name in spans_of(corpus, row) if name]
        assert names == ["name", "birth", "employer", "pronoun"]


def test_simple_text_is_the_same_and_fresh_text_is_not():
    world = worlds.build_bios(100, lists="mini")
    people = np.repeat(np.arange(100), 3)
    exposures = np.tile([0, 5, 999], 100)
    plans = (
        corpora.Biographies(world, fresh=fresh).plan(people, exposures)
        for fresh in (False, True)
    )
    simple, fresh = (plan.reshape(100, 3, -1) for plan in plans)
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
    starts, numbers = corpus._grammar.ranges.T
    assert numbers.tolist() == [50] * 6
    # 6 log2 50 + log2 720 = 43.355 bits of a biography say nothing of the person.
    choice = corpus._choose("training", *address) - starts
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
