"""Pools: tokens composed apart are those of the whole text, spans are whole tokens."""

import dataclasses

import numpy as np
import pytest
from documents import text_of
from hypothesis import given
from hypothesis import strategies as st

from kscale import corpora, data, tokenizers, worlds
from kscale.corpora import Label, Span


class Letters:
    """A tokenizer of one token for each character; EOS is 128."""

    name, vocab_size, eos = "letters", 129, 128

    def encode(self, text):
        return list(text.encode("ascii"))

    def decode(self, ids):
        return bytes(ids).decode()


class TwoPieces:
    """A corpus of two pieces."""

    world = worlds.build_biod(2, name_parts=(2,))
    labels = (Label("text", "text"), Label("name", "name"))
    pieces = ((), (Span("ab", 1), Span("c", 0)), (Span("b", 0),))
    forms = ()
    num_people, documents_per_exposure = 2, 1

    def people(self, index):
        return index

    def plan(self, people, exposures):
        return np.array([[0, 1, 0, 2]])[np.zeros(len(people), int)]

    def score_plan(self, people, seed=0):
        return self.plan(people, people)


def test_a_pool_by_hand():
    pool = data.tokenize(TwoPieces(), Letters())
    assert pool.tokens.tolist() == [0, 1, 2, 1, 3]  # a b c, b, EOS
    assert pool.labels.tolist() == [1, 1, 0, 0, 0]
    assert pool.starts.tolist() == [0, 0, 3, 4]
    assert pool.lengths.tolist() == [0, 3, 1, 1]
    assert (pool.eos, pool.vocabulary.size) == (3, 4)
    plan = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [2, 2, 1, 0]])
    documents = pool.compose(plan)
    assert documents.tokens.tolist() == [3, 0, 1, 2, 1, 3, 3, 1, 1, 0, 1, 2]
    assert documents.labels.tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert documents.lengths.tolist() == [5, 1, 6]
    assert pool.document_lengths(plan).tolist() == [5, 1, 6]
    assert documents.tokens.dtype == np.int32
    assert documents.labels.dtype == np.uint8
    nothing = pool.compose(plan[:0])
    assert [len(part) for part in nothing] == [0, 0, 0]


@pytest.mark.parametrize("kind", ["bios", "bios-simple", "mini", "biod"])
@given(st.integers(0, 63), st.integers(0, 10**6))
def test_pieces_have_the_ids_of_the_whole_text(made, kind, person, exposure):
    m = made(kind, 64)
    row = m.corpus.plan(np.array([person]), np.array([exposure]))
    apart = m.pool.vocabulary.to_original(m.pool.compose(row).tokens)
    text = text_of(m.corpus, row[0])
    assert apart.tolist() == [m.tokenizer.eos, *m.tokenizer.encode(text)]
    facts = m.corpus.world.person(person)  # the same at every exposure
    if kind != "biod":
        assert all(facts[name] in text for name in ("name", *m.corpus.world.sentences))


def test_sentencepiece_has_the_ids_of_the_whole_text():
    """Where the full stop is not merged with the word before it, as in any training."""
    corpus = corpora.Biographies(worlds.build_bios(200, lists="mini"))
    plan = corpus.plan(np.arange(200), np.zeros(200, int))
    texts = [text_of(corpus, row) for row in plan]
    tokenizer = tokenizers.train_sentencepiece(texts, 400)
    pool = data.tokenize(corpus, tokenizer)
    documents = pool.compose(plan)
    ends = np.cumsum(documents.lengths)
    for text, stop, length in zip(texts, ends, documents.lengths, strict=True):
        dense = documents.tokens[stop - length + 1 : stop]
        ids = pool.vocabulary.to_original(dense).tolist()
        assert tokenizer.decode(ids).strip() == text.strip()
        assert ids == tokenizer.encode(text)


@pytest.mark.parametrize("kind", ["bios", "mini", "biod"])
def test_spans_are_whole_tokens(made, kind):
    """The tokens of a label decode to the text of its span, nothing more."""
    m = made(kind, 64)
    people = np.arange(64)
    for plan in (m.corpus.plan(people, people), m.corpus.score_plan(people)):
        documents = m.pool.compose(plan)
        ends = np.cumsum(documents.lengths)
        for row, stop, length in zip(plan, ends, documents.lengths, strict=True):
            tokens = documents.tokens[stop - length + 1 : stop]
            labels = documents.labels[stop - length + 1 : stop]
            cuts = np.flatnonzero(np.diff(labels)) + 1
            spans = corpora.compose_document(m.corpus, row)
            for part, label, span in zip(
                np.split(tokens, cuts), labels[[0, *cuts]], spans, strict=True
            ):
                original = m.pool.vocabulary.to_original(part)
                assert Span(m.tokenizer.decode(original), label) == span


def test_mean_tokens_of_a_biography(made):
    """About 70 with EOS under GPT-2, so that 512 tokens hold about seven."""
    m = made("bios", 64)
    corpus = corpora.Biographies(worlds.build_bios(5000))
    lengths = m.pool.document_lengths(corpus.plan(np.arange(5000), np.arange(5000)))
    assert 66 < lengths.mean() < 76
    assert 6.5 < 512 / lengths.mean() < 8
    assert lengths.min() > 40
    assert lengths.max() < 120


def test_the_vocabulary_is_what_the_lists_can_use(made):
    """Every token that is seen, none that cannot be, in ascending order."""
    m = made("mini", 64)
    corpus = corpora.Biographies(worlds.build_bios(20_000, lists="mini"))
    seen = m.pool.compose(corpus.plan(np.arange(20_000), np.arange(20_000)))
    assert np.array_equal(np.unique(seen.tokens), np.arange(m.pool.vocabulary.size))
    assert m.pool.eos == m.pool.vocabulary.size - 1  # GPT-2's EOS is its last id
    # It does not grow with the data.
    ids = [made("bios", n).pool.vocabulary.original_ids for n in (3, 5000)]
    assert np.array_equal(*ids)
    assert 3000 < len(ids[0]) < 4000


def test_tokens_that_a_tokenizer_refuses():
    corpus = corpora.Biographies(worlds.build_biod(3, name_parts=(2, 2)))
    with pytest.raises(ValueError, match="unknown symbol"):
        data.tokenize(corpus, tokenizers.Symbols(["n0", "n1"]))


def test_a_domain_by_hand():
    """Letters end at 128; domains are 129 and 130 and come last, as dense 4 and 5."""
    pools = data.tokenize_all([TwoPieces()] * 4, Letters(), ["", "new", "old", "new"])
    vocabulary = pools[0].vocabulary
    assert vocabulary.original_ids.tolist() == [97, 98, 99, 128, 129, 130]
    assert all(pool.vocabulary is vocabulary for pool in pools)
    assert [pool.prefix.tolist() for pool in pools] == [[3], [3, 4], [3, 5], [3, 4]]
    assert pools[0].prefix.dtype == np.int32
    plan = np.array([[0, 1, 0, 2], [0, 0, 0, 0]])
    documents = pools[2].compose(plan)
    assert documents.tokens.tolist() == [3, 5, 0, 1, 2, 1, 3, 5]
    assert documents.labels.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert documents.lengths.tolist() == pools[2].document_lengths(plan).tolist()
    assert documents.lengths.tolist() == [6, 2]


def test_pieces_of_a_kind_are_tokenized_once():
    """Two worlds of the same lists, however many people; a third of other lists."""
    calls = []

    class Counting(Letters):
        def encode(self, text):
            calls.append(text)
            return super().encode(text)

    def tokenize(*sizes):
        calls.clear()
        made = [worlds.build_biod(5 + n, name_parts=(4, n)) for n in sizes]
        corpus = [corpora.Biographies(world, style="bare") for world in made]
        pools = data.tokenize_all(corpus, Counting(), ["", "x"][: len(sizes)])
        assert all(pool.vocabulary is pools[0].vocabulary for pool in pools)
        return list(calls)

    alone = tokenize(4)
    assert tokenize(4, 4) == alone
    assert sorted(tokenize(4, 5)) == sorted([*alone, " n4", "n4"])  # only what is new


def test_other_labels_by_hand():
    pool = data.tokenize_all([TwoPieces()], Letters(), ["new"])[0]
    assert pool.labels.tolist() == [1, 1, 0, 0, 0, 0]
    assert pool.relabel().labels.tolist() == [1, 1, 0, 0, 0, 0]
    assert pool.relabel(7).labels.tolist() == [8, 8, 7, 7, 7, 7]
    assert pool.relabel(7).eos_label == 7
    values = dataclasses.replace(pool, labels=np.array([1, 5, 5, 0, 0, 0], np.uint8))
    answers = values.relabel(answers_only=True)
    assert answers.labels.tolist() == [255, 5, 5, 255, 0, 255]  # no domain
    assert answers.relabel(3).labels.tolist() == [255, 8, 8, 255, 3, 255]
    assert values.relabel(3, True).labels.tolist() == [255, 8, 8, 255, 3, 255]
    assert answers.labels.dtype == np.uint8
    assert answers.tokens is values.tokens

    pool = data.tokenize(TwoPieces(), Letters())
    assert pool.relabel(253).labels.max() == 254
    with pytest.raises(ValueError, match=r"offset=254 takes labels to 254\.\.255"):
        pool.relabel(254)
    with pytest.raises(ValueError, match=r"offset=-1 takes labels to -1\.\.0"):
        pool.relabel(-1)


@pytest.mark.parametrize(("number", "domains"), [(1, []), (1, ["", ""]), (0, [])])
def test_a_domain_for_each_corpus(number, domains):
    message = f"{number} corpora and {len(domains)} domains: .* at least one corpus"
    with pytest.raises(ValueError, match=message):
        data.tokenize_all([TwoPieces()] * number, Letters(), domains)
