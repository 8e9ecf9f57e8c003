"""The pure step: its loss, its sums, accumulation, padding, parts, populations."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, OBJECTIVE, batch

from kscale import train
from kscale.train import (
    Hyper,
    init_state,
    make_hyper,
    make_step,
    stack_hypers,
    vmap_step,
)

TOTAL = 10
HYPER = make_hyper(CONFIG)
UP = dataclasses.replace(CONFIG, trainable=("up/*",))

start = jax.jit(lambda hyper: init_state(OBJECTIVE, hyper))


@functools.cache
def compiled(config=CONFIG, total=TOTAL, **options):
    return jax.jit(make_step(OBJECTIVE, config, total, len(LABELS), **options))


def run(config=CONFIG, steps=3, hyper=HYPER, total=TOTAL, **options):
    step, metrics = compiled(config, total), {}
    state = start(hyper)
    if config.trainable != ("*",):
        state = init_state(OBJECTIVE, hyper, config.trainable)
    for i in range(steps):
        state, metrics = step(state, batch(i, **options), hyper)
    return state, metrics


def assert_close(a, b, tolerance=1e-6):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance),
        a,
        b,
    )


def test_the_example_of_the_room_runs():
    _, _, example = train.__doc__.partition("by `fit`:\n")
    names = {}
    exec("\n".join(x[4:] for x in example.splitlines() if x.startswith("    ")), names)
    assert names["loss"] < 0.3 < np.log(5)
    result = names["result"]
    assert_close(names["state"], result.state, 1e-5)
    assert result.rows[-1]["loss"] < np.log(5)


@pytest.mark.parametrize("segments", [False, True])
def test_metrics_are_sums_over_the_targets_that_count(segments):
    data = batch(0, segments=segments)
    state = start(HYPER)
    _, metrics = compiled()(state, data, HYPER)
    inputs = data["segments"][:, :-1] if segments else None
    nats, _ = standin.token_nats(
        state["params"], data["tokens"][:, :-1], data["tokens"][:, 1:], inputs
    )
    nats, labels = np.asarray(nats), data["labels"][:, 1:]
    for label in range(3):
        sums = metrics["label_nats_sum"][label]
        np.testing.assert_allclose(sums, nats[labels == label].sum(), rtol=1e-5)
        assert metrics["label_count"][label] == (labels == label).sum()
    assert metrics["token_count"] == np.sum(labels != 255)
    np.testing.assert_allclose(
        metrics["nats_sum"], nats[labels != 255].sum(), rtol=1e-5
    )


def test_the_gradient_is_that_of_the_mean_over_counted_targets():
    data = batch(0)
    state = start(HYPER)
    _, metrics = compiled()(state, data, HYPER)

    def loss(params):
        tokens, labels = data["tokens"], data["labels"][:, 1:]
        nats, _ = standin.token_nats(params, tokens[:, :-1], tokens[:, 1:], None)
        return jnp.mean(nats[labels != 255])

    leaves = jax.tree.leaves(jax.grad(loss)(state["params"]))
    norm = np.sqrt(sum(np.sum(np.square(x)) for x in leaves))
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("config", [CONFIG, UP], ids=["all", "part"])
def test_accumulation_equals_the_whole_batch(config, rows):
    # Rows count differently many targets: the mean is over all of them, not of rows.
    slices = dataclasses.replace(config, rows_per_gradient=rows)
    assert_close(run(slices, segments=True), run(config, segments=True))


def test_slices_of_a_shared_batch_equal_the_whole_batch():
    config = dataclasses.replace(CONFIG, rows_per_gradient=1)
    shared = compiled(config, data_shards=2)
    state = start(HYPER)
    assert_close(shared(state, batch(0), HYPER), compiled()(state, batch(0), HYPER))


def test_steps_beyond_the_end_leave_the_state_bit_for_bit():
    ended, _ = run(steps=3, total=3)
    later, metrics = run(steps=5, total=3)
    assert standin.digest(later) == standin.digest(ended)
    assert metrics["token_count"] == 0
    assert metrics["nats_sum"] == 0
    assert not np.any(metrics["label_count"])


def test_a_batch_without_targets_is_no_nan():
    data = batch(0) | {"labels": np.full((4, 7), 255, np.uint8)}
    state, metrics = compiled()(start(HYPER), data, HYPER)
    assert metrics["token_count"] == 0
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


def test_a_member_equals_its_solo_run():
    hypers = [Hyper(1e-2, 0.1, 0), Hyper(3e-3, 0.5, 7), Hyper(0.0, 0.0, 2**31)]
    together = stack_hypers(hypers)
    many = jax.jit(vmap_step(make_step(OBJECTIVE, CONFIG, TOTAL, len(LABELS))))
    states, metrics = start(together), {}
    for i in range(3):
        states, metrics = many(states, batch(i), together)
    assert states["step"] == 3
    for m in range(3):
        member = jax.tree.map(lambda x, m=m: x[m], together)
        alone, alone_metrics = run(hyper=member)
        for part in ("params", "mu", "nu"):
            assert_close(jax.tree.map(lambda x, m=m: x[m], states[part]), alone[part])
        assert_close({k: x[m] for k, x in metrics.items()}, alone_metrics, 1e-5)


def test_only_the_trainable_part_has_moments_and_moves():
    (before, _), (after, _) = run(UP, steps=0), run(UP)
    for moment in ("mu", "nu"):
        assert jax.tree.structure(after[moment]) == jax.tree.structure(
            {"up": after["params"]["up"]}
        )
    np.testing.assert_array_equal(
        after["params"]["embed"]["table"], before["params"]["embed"]["table"]
    )
    for name, leaf in after["params"]["up"].items():
        assert np.all(np.asarray(leaf) != before["params"]["up"][name])


def test_the_part_takes_the_step_that_it_takes_in_training_of_all():
    # One step, and no clipping: nothing that is trained depends on what is not.
    part, whole = (
        run(dataclasses.replace(config, clip=0.0), steps=1)[0]["params"]["up"]
        for config in (UP, CONFIG)
    )
    assert_close(part, whole, 1e-7)


def test_a_pattern_that_matches_nothing_is_an_error():
    message = r"TrainConfig.trainable has 'upp/bias'.*the nearest is 'up/bias'"
    with pytest.raises(ValueError, match=message):
        init_state(OBJECTIVE, HYPER, ("up/*", "upp/bias"))


@pytest.mark.parametrize("rows_per_gradient", [1, 4])
def test_the_loss_has_the_balance_of_the_whole_batch(rows_per_gradient):
    """With nothing else to learn, the gradient is `weight mean(tokens)` of a bias."""

    def token_nats(params, tokens_BT, *rest):
        nats, _ = standin.token_nats(params, tokens_BT, *rest)
        mean = jnp.mean(tokens_BT.astype(jnp.float32))
        counted = {"tokens": jnp.asarray(tokens_BT.size, jnp.float32)}
        balance = mean * jnp.sum(params["up"]["bias"])
        return nats, {"balance": balance, "routing": counted}

    config = dataclasses.replace(
        CONFIG, rows_per_gradient=rows_per_gradient, balance_weight=0.5
    )
    objective = OBJECTIVE._replace(token_nats=token_nats)
    step = jax.jit(make_step(objective, config, TOTAL, len(LABELS)))
    data = batch(0) | {"labels": np.full((4, 7), 255, np.uint8)}
    _, metrics = step(start(HYPER), data, HYPER)
    mean = np.mean(data["tokens"][:, :-1])
    norm = 0.5 * mean * standin.WIDTH**0.5
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)
    assert metrics["routing"]["tokens"] == 4 * 6
    assert metrics["nats_sum"] == 0
