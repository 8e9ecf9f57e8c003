"""Questions: documents by hand, addresses, halves of the people, files."""

import functools
import math
import re

import numpy as np
import pytest
from documents import spans_of, text_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kscale import corpora, data, tokenizers, worlds
from kscale.corpora.questions import load_questions

FILES = {
    "questions/birth.txt": "When was {name} born?",
    "questions/employer.txt": "Who pays {name}?\nWhat is {name}'s firm?",
    "questions/city.txt": "Where does {name} work?",
}


def questions_of(corpus, rows):
    """Returns the index of the question of each document."""
    names = [spans_of(corpus, row)[-1][1] for row in rows]
    return [corpus.world.sentences.index(name) for name in names]


def by_question(corpus, person):
    """Returns a person's documents of one exposure, in the order of the sentences."""
    number = corpus.documents_per_exposure
    rows = corpus.plan(np.full(number, person), np.arange(number))
    return rows[np.argsort(questions_of(corpus, rows))]


def test_documents_by_hand(write):
    world = write(**FILES)
    corpus = corpora.Questions(world)
    assert corpus.documents_per_exposure == 3
    for person in range(12):
        facts = world.person(person)
        for name, row in zip(world.sentences, by_question(corpus, person), strict=True):
            lines = FILES[f"questions/{name}.txt"].splitlines()
            (asked, _), answer = spans_of(corpus, row)
            texts = [f" Q: {x} A:".replace("{name}", facts["name"]) for x in lines]
            assert asked in texts
            assert answer == (f" {facts[name]}", name)


def test_symbolic_questions_by_hand():
    world = worlds.build_biod(3, 2, 3, 5, 2, 7, name_parts=(3, 3))
    corpus = corpora.Questions(world)
    facts = world.person(1)
    spans = corpora.compose_document(corpus, by_question(corpus, 1)[1])
    question, first, rest = (span.text for span in spans)
    assert question == f" Q {facts['name']} ID 2 A"
    assert len(first.split()) == 2
    assert first + rest == " " + facts["ID 2"]
    assert [corpus.labels[x.label].kind for x in spans] == ["text", "value1", "value"]


@pytest.mark.parametrize(
    ("people", "odd", "even"),
    [(1, [0], None), (2, [0], [1]), (5, [0, 2, 4], [1, 3]), (6, [0, 2, 4], [1, 3, 5])],
)
def test_odd_and_even_share_out_the_people(people, odd, even):
    world = worlds.build_bios(people, lists="tiny")
    for which, expected in (("all", [*range(people)]), ("odd", odd), ("even", even)):
        if expected is None:
            with pytest.raises(ValueError, match=r"which='even' of people=1 is nobody"):
                corpora.Questions(world, which)
            continue
        corpus = corpora.Questions(world, which)
        assert corpus.num_people == len(expected)
        assert corpus.people(np.arange(corpus.num_people)).tolist() == expected
    with pytest.raises(ValueError, match="which='half': choose one of"):
        corpora.Questions(world, "half")


def test_a_document_does_not_depend_on_its_batch_nor_on_the_half():
    world = worlds.build_bios(100, lists="mini")
    people, address = np.arange(40) * 2, np.arange(40) * 7
    plan = corpora.Questions(world).plan(people, address)
    again = corpora.Questions(world, "odd").plan(people[5:9], address[5:9])
    assert np.array_equal(plan[5:9], again)
    other = corpora.Questions(world, seed=1).plan(people, address)
    assert (plan != other).any(axis=1).mean() > 0.5


def test_an_exposure_puts_every_question_once_from_one_of_the_persons_own():
    corpus = corpora.Questions(worlds.build_bios(120, lists="tiny"))
    first = []
    for person in range(120):
        rows = corpus.plan(np.full(18, person), np.arange(18))
        asked = questions_of(corpus, rows)
        assert sorted(asked[:6]) == sorted(asked[12:]) == list(range(6))
        first.append(asked[0])
    assert stats.chisquare(np.bincount(first, minlength=6)).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["exact", "zipf"])
def test_visits_in_a_row_do_not_put_questions_in_turns(kind):
    law = worlds.Law(kind, exponent=0.5)
    corpus = corpora.Questions(worlds.build_bios(500, lists="tiny", law=law))
    pool = data.tokenize(corpus, tokenizers.load_gpt2())
    stream = data.Stream(corpus, pool, 2, 64)
    asked = questions_of(corpus, corpus.plan(*stream.visit(np.arange(3000))))
    steps = np.bincount(np.diff(asked) % 6, minlength=6)
    assert stats.chisquare(steps).pvalue > 1e-3  # one after the other would be all 1


@pytest.mark.parametrize("which", ["odd", "even"])
def test_the_complement_is_asked_the_same(which):
    world = worlds.build_bios(7, lists="mini")
    corpus = corpora.Questions(world, which, seed=3)
    rest = corpus.complement()
    both = [p for x in (corpus, rest) for p in x.people(np.arange(x.num_people))]
    assert sorted(both) == list(range(7))
    everybody, people = corpora.Questions(world, seed=3), np.arange(7)
    assert np.array_equal(rest.ask(people, 2), everybody.ask(people, 2))
    assert everybody.complement() is None


def test_templates_are_uniform():
    """All 50, and none is tied to another question's or to another time's."""
    corpus = corpora.Questions(worlds.build_bios(20_000))
    people = np.arange(20_000)

    def chosen(exposure, question):
        address = people, people * 0 + exposure, people * 0 + question
        return corpus._choose("training", *address) - 50 * question

    one = chosen(0, 3)
    assert stats.chisquare(np.bincount(one, minlength=50)).pvalue > 1e-4
    for other in (chosen(0, 4), chosen(1, 3)):
        counts = np.bincount(one * 50 + other, minlength=2500)
        assert stats.chisquare(counts).pvalue > 1e-5
    # log2 50 bits of a question say nothing of the person; 6 of them 33.86.
    numbers = corpus._grammar.ranges[:, 1]
    assert math.log2(math.prod(numbers.tolist())) == pytest.approx(33.86314, abs=1e-5)


def test_tests_ask_in_other_words_and_have_no_scores_in_bits():
    world = worlds.build_bios(300)
    corpus = corpora.Questions(world)
    people = np.arange(300)
    asked = corpus.ask(people, 3)
    assert np.array_equal(asked, corpus.ask(people, np.full(300, 3)))
    training = np.stack([by_question(corpus, person)[3] for person in people])
    assert (asked != training).any(axis=1).mean() > 0.9
    assert (asked != corpus.ask(people, 3, seed=1)).any(axis=1).mean() > 0.9
    for person, row in zip(people, asked, strict=True):
        assert text_of(corpus, row).endswith(f"A: {world.person(person)['major']}")
    with pytest.raises(ValueError, match=r"question 6\.\.6 is outside 0\.\.5"):
        corpus.ask(people, 6)
    with pytest.raises(ValueError, match="not scored in bits"):
        corpus.score_plan(people)


def test_a_folder_without_questions_has_plain_ones(write):
    world = write(
        **{
            "values/home_town.txt": "Rome\nOslo",
            "order.txt": "home_town\nbirth\nemployer",
            "templates/home_town.txt": "{name} is of {value}.",
        }
    )
    corpus = corpora.Questions(world)
    row = corpus.plan(np.array([2]), np.array([0]))[0]
    facts = world.person(2)
    assert text_of(corpus, row) == (
        f" Q: What is the home town of {facts['name']}? A: {facts['home_town']}"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", r"questions/city\.txt does not exist"),
        *(
            (line, r"city\.txt, line 1: .* must have {name} once")
            for line in ("{name}", "Who is it?", "Is {name} {name}?", "{name} {value}?")
        ),
    ],
)
def test_bad_files(write, line, message):
    with pytest.raises(ValueError, match=message):
        load_questions(write(**FILES | {"questions/city.txt": line}))


@functools.cache
def corpus_and_pool(lists):
    corpus = corpora.Questions(worlds.build_bios(64, lists=lists))
    return corpus, data.tokenize(corpus, tokenizers.load_gpt2())


@pytest.mark.parametrize("lists", ["bios", "mini", "tiny"])
@given(person=st.integers(0, 63), address=st.integers(0, 10**6))
def test_pieces_have_the_tokens_of_the_whole_text(lists, person, address):
    corpus, pool = corpus_and_pool(lists)
    plan = corpus.plan(np.array([person]), np.array([address]))
    documents = pool.compose(plan)
    ids = pool.vocabulary.to_original(documents.tokens).tolist()
    tokenizer = tokenizers.load_gpt2()
    assert ids == [tokenizer.eos, *tokenizer.encode(text_of(corpus, plan[0]))]
    (asked, _), (answer, name) = spans_of(corpus, plan[0])
    facts = corpus.world.person(person)
    assert answer == " " + facts[name]
    assert tokenizer.decode(np.array(ids)[documents.labels > 0]) == answer
    assert re.fullmatch(r" Q: .*\? A:", asked)
    assert asked.count(facts["name"]) == 1
