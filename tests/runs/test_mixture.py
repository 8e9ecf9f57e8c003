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


def test_labels_of_parts_come_after_the_runs_own_and_are_in_its_windows_alone(made):
    task, n = made(JUNK, ASKED), len(made().corpus.labels)
    own = [label.name for label in task.corpus.labels]
    assert task.labels == [x + name for x in ("", "junk/", "asked/") for name in own]
    for kind in range(3):
        _, labels = read_windows(task, kind)
        counted = labels[labels != PAD]
        assert counted.size
        assert (counted // n == kind).all()
    # Of questions only text and answers are labelled: nobody's name.
    told = {task.labels[i] for i in np.unique(labels) if i != PAD}
    assert told == {"asked/text"} | {f"asked/{name}" for name in task.world.sentences}


def test_parts_of_bio_d_have_first_chunks_and_questions_of_their_own():
    demo = configs.load("demo:people=12,exposures=3")
    task = prepare(dataclasses.replace(demo, parts=(JUNK, ASKED)))
    third = len(task.labels) // 3
    assert "ID 1/first" in task.labels[:third]
    told = [f"junk/{name}" for name in task.labels[:third]]
    assert task.labels[third : 2 * third] == told
    assert task.parts[1].corpus.world.sentences == ("ID 1", "ID 2")
    assert task.config.model.vocab == prepare(demo).config.model.vocab + 2
    assert task.order.part_windows[1] > 0


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
    assert len({x.content for x in (alone, made(JUNK), made(ASKED))}) == 3


def all_labels(task):
    whole = task.order.stream
    return whole.windows(0, whole.num_windows)["labels"][:, 1:]


def test_steps_read_every_window_of_every_kind(made):
    task = made(JUNK, ASKED)
    main, junk, asked = task.order.stream.shares
    batch = task.config.data.batch
    assert main == made().order.stream.num_windows
    assert junk == 7 * main
    assert task.order.part_windows == [junk, asked]
    assert task.order.steps == -(-(main + junk + asked) // batch)
    assert (all_labels(task) != PAD).sum() == task.order.stream.total_tokens - 1


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
    assert (read_windows(made(JUNK), 1)[1] != PAD).all()
    counts = count_of_part(made(JUNK), 0)
    assert max(counts) < 1.2 * np.mean(counts)
    assert min(counts) > 0.7 * np.mean(counts)


def count_of_part(task, i):
    """How often each person of a part is named in its windows."""
    tokens, _ = read_windows(task, i + 1)
    return count_names(task, task.parts[i].corpus.world, tokens)


def test_a_part_with_exposures_shows_each_person_so_often(made):
    task = made(PartConfig("known", people=9, exposures=4), JUNK)
    assert count_of_part(task, 0) == [4] * 9
    # A question for each attribute is one exposure.
    task = made(JUNK, ASKED)
    assert count_of_part(task, 1) == [3 * len(task.world.sentences)] * 6


def test_a_part_has_a_law_of_its_own(made):
    part = PartConfig(people=5, exposures=20, law=Law("zipf", exponent=3.0, bias=0.0))
    counts = count_of_part(made(part), 0)
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
    tokens, _ = read_windows(two, 1)  # of kinds, the run's own is not there
    assert count_names(two, two.parts[1].corpus.world, tokens) == [2] * 5


def test_parts_share_nobody_with_the_world_or_each_other(made):
    task = made(JUNK, ASKED, world__first=100)
    worlds = [task.world, *(part.corpus.world for part in task.parts)]
    assert [(w.first, w.people) for w in worlds] == [(100, 16), (116, 40), (156, 6)]
    assert len(set.union(*map(names, worlds))) == 16 + 40 + 6
    assert [part.config.first for part in task.parts] == [116, 156]


def test_people_are_the_next_free_ones_unless_it_says_whom():
    def place(*firsts):
        parts = tuple(PartConfig(people=4, first=first) for first in firsts)
        placed = place_parts(parts, WorldConfig(people=16, first=100))
        return [part.first for part in placed]

    assert place(-1, -1) == [116, 120]
    assert place(200, -1) == [200, 204]
    assert place(0, -1) == [0, 116]
    assert place(-1, 100) == [116, 100]


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
    times = 3 * len(task.world.sentences)
    assert count_of_part(task, 0) == [times * (i % 2 == rest) for i in range(7)]


def test_answers_alone_count_if_so_said(made):
    whole = made(ASKED)
    task = made(dataclasses.replace(ASKED, answers_only=True))
    n = len(task.corpus.labels)
    (all_tokens, all_labels), (tokens, labels) = (
        read_windows(each, 1) for each in (whole, task)
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
    task = made(ASKED, world__law=law, data__epochs=3)
    once = made(world__law=law, data__exposures=2)
    assert task.order.visits().tolist() == (3 * once.order.visits()).tolist()
    assert task.order.visits().sum() == 96
    assert isinstance(task.order.stream, data.Mixture)


def test_a_trained_vocabulary_covers_the_parts(little):
    trained = {"corpus__tokenizer": "sentencepiece", "corpus__tokenizer_vocab": 500}
    config = little([ASKED], **trained)
    task = prepare(config)
    assert task.config.model.vocab <= 500
    part = task.parts[0].corpus
    assert len(list(mixture._texts(part))) == 6 * 6  # of each person each question
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


def texts(corpus):
    """Three texts of each person."""
    people = np.tile(np.arange(5), 3)
    rows = corpus.plan(people, np.repeat(np.arange(3), 5))
    return [
        "".join(s.text for s in corpora.compose_document(corpus, row)) for row in rows
    ]


def names_first(sentences, world):
    """The first attribute of each text: the order of its sentences."""
    found = []
    for i, text in enumerate(sentences):
        facts = world.person(i % 5)
        found.append(min(world.sentences, key=lambda name: text.find(facts[name])))
    return found


def test_a_config_says_how_a_world_is_told():
    world = worlds.build_bios(5, lists="tiny")
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
