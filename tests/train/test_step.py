"""The pure step: its loss, its sums, accumulation, padding, populations."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, PROBLEM, batch

from kscale.train import Hyper, init_state, make_step, population, solo

TOTAL = 10

start = jax.jit(lambda hyper: init_state(PROBLEM, hyper))


@functools.cache
def compiled(config=CONFIG, total=TOTAL, **options):
    return jax.jit(make_step(PROBLEM, config, total, len(LABELS), **options))


def run(config=CONFIG, steps=3, hyper=None, total=TOTAL, **options):
    hyper = solo(config) if hyper is None else hyper
    step = compiled(config, total)
    state = start(hyper)
    for i in range(steps):
        state, metrics = step(state, batch(i, **options), hyper)
    return state, metrics


def assert_close(a, b, tolerance=1e-6):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance),
        a,
        b,
    )


@pytest.mark.parametrize("segments", [False, True])
def test_metrics_are_sums_over_the_targets_that_count(segments):
    data = batch(0, segments=segments)
    hyper = solo(CONFIG)
    state = start(hyper)
    _, metrics = compiled()(state, data, hyper)
    inputs = data["segments"][:, :-1] if segments else None
    nats, _ = standin.token_nats(
        state["params"], data["tokens"][:, :-1], data["tokens"][:, 1:], inputs
    )
    labels = data["labels"][:, 1:]
    for label in range(3):
        expected = np.asarray(nats)[labels == label]
        np.testing.assert_allclose(
            metrics["label_nats_sum"][label], expected.sum(), rtol=1e-5
        )
        assert metrics["label_count"][label] == expected.size
    assert metrics["token_count"] == np.sum(labels != 255)
    np.testing.assert_allclose(
        metrics["nats_sum"], np.asarray(nats)[labels != 255].sum(), rtol=1e-5
    )


def test_the_gradient_is_that_of_the_mean_over_counted_targets():
    data, hyper = batch(0), solo(CONFIG)
    state = start(hyper)
    _, metrics = compiled()(state, data, hyper)

    def loss(params):
        tokens, labels = data["tokens"], data["labels"][:, 1:]
        nats, _ = standin.token_nats(params, tokens[:, :-1], tokens[:, 1:], None)
        return jnp.mean(nats[labels != 255])

    leaves = jax.tree.leaves(jax.grad(loss)(state["params"]))
    norm = np.sqrt(sum(np.sum(np.square(x)) for x in leaves))
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)


@pytest.mark.parametrize("rows_per_gradient", [1, 2])
def test_accumulation_equals_the_whole_batch(rows_per_gradient):
    # Rows count differently many targets: the mean is over all of them, not of rows.
    config = dataclasses.replace(CONFIG, rows_per_gradient=rows_per_gradient)
    for segments in (False, True):
        whole = run(segments=segments)
        assert_close(run(config, segments=segments), whole)


def test_slices_of_a_shared_batch_equal_the_whole_batch():
    config = dataclasses.replace(CONFIG, rows_per_gradient=1)
    hyper = solo(config)
    state = start(hyper)
    shared = compiled(config, data_shards=2)
    assert_close(shared(state, batch(0), hyper), compiled()(state, batch(0), hyper))


def test_rows_that_cannot_be_cut_are_an_error():
    config = dataclasses.replace(CONFIG, rows_per_gradient=3)
    with pytest.raises(ValueError, match=r"has 4 rows, must be divisible by 1 .* 3 "):
        run(config, steps=1)


def test_steps_beyond_the_end_leave_the_state_bit_for_bit():
    ended, _ = run(steps=3, total=3)
    later, metrics = run(steps=5, total=3)
    assert standin.digest(later) == standin.digest(ended)
    assert metrics["token_count"] == 0
    assert metrics["nats_sum"] == 0
    assert not np.any(metrics["label_count"])


def test_a_batch_without_targets_is_no_nan():
    data = batch(0) | {"labels": np.full((4, 7), 255, np.uint8)}
    hyper = solo(CONFIG)
    state, metrics = compiled()(start(hyper), data, hyper)
    assert metrics["token_count"] == 0
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


@pytest.mark.parametrize("own_data", [False, True])
def test_a_member_equals_its_solo_run(own_data):
    hypers = [Hyper(1e-2, 0.1, 0), Hyper(3e-3, 0.5, 7), Hyper(0.0, 0.0, 2**31)]
    together = population(hypers)
    many = compiled(population=True, own_data=own_data)
    states = start(together)
    for i in range(3):
        data = batch(i)
        if own_data:
            data = standin.stacked([batch(i, seed=m) for m in range(3)])
        states, metrics = many(states, data, together)
    assert states["step"] == 3
    for m in range(3):
        member = jax.tree.map(lambda x, m=m: x[m], together)
        alone, alone_metrics = run(hyper=member, seed=m if own_data else 0)
        for part in ("params", "mu", "nu"):
            assert_close(jax.tree.map(lambda x, m=m: x[m], states[part]), alone[part])
        assert_close({k: x[m] for k, x in metrics.items()}, alone_metrics, 1e-5)
