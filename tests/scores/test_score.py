"""Losses by hand, and how people are scored, which must not matter."""

import dataclasses
import math
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from kscale import corpora
from kscale.models import ModelConfig, apply, init
from kscale.scores import (
    dropped_share,
    score_corpus,
)
from kscale.scores.documents import batches, choose_people
from kscale.scores.score import _token_nats, full_precision

LN2 = math.log(2)


def test_log_probabilities_of_a_larger_vocabulary_count_as_they_are(exact, mini):
    """Half of the mass lies on tokens that the corpus does not have: 1 bit a token."""
    logits = exact.Oracle(mini, {})
    tables = [
        score_corpus(model, mini.corpus, mini.pool, normalized=normalized)
        for model, normalized in (
            (logits, False),
            (lambda tokens: logits(tokens) - math.log(2 * mini.vocab), True),
        )
    ]
    form = mini.label("pronoun")
    more = (tables[1].nats - tables[0].nats) / LN2
    np.testing.assert_allclose(
        np.delete(more, form, axis=1),
        np.delete(tables[0].counts, form, axis=1),
        rtol=1e-5,
    )
    np.testing.assert_allclose(more[:, form], 0, atol=1e-6)  # among its forms
    with pytest.raises(ValueError, match="sum to 2 somewhere"):
        score_corpus(
            lambda x: logits(x) - math.log(mini.vocab / 2),
            mini.corpus,
            mini.pool,
            normalized=True,
        )


def test_a_loss_is_the_sum_over_tokens(exact, mini):
    table = score_corpus(exact.Oracle(mini, {}), mini.corpus, mini.pool)
    form = mini.label("pronoun")
    nats = table.counts * math.log(mini.vocab)
    nats[:, form] = LN2  # two values that have two forms each, all alike
    np.testing.assert_allclose(table.nats, nats, rtol=1e-6)
    for person, (_, labels) in enumerate(mini.documents):
        found = np.bincount(labels[1:], minlength=len(table.labels))
        np.testing.assert_array_equal(table.counts[person], found)
    assert table.counts[:, corpora.NAME].mean() >= 3


@pytest.fixture(scope="module")
def model(mini):
    config = ModelConfig(vocab=mini.vocab, layers=1, heads=2, head_size=8, init_std=0.3)
    return config, init(config, jax.random.key(0))


@pytest.fixture(scope="module")
def table(model, mini):
    return score_corpus(model, mini.corpus, mini.pool)


def same(a, b, **tolerance):
    np.testing.assert_array_equal(a.people, b.people)
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_array_equal(a.correct, b.correct)
    np.testing.assert_allclose(a.nats, b.nats, **tolerance)


def test_a_person_by_hand(model, mini, table):
    config, params = model
    person = 17
    tokens, labels = mini.documents[person]
    logits, _ = jax.jit(apply, static_argnums=0)(config, params, jnp.array([tokens]))
    logs = np.asarray(jax.nn.log_softmax(logits[0]), np.float64)
    for label in range(len(mini.corpus.labels)):
        at = [i for i, x in enumerate(labels[1:]) if x == label]
        nats = -sum(logs[i, tokens[i + 1]] for i in at)
        right = all(logs[i].argmax() == tokens[i + 1] for i in at)
        if label == mini.label("pronoun"):
            _, ids, values = mini.pool.forms
            odds = np.bincount(values, np.exp(logs[at[0], list(ids)]))
            true = values[ids.index(tokens[at[0] + 1])]
            nats, right = -np.log(odds[true] / odds.sum()), odds.argmax() == true
        np.testing.assert_allclose(table.nats[person, label], nats, rtol=1e-5)
        assert table.correct[person, label] == right
    assert table.nats[person, 1:].sum() > 1


def test_batches_and_lengths_do_not_matter(model, mini, table, monkeypatch):
    monkeypatch.setattr("kscale.scores.documents.MULTIPLE", 40)
    other = score_corpus(model, mini.corpus, mini.pool, batch=24)
    same(other, table, rtol=2e-5, atol=1e-5)


@pytest.fixture(scope="module")
def mixed(mini):
    """Four experts that drop choices when scored, top-2."""
    form = {"layers": 1, "heads": 2, "head_size": 8, "init_std": 0.3, "mlp_width": 1.0}
    routed = {"experts": 4, "top_k": 2, "eval_capacity_factor": 1.0}
    config = ModelConfig(vocab=mini.vocab, **form, **routed)
    return config, init(config, jax.random.key(0))


def test_padding_is_no_token_to_experts(mixed, mini, monkeypatch):
    # People of two frequent lengths, so that few programs are compiled. With padding
    # routed as text they had 329.920, 329.891 and 329.622 nats.
    lengths = np.array([len(tokens) for tokens, _ in mini.documents])
    common = np.argsort(np.bincount(lengths)[:50], kind="stable")[-2:]
    some = mini.corpus, mini.pool, np.flatnonzero(np.isin(lengths, common))
    found, dropped = [], []
    for multiple in (1, 16, 64):
        monkeypatch.setattr("kscale.scores.documents.MULTIPLE", multiple)
        found.append(score_corpus(mixed, *some, batch=8))
        dropped.append(dropped_share(mixed, *some))
    for other in found[1:]:
        same(other, found[0], rtol=2e-5, atol=1e-5)
    assert dropped[0] > 0.05
    assert dropped == [dropped[0]] * 3


def test_a_model_is_scored_in_float32_whatever_it_was_trained_in(model, mini, table):
    config, params = model
    half = dataclasses.replace(config, compute="bfloat16", attention="cudnn")
    found = score_corpus((half, params), mini.corpus, mini.pool)
    same(found, table)


def products(jaxpr):
    """All matrix products of a program, those of its functions too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from products(inner)


@pytest.mark.parametrize("which", ["model", "mixed"])
def test_products_keep_full_precision_on_every_device(request, which, mini):
    config, params = request.getfixturevalue(which)
    config = dataclasses.replace(config, compute="bfloat16")
    rows = np.zeros((2, 17), np.int32)

    def program(config):
        run = jax.make_jaxpr(_token_nats, static_argnums=(0, 1))
        return run(config, mini.pool.forms, params, rows, rows, rows[:, 1:] == 0).jaxpr

    found = list(products(program(full_precision(config))))
    # Of a layer: queries, scores, attention, its output and, dense, two of the MLP.
    assert len(found) > 6 * config.layers
    for product in found:
        assert product.params["precision"] == (jax.lax.Precision.HIGHEST,) * 2
        assert {x.aval.dtype for x in product.invars} == {jnp.dtype("float32")}
    rounded = products(program(config))
    assert any(x.invars[0].aval.dtype == jnp.bfloat16 for x in rounded)


def test_a_function_to_logits_scores_as_its_model(model, mini, table):
    config, params = model
    shapes = set()

    @jax.jit
    def logits(tokens):
        shapes.add(tokens.shape)
        return apply(config, params, tokens)[0]

    other = score_corpus(logits, mini.corpus, mini.pool, batch=32)
    same(other, table, rtol=2e-5, atol=1e-5)
    # It compiles for few lengths.
    lengths = {-(-(len(tokens) - 1) // 16) * 16 for tokens, _ in mini.documents}
    assert shapes == {(32, length) for length in lengths}


def test_every_row_comes_once(mini, monkeypatch):
    # Blocks smaller than the world: what does not fill a batch waits for the next.
    monkeypatch.setattr("kscale.scores.documents._BLOCK", 50)
    rows = list(batches(mini.corpus, mini.pool, mini.people, lambda _: 16))
    slots = np.concatenate([one.slots for one in rows])
    np.testing.assert_array_equal(np.sort(slots), mini.people)
    partial = [one for one in rows if len(one.slots) < 16]
    assert len(partial) <= len({one.tokens.shape for one in rows})
    for one in rows:
        assert one.tokens.shape[0] == 16
        assert (one.labels[len(one.slots) :] == 255).all()
        for slot, tokens, labels in zip(*one[:3], strict=False):
            true, marks = mini.documents[slot]
            assert tokens[: len(true)].tolist() == true
            assert labels[1 : len(true)].tolist() == marks[1:]
            assert (labels[len(true) :] == 255).all()


def test_a_sample_scores_as_the_whole_world_in_the_words_of_its_seed(
    model, mini, table
):
    few = score_corpus(model, mini.corpus, mini.pool, people=60, seed=4)
    assert (few.sample_seed, table.sample_seed, few.population) == (4, None, 240)
    whole = score_corpus(model, mini.corpus, mini.pool, seed=4)
    np.testing.assert_allclose(few.nats, whole.nats[few.people], rtol=2e-5, atol=1e-5)
    some = score_corpus(model, mini.corpus, mini.pool, few.people[::-1], seed=4)
    same(some, few, rtol=1e-6)
    assert not np.allclose(whole.nats, table.nats)
    np.testing.assert_array_equal(whole.people, table.people)


def test_a_sample_of_a_huge_world():
    world = types.SimpleNamespace(num_people=10**11, people=lambda index: index)
    people, seed = choose_people(world, 1000, 7)
    assert seed == 7
    assert len(np.unique(people)) == 1000
    assert (np.diff(people) > 0).all()
    assert 0.4e11 < people.mean() < 0.6e11
    assert not np.array_equal(people, choose_people(world, 1000, 1)[0])


@pytest.mark.parametrize("people", [[], [3, 3], [-1], [240]])
def test_people_must_be_of_the_world(exact, mini, people):
    with pytest.raises(ValueError, match="distinct and lie in 0 to 239"):
        choose_people(mini.corpus, np.array(people, int), 0)
    with pytest.raises(ValueError, match="a sample of 241 people of 240: ask for 1 to"):
        choose_people(mini.corpus, 241, 0)


def test_refused_models(model, mini):
    config, params = model
    corpus, pool = mini.corpus, mini.pool
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
