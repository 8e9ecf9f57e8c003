"""Mixtures: who is in which window, how often, under which labels and tokens."""

import dataclasses

import numpy as np
import pytest
from support.mixtures import ASKED, JUNK, count_names, read_windows

from kscale import configs, corpora, data, tokenizers, worlds
from kscale.configs import fields
from kscale.configs.base import CorpusConfig, PartConfig, WorldConfig, place_parts
from kscale.data.tokenized import PAD
from kscale.runs import mixture
from kscale.runs.task import prepare
from kscale.worlds import Law


def names(world):
    return {world.person(i)["name"] for i in range(world.people)}


def test_labels_of_parts_come_after_the_runs_own(made):
    task = made(JUNK, ASKED)
    own = [label.name for label in task.corpus.labels]
    assert task.labels[: len(own)] == own
    assert task.labels[len(own) : 2 * len(own)] == [f"junk/{name}" for name in own]
    assert task.labels[2 * len(own) :] == [f"asked/{name}" for name in own]


def test_a_window_holds_the_labels_of_its_kind_alone(made):
    task, n = made(JUNK, ASKED), len(made().corpus.labels)
    for kind in range(3):
        _, labels = read_windows(task, kind)
        counted = labels[labels != PAD]
        assert counted.size
        assert (counted // n == kind).all()
    # Of questions only text and answers are labelled: nobody's name.
    told = {task.labels[i] for i in np.unique(labels) if i != PAD}
    assert told == {"asked/text"} | {f"asked/{name}" for name in task.world.sentences}


def test_bio_d_parts_have_labels_for_first_chunks_of_their_own(little):
    demo = configs.load("demo:people=12,exposures=3")
    task = prepare(dataclasses.replace(demo, parts=(JUNK,)))
    half = len(task.labels) // 2
    assert "ID 1/first" in task.labels[:half]
    assert task.labels[half:] == [f"junk/{name}" for name in task.labels[:half]]


def test_the_vocabulary_is_shared(made):
    task, alone = made(JUNK, ASKED), made()
    for part in task.parts:
        assert part.pool.vocabulary is task.pool.vocabulary
    more = set(task.pool.vocabulary.original_ids.tolist())
    less = set(alone.pool.vocabulary.original_ids.tolist())
    assert less < more
    question = tokenizers.load_gpt2().encode(" Q: A")
    assert set(question) <= more
    assert task.config.model.vocab == len(more)
    # People of one set of lists need no tokens of their own.
    assert made(JUNK).config.model.vocab == alone.config.model.vocab


def test_steps_read_every_window_of_every_kind(made):
    task = made(JUNK, ASKED)
    main, junk, asked = task.order.stream.shares
    batch = task.config.data.batch
    assert main == made().order.stream.num_windows
    assert junk == 7 * main
    assert task.order.part_windows == [junk, asked]
    assert task.order.steps == -(-(main + junk + asked) // batch)
    assert (all_labels(task) != PAD).sum() == task.order.stream.total_tokens - 1


def all_labels(task):
    whole = task.order.stream
    return whole.windows(0, whole.num_windows)["labels"][:, 1:]


def test_useful_people_are_met_exactly_as_often_as_without_parts(made):
    task = made(JUNK, ASKED)
    tokens, labels = read_windows(task, 0)
    assert count_names(task, task.world, tokens) == [6] * 16
    assert task.order.visits().tolist() == [6] * 16
    alone = made()
    arrays = alone.order.stream.windows(0, alone.order.stream.num_windows)
    back = alone.pool.vocabulary.to_original(arrays["tokens"][:, 1:].ravel())
    np.testing.assert_array_equal(task.pool.vocabulary.to_original(tokens), back)
    np.testing.assert_array_equal(labels, arrays["labels"][:, 1:].ravel())
    assert task.order.exposures == 6.0


def test_seven_windows_of_junk_come_to_each_useful_one_everywhere(made):
    stream = made(JUNK).order.stream
    kinds = stream.parts(0, stream.num_windows)
    assert (kinds == 1).sum() == 7 * (kinds == 0).sum()
    useful = np.cumsum(kinds == 0)
    assert np.abs(useful - np.arange(1, len(kinds) + 1) / 8).max() < 1
    # Nobody of the junk is seen much more often than another, and there is no padding.
    tokens, labels = read_windows(made(JUNK), 1)
    assert (labels != PAD).all()
    counts = count_names(made(JUNK), made(JUNK).parts[0].corpus.world, tokens)
    assert max(counts) < 1.2 * np.mean(counts)
    assert min(counts) > 0.7 * np.mean(counts)


def test_a_part_with_exposures_meets_each_person_so_often(made):
    part = PartConfig("known", people=9, exposures=4)
    task = made(part, JUNK)
    tokens, _ = read_windows(task, 1)
    assert count_names(task, task.parts[0].corpus.world, tokens) == [4] * 9
    # A question for each attribute is one exposure.
    tokens, _ = read_windows(made(JUNK, ASKED), 2)
    asked = made(JUNK, ASKED).parts[1].corpus
    assert (
        count_names(made(JUNK, ASKED), asked.world, tokens)
        == [3 * len(asked.world.sentences)] * 6
    )


def test_a_part_has_a_law_of_its_own(made):
    part = PartConfig(people=5, exposures=20, law=Law("zipf", exponent=3.0, bias=0.0))
    task = made(part)
    tokens, _ = read_windows(task, 1)
    counts = count_names(task, task.parts[0].corpus.world, tokens)
    assert sum(counts) == 100
    assert counts[0] > 50 > counts[1]
    assert made(part).order.visits().tolist() == [6] * 16


def test_a_share_reads_so_many_of_the_visits(made):
    task = made(ASKED, data__share=0.5)
    assert task.order.exposures == 3.0
    assert task.order.visits().sum() == 48
    tokens, _ = read_windows(task, 0)
    assert count_names(task, task.world, tokens) == task.order.visits().tolist()
    assert made(data__share=0.5).order.visits().sum() == 48
    assert made(data__share=1e-9).order.visits().sum() == 1


def test_without_a_share_the_parts_alone_are_read(made):
    task = made(ASKED, data__share=0.0)
    n = len(task.corpus.labels)
    assert task.order.visits().tolist() == [0] * 16
    assert task.order.exposures == 0
    labels = all_labels(task)
    assert (labels[labels != PAD] >= n).all()  # as in a mixture
    assert task.order.part_windows == [task.order.stream.num_windows]
    two = made(ASKED, PartConfig("new", people=5, exposures=2), data__share=0.0)
    tokens, _ = read_windows(two, 1)
    assert count_names(two, two.parts[1].corpus.world, tokens) == [2] * 5


def test_parts_share_nobody_with_the_world_or_each_other(made):
    task = made(JUNK, ASKED, world__first=100)
    worlds = [task.world, *(part.corpus.world for part in task.parts)]
    assert [(w.first, w.people) for w in worlds] == [(100, 16), (116, 40), (156, 6)]
    assert len(set.union(*map(names, worlds))) == 16 + 40 + 6
    assert [part.config.first for part in task.parts] == [116, 156]


@pytest.mark.parametrize(
    ("firsts", "found"),
    [
        ((-1, -1), (116, 120)),
        ((200, -1), (200, 204)),
        ((0, -1), (0, 116)),
        ((-1, 100), (116, 100)),
    ],
)
def test_people_are_the_next_free_ones_unless_it_says_whom(firsts, found):
    asked = tuple(PartConfig(people=4, first=first, exposures=1) for first in firsts)
    placed = place_parts(asked, WorldConfig(people=16, first=100))
    assert tuple(part.first for part in placed) == found


def test_a_part_about_the_worlds_own_people_tells_the_same_facts(made):
    part = dataclasses.replace(ASKED, people=16, first=0)
    task = made(part)
    people = np.arange(16)
    world = task.parts[0].corpus.world
    np.testing.assert_array_equal(world.names(people), task.world.names(people))
    np.testing.assert_array_equal(world.values(people), task.world.values(people))


def test_more_people_than_names_are_refused_by_the_parts_name(made):
    with pytest.raises(ValueError, match=r"part 'junk': people=300000: names are"):
        made(PartConfig(people=300_000, weight=1.0))


def test_domain_tokens_open_the_documents_of_their_part(made):
    task = made(
        dataclasses.replace(JUNK, domain="web"),
        dataclasses.replace(ASKED, domain="wiki"),
        corpus__domain="wiki",
    )
    prefixes = [task.pool.prefix, *(part.pool.prefix for part in task.parts)]
    wiki, web, again = (int(prefix[1]) for prefix in prefixes)
    assert wiki == again
    assert {wiki, web} == {task.config.model.vocab - 2, task.config.model.vocab - 1}
    for kind, token in enumerate((wiki, web, wiki)):
        tokens, labels = read_windows(task, kind)
        after = tokens[1:][tokens[:-1] == task.pool.eos]
        assert (after[labels[1:][tokens[:-1] == task.pool.eos] != PAD] == token).all()
    plain = made(JUNK, ASKED)
    assert task.config.model.vocab == plain.config.model.vocab + 2
    assert len(plain.pool.prefix) == 1


@pytest.mark.parametrize(("which", "rest"), [("odd", 0), ("even", 1)])
def test_questions_can_be_about_every_second_person(made, which, rest):
    task = made(dataclasses.replace(ASKED, people=7, which=which))
    tokens, _ = read_windows(task, 1)
    part = task.parts[0].corpus
    asked = 3 * len(part.world.sentences)
    wanted = [asked if i % 2 == rest else 0 for i in range(7)]
    assert count_names(task, part.world, tokens) == wanted


def test_answers_alone_count_if_so_said(made):
    whole = made(ASKED)
    task = made(dataclasses.replace(ASKED, answers_only=True))
    n = len(task.corpus.labels)
    (all_tokens, all_labels), (tokens, labels) = (
        read_windows(whole, 1),
        read_windows(task, 1),
    )
    np.testing.assert_array_equal(tokens, all_tokens)
    answers = all_labels > n  # n is the part's text
    ends = (tokens == task.pool.eos) & (all_labels != PAD)
    assert answers.sum() > ends.sum() > 0
    np.testing.assert_array_equal(labels[answers], all_labels[answers])
    assert (labels[ends] == n).all()
    assert (labels[~answers & ~ends] == PAD).all()


def test_a_weight_of_less_than_a_window_is_one(made):
    task = made(PartConfig(people=4, weight=0.001))
    assert task.order.part_windows == [1]
    assert task.order.stream.num_windows == made().order.stream.num_windows + 1


def test_epochs_repeat_the_documents_in_new_orders(made):
    law = Law("zipf", bias=1.0)
    task, once = (
        made(ASKED, world__law=law, data__epochs=3),
        made(world__law=law, data__exposures=2),
    )
    assert task.order.visits().tolist() == (3 * once.order.visits()).tolist()
    assert task.order.visits().sum() == 96
    assert isinstance(task.order.stream, data.Mixture)


def test_a_trained_vocabulary_covers_the_parts(little):
    trained = {"corpus__tokenizer": "sentencepiece", "corpus__tokenizer_vocab": 500}
    config = little([ASKED], **trained)
    task = prepare(config)
    assert task.config.model.vocab <= 500
    part = task.parts[0].corpus
    tokenizer = mixture.build_tokenizer(config.corpus, task.corpus, part)
    alone = mixture.build_tokenizer(config.corpus, task.corpus)
    plan = part.plan(np.array([3]), np.array([0]))
    text = "".join(span.text for span in corpora.compose_document(part, plan[0]))
    assert "?" in text
    assert "?" in tokenizer.decode(tokenizer.encode(text))
    assert len(tokenizer.encode(text)) < len(alone.encode(text))
    tokens = task.parts[0].pool.compose(plan).tokens
    ids = task.pool.vocabulary.to_original(tokens)[1:].tolist()
    assert tokenizer.decode(ids).split() == text.split()


def test_a_bio_d_world_is_asked_questions():
    demo = configs.load("demo:people=12,exposures=3")
    task = prepare(dataclasses.replace(demo, parts=(ASKED,)))
    asked = task.parts[0].corpus.world.sentences
    assert asked == ("ID 1", "ID 2")
    assert task.config.model.vocab == prepare(demo).config.model.vocab + 2
    assert task.order.part_windows[0] > 0


def test_junk_of_100_million_people_costs_what_is_read():
    junk = fields.override(configs.load("junk:people=40,exposures=2"), "data.batch", 4)
    task = prepare(junk)
    main, other = task.order.stream.shares
    assert other == 7 * main
    _, labels = read_windows(task, 1)
    assert (labels != PAD).all()
    assert task.parts[0].corpus.num_people == 100_000_000
    junk, useful = task.parts[0].corpus.world, names(task.world)
    assert useful.isdisjoint(junk.person(i)["name"] for i in range(1000))


def test_content_tells_what_parts_can_say(made):
    contents = {made().content, made(JUNK).content, made(ASKED).content}
    assert len(contents) == 3


def texts(corpus):
    """Three texts of each person."""
    people = np.tile(np.arange(5), 3)
    rows = corpus.plan(people, np.repeat(np.arange(3), 5))
    return [
        "".join(s.text for s in corpora.compose_document(corpus, row)) for row in rows
    ]


@pytest.fixture(scope="module")
def world():
    return worlds.build_bios(5, lists="tiny")


def names_first(sentences, world):
    """The first attribute of each text: the order of its sentences."""
    values = [world.person(i % 5) for i in range(len(sentences))]
    facts = [{k: v for k, v in x.items() if k in world.sentences} for x in values]
    pairs = zip(sentences, facts, strict=True)
    return [min(known, key=lambda k: text.find(known[k])) for text, known in pairs]


def test_a_config_says_how_a_world_is_told(world):
    shuffled = texts(mixture.build_corpus(CorpusConfig("bios"), world))
    assert len(set(shuffled)) == 15  # new text at each exposure
    fixed = texts(mixture.build_corpus(CorpusConfig("bios", order="fixed"), world))
    assert len(set(names_first(shuffled, world))) > 1
    assert len(set(names_first(fixed, world))) == 1
    simple = texts(mixture.build_corpus(CorpusConfig("bios_simple"), world))
    assert simple[:5] == simple[5:10] == simple[10:]
    assert len(set(simple)) == 5
    other = texts(mixture.build_corpus(CorpusConfig("bios_simple", seed=2), world))
    assert set(other).isdisjoint(simple)


def test_a_trained_vocabulary_has_seen_every_kind_of_document(world):
    config = CorpusConfig(tokenizer="sentencepiece", tokenizer_vocab=400)
    asked = corpora.Questions(world)
    texts = list(mixture._texts(asked))
    assert len(texts) == 5 * 6
    assert sum(" study" in t or " major" in t or " degree" in t for t in texts) >= 5
    alone = mixture.build_tokenizer(config, corpora.Biographies(world))
    both = mixture.build_tokenizer(config, corpora.Biographies(world), asked)
    question = next(text for text in texts if "?" in text)
    assert len(both.encode(question)) < len(alone.encode(question))


def test_symbols_are_all_that_biographies_and_questions_can_say():
    world = worlds.build_biod(20, attributes=2, chunks=2, diversity=3, symbols=4)
    config = CorpusConfig("biod", tokenizer="symbols")
    told = mixture.build_corpus(config, world), corpora.Questions(world)
    tokenizer = mixture.build_tokenizer(config, *told)
    bare = mixture.build_corpus(dataclasses.replace(config, style="bare"), world)
    for corpus in (*told, bare):
        for text in mixture._texts(corpus):
            assert tokenizer.decode(tokenizer.encode(text)).strip() == text.strip()
    symbols = mixture.list_symbols(world)
    assert len(set(symbols)) == len(symbols)
    assert {"Q", "A", "ID 1", "ID 2"} <= set(symbols)
    # A model that goes on needs the same numbers for the same words.
    more = worlds.build_biod(
        30, attributes=2, chunks=2, diversity=3, symbols=4, first=20
    )
    assert mixture.list_symbols(more) == symbols
