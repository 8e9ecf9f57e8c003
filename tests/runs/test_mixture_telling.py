"""From a config to texts and tokenizers."""

import dataclasses

import numpy as np
import pytest

from kscale import corpora, worlds
from kscale.configs.base import CorpusConfig
from kscale.runs import mixture


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
    symbols = mixture.symbols(world)
    assert len(set(symbols)) == len(symbols)
    assert {"Q", "A", "ID 1", "ID 2"} <= set(symbols)
    # A model that goes on needs the same numbers for the same words.
    more = worlds.build_biod(
        30, attributes=2, chunks=2, diversity=3, symbols=4, first=20
    )
    assert mixture.symbols(more) == symbols
