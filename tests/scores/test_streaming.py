"""How people are scored must not matter: batches, padding, samples, kinds of models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import ModelConfig, apply, init
from kscale.scores import merge, sample_people, score_corpus
from kscale.scores.documents import batches


def same(a, b, **tolerance):
    np.testing.assert_array_equal(a.people, b.people)
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_array_equal(a.correct, b.correct)
    np.testing.assert_allclose(a.nats, b.nats, **tolerance)


@pytest.fixture(scope="module")
def model(mini):
    config = ModelConfig(vocab=mini.vocab, layers=1, heads=2, head_size=8, init_std=0.3)
    return config, init(config, jax.random.key(0))


@pytest.fixture(scope="module")
def table(model, mini):
    return score_corpus(model, mini.corpus, mini.pool)


def test_by_hand(model, mini, table):
    config, params = model
    person = 17
    tokens, labels = mini.documents[person]
    logits, _ = jax.jit(apply, static_argnums=0)(config, params, jnp.array([tokens]))
    logs = np.asarray(jax.nn.log_softmax(logits[0]), np.float64)
    for label in range(len(mini.corpus.labels)):
        at = [i for i, x in enumerate(labels[1:]) if x == label]
        nats = -sum(logs[i, tokens[i + 1]] for i in at)
        right = all(logs[i].argmax() == tokens[i + 1] for i in at)
        np.testing.assert_allclose(table.nats[person, label], nats, rtol=1e-5)
        assert table.correct[person, label] == right
    assert table.nats[person, 1:].sum() > 1


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_identical_in_any_batch(exact, mini, batch):
    model = exact.Oracle(mini, exact.nothing(mini))
    few = score_corpus(model, mini.corpus, mini.pool, np.arange(50), batch=batch)
    same(few, score_corpus(model, mini.corpus, mini.pool, np.arange(50)), rtol=1e-6)


@pytest.mark.parametrize(("batch", "multiple"), [(24, 16), (64, 40)])
def test_the_same_in_other_batches_and_lengths(model, mini, table, batch, multiple):
    other = score_corpus(model, mini.corpus, mini.pool, batch=batch, multiple=multiple)
    same(other, table, rtol=2e-5, atol=1e-5)


def test_logits_and_fused_loss_agree(model, mini, table):
    config, params = model

    @jax.jit
    def logits(tokens):
        return apply(config, params, tokens)[0]

    same(score_corpus(logits, mini.corpus, mini.pool), table, rtol=2e-5, atol=1e-5)


def test_no_more_shapes_than_lengths(model, mini):
    shapes = set()

    def counting(tokens):
        shapes.add(tokens.shape)
        return np.zeros((*tokens.shape, mini.vocab), np.float32)

    score_corpus(counting, mini.corpus, mini.pool, batch=32)
    lengths = {-(-(len(tokens) - 1) // 16) * 16 for tokens, _ in mini.documents}
    assert shapes == {(32, length) for length in lengths}


def test_every_row_once(mini, monkeypatch):
    # Blocks smaller than the world: what does not fill a batch waits for the next.
    monkeypatch.setattr("kscale.scores.documents._BLOCK", 50)
    rows = list(
        batches(mini.corpus, mini.pool, mini.people, lambda _: 16, 16, context=0)
    )
    slots = np.concatenate([one.slots for one in rows])
    np.testing.assert_array_equal(np.sort(slots), mini.people)
    partial = [one for one in rows if len(one.slots) < 16]
    assert len(partial) <= len({one.tokens.shape for one in rows})
    for one in rows:
        assert one.tokens.shape[0] == 16
        assert (one.labels[len(one.slots) :] == 255).all()
        for slot, tokens, labels in zip(
            one.slots, one.tokens, one.labels, strict=False
        ):
            true, marks = mini.documents[slot]
            assert tokens[: len(true)].tolist() == true
            assert labels[1 : len(true)].tolist() == marks[1:]
            assert (labels[len(true) :] == 255).all()


def test_samples(model, mini, table):
    few = score_corpus(model, mini.corpus, mini.pool, people=60, seed=4)
    assert few.sample_seed == 4
    assert not few.whole
    assert table.whole
    assert table.sample_seed is None
    np.testing.assert_array_equal(few.people, sample_people(240, 60, 4))
    whole = score_corpus(model, mini.corpus, mini.pool, seed=4)
    np.testing.assert_allclose(few.nats, whole.nats[few.people], rtol=2e-5, atol=1e-5)
    rest = np.setdiff1d(np.arange(240), few.people)
    others = score_corpus(model, mini.corpus, mini.pool, people=rest[::-1], seed=4)
    same(merge([few, others]), whole, rtol=2e-5, atol=1e-5)


def test_another_seed_scores_in_other_words(model, mini, table):
    other = score_corpus(model, mini.corpus, mini.pool, seed=4)
    assert not np.allclose(other.nats, table.nats)
    np.testing.assert_array_equal(other.people, table.people)


def test_sample_of_a_huge_world():
    people = sample_people(10**11, 1000, seed=0)
    assert len(np.unique(people)) == 1000
    assert (np.diff(people) > 0).all()
    assert 0.4e11 < people.mean() < 0.6e11
    assert not np.array_equal(people, sample_people(10**11, 1000, seed=1))
    with pytest.raises(ValueError, match="a sample of 11 people of 10: ask for"):
        sample_people(10, 11, 0)


def test_progress_counts_rows(exact, mini):
    steps = []
    score_corpus(exact.Oracle(mini, {}), mini.corpus, mini.pool, progress=steps.append)
    assert sum(steps) == 240


@pytest.mark.parametrize("people", [[], [3, 3], [-1], [240]])
def test_people_errors(exact, mini, people):
    with pytest.raises(ValueError, match="distinct and lie in 0 to 239"):
        score_corpus(
            exact.Oracle(mini, {}), mini.corpus, mini.pool, np.array(people, int)
        )


def test_errors(model, mini):
    config, params = model
    corpus, pool = mini.corpus, mini.pool
    longest = max(len(tokens) for tokens, _ in mini.documents) - 1
    with pytest.raises(ValueError, match=f"has {longest} tokens.*context is 40"):
        score_corpus(model, corpus, pool, context=40)
    rows = batches(corpus, pool, mini.people, lambda _: 64, 64, context=longest)
    assert max(one.tokens.shape[1] for one in rows) == longest + 1
    other = ModelConfig(vocab=99)
    with pytest.raises(ValueError, match=f"has 99 tokens, the corpus {mini.vocab}"):
        score_corpus((other, params), corpus, pool)
    with pytest.raises(ValueError, match="logits of shape"):
        score_corpus(lambda tokens: np.zeros((*tokens.shape, 7)), corpus, pool)
    with pytest.raises(ValueError, match="batch=-1"):
        score_corpus(model, corpus, pool, batch=-1)
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, params)
    with pytest.raises(ValueError, match="the loss of person 0 is not a number"):
        score_corpus((config, broken), corpus, pool, np.arange(3))
