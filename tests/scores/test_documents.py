"""Rows by hand: what opens a document, and where its name is scored."""

import types

import numpy as np
import pytest

from kscale import data, tokenizers
from kscale.data import PAD, Documents
from kscale.scores import score_corpus
from kscale.scores.documents import batches

KINDS = (
    types.SimpleNamespace(name="text", kind="text", attribute=-1),
    types.SimpleNamespace(name="name", kind="name", attribute=-1),
    types.SimpleNamespace(name="job", kind="value", attribute=0),
)
EOS, DOMAIN = 7, 9


def rows_of(documents, prefix, multiple=4, opening=None):
    """All rows of documents that are lists of (token, label), without their prefix."""
    opening = [(token, 0) for token in opening or prefix]
    told = [opening + one for one in documents]
    flat = np.array([pair for one in told for pair in one])
    pool = types.SimpleNamespace(
        eos=EOS,
        prefix=np.array(prefix, np.int32),
        compose=lambda plan: Documents(
            flat[:, 0].astype(np.int32),
            flat[:, 1].astype(np.uint8),
            np.array([len(one) for one in told]),
        ),
    )
    corpus = types.SimpleNamespace(labels=KINDS, score_plan=lambda people, seed: None)
    return list(batches(corpus, pool, np.arange(len(told)), lambda _: 1, multiple, 0))


def shown(rows):
    return [
        (r.slots.tolist(), r.tokens[0].tolist(), r.labels[0].tolist()) for r in rows
    ]


JANE = [(1, 1), (2, 1), (5, 0), (3, 2)]  # "Jane Doe" "works as a" "baker"


def test_a_name_after_eos():
    assert shown(rows_of([JANE], [EOS])) == [
        ([0], [7, 1, 2, 5, 3], [PAD, 1, 1, 0, 2]),
    ]


def test_a_name_after_the_domain_token():
    # One token more: the row grows, the domain token is given and is not scored.
    assert shown(rows_of([JANE], [EOS, DOMAIN])) == [
        (
            [0],
            [7, 9, 1, 2, 5, 3, 7, 7, 7],
            [PAD, PAD, 1, 1, 0, 2, PAD, PAD, PAD],
        ),
    ]


def test_a_late_name_gets_a_row_with_the_whole_prefix():
    late = [(6, 0), *JANE]  # "The" "Jane Doe" ...
    document, apart = shown(rows_of([late], [EOS, DOMAIN], multiple=3))
    assert document == ([0], [7, 9, 6, 1, 2, 5, 3], [PAD, PAD, 0, 0, 0, 0, 2])
    assert apart == ([0], [7, 9, 1, 2], [PAD, PAD, 1, 1])
    _, alone = shown(rows_of([late], [EOS], multiple=3))
    assert alone == ([0], [7, 1, 2, 7], [PAD, 1, 1, PAD])


@pytest.mark.parametrize("prefix", [[EOS], [EOS, DOMAIN]])
def test_late_names_of_several_lengths(prefix):
    # A name of three tokens beside one of two: each is whole, and only once.
    long = [(6, 0), (1, 1), (2, 1), (4, 1), (3, 2)]
    rows = rows_of([[(6, 0), *JANE], long, JANE], prefix, multiple=8)
    named = {}
    for row in rows:
        at = row.labels[0] == 1
        if at.any():
            named[row.slots[0]] = row.tokens[0][at].tolist()
            assert at.argmax() == len(prefix)
            assert row.tokens[0][: len(prefix)].tolist() == prefix
    assert named == {0: [1, 2], 1: [1, 2, 4], 2: [1, 2]}


@pytest.mark.parametrize("wrong", [[DOMAIN, EOS], [EOS, 8]])
def test_another_prefix_is_refused(wrong):
    message = r"must begin with EOS and, .* the domain token, \[7, 9\]"
    with pytest.raises(ValueError, match=message):
        rows_of([JANE], [EOS, DOMAIN], opening=wrong)


def test_a_domain_token_changes_no_score_of_a_model_blind_to_it(mini):
    (pool,) = data.tokenize_all([mini.corpus], tokenizers.load_gpt2(), ["useful"])
    domain = pool.vocabulary.size - 1
    assert pool.prefix.tolist() == [mini.pool.eos, domain]
    after = np.random.default_rng(0).normal(size=(mini.vocab, mini.vocab + 1))
    after[:, domain] = -np.inf
    after = np.concatenate([after, after[[pool.eos]]])  # as after EOS

    def told(tokens):
        return after[tokens]

    def plain(tokens):
        return after[:, :domain][tokens]

    useful = score_corpus(told, mini.corpus, pool, batch=16)
    table = score_corpus(plain, mini.corpus, mini.pool, batch=16)
    np.testing.assert_allclose(useful.nats, table.nats, rtol=1e-6)
    np.testing.assert_array_equal(useful.correct, table.correct)
    np.testing.assert_array_equal(useful.counts, table.counts)
