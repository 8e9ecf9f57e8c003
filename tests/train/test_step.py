"""The pure step: its loss, its sums, accumulation, padding, parts, populations."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import standin
from support.standin import CONFIG, LABELS, OBJECTIVE, assert_close, batch

from kscale import train
from kscale.train import Hyper, init_state, make_hyper, make_step

TOTAL = 10
HYPER = make_hyper(CONFIG)
# Without clipping nothing that is trained depends on what is not.
ALL = dataclasses.replace(CONFIG, clip=0.0)
UP = dataclasses.replace(ALL, trainable=("up/*",))
NO_TARGETS = batch(0) | {"labels": np.full((4, 7), 255, np.uint8)}

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


def test_the_example_of_the_room_runs():
    _, _, example = train.__doc__.partition("by `fit`:\n")
    names = {}
    exec("\n".join(x[4:] for x in example.splitlines() if x.startswith("    ")), names)
    assert names["loss"] < 0.3 < np.log(5)
    result = names["result"]
    assert_close(names["state"], result.state, 1e-5)
    assert result.rows[-1]["loss"] < np.log(5)


@pytest.mark.parametrize("segments", [False, True])
def test_metrics_are_sums_and_the_gradient_a_mean_over_what_counts(segments):
    data = batch(0, segments=segments)
    inputs, targets = data["tokens"][:, :-1], data["tokens"][:, 1:]
    labels = data["labels"][:, 1:]
    counted = labels != 255
    params = start(HYPER)["params"]
    _, metrics = compiled()(start(HYPER), data, HYPER)

    def token_nats(params):
        numbers = data["segments"][:, :-1] if segments else None
        return standin.token_nats(params, inputs, targets, numbers)[0]

    nats = np.asarray(jax.jit(token_nats)(params))
    for label in range(3):
        sums = metrics["label_nats_sum"][label]
        np.testing.assert_allclose(sums, nats[labels == label].sum(), rtol=1e-5)
        assert metrics["label_count"][label] == (labels == label).sum()
    assert metrics["token_count"] == counted.sum()
    np.testing.assert_allclose(metrics["nats_sum"], nats[counted].sum(), rtol=1e-5)
    gradient = jax.jit(jax.grad(lambda p: jnp.mean(token_nats(p)[counted])))(params)
    norm = np.sqrt(sum(np.sum(np.square(x)) for x in jax.tree.leaves(gradient)))
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)


@pytest.mark.parametrize(("config", "rows"), [(CONFIG, 1), (UP, 2)])
def test_accumulation_equals_the_whole_batch(config, rows):
    # Rows count differently many targets: the mean is over all of them, not of rows.
    slices = dataclasses.replace(config, rows_per_gradient=rows)
    assert_close(run(slices, segments=True), run(config, segments=True))
    shared = compiled(dataclasses.replace(CONFIG, rows_per_gradient=1), data_shards=2)
    state = start(HYPER)
    assert_close(shared(state, batch(0), HYPER), compiled()(state, batch(0), HYPER))


def test_steps_beyond_the_end_change_no_bit_and_no_targets_give_no_nan():
    ended, _ = run(steps=3, total=3)
    later, metrics = run(steps=5, total=3)
    assert standin.digest(later) == standin.digest(ended)
    assert not any(np.any(x) for x in jax.tree.leaves(metrics))
    state, metrics = compiled()(start(HYPER), NO_TARGETS, HYPER)
    assert metrics["token_count"] == 0
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


def test_a_member_equals_its_solo_run():
    hypers = [Hyper(1e-2, 0.1, 0), Hyper(3e-3, 0.5, 7), Hyper(0.0, 0.0, 2**31)]
    together = train.stack_hypers(hypers)
    many = jax.jit(train.vmap_step(make_step(OBJECTIVE, CONFIG, TOTAL, len(LABELS))))
    states, metrics = start(together), {}
    for i in range(3):
        states, metrics = many(states, batch(i), together)
    alone = [run(hyper=jax.tree.map(lambda x, m=m: x[m], together)) for m in range(3)]
    expected, sums = jax.tree.map(lambda *x: np.stack(x), *alone)
    assert_close(states | {"step": np.full(3, 3)}, expected)
    assert_close(metrics, sums, 1e-5)


def test_only_the_trainable_part_has_moments_and_moves():
    (before, _), (after, _) = run(UP, steps=0), run(UP)
    up = after["params"].pop("up")
    for moment in ("mu", "nu"):
        assert jax.tree.structure(after[moment]) == jax.tree.structure({"up": up})
    for name, leaf in up.items():
        assert np.all(np.asarray(leaf) != before["params"]["up"][name])
    kept = {"embed": before["params"]["embed"]}
    jax.tree.map(np.testing.assert_array_equal, after["params"], kept)
    # The part takes the step that it takes in training of all.
    part, whole = (run(x, steps=1)[0]["params"]["up"] for x in (UP, ALL))
    assert_close(part, whole, 1e-7)
    message = r"TrainConfig.trainable has 'upp/bias'.*the nearest is 'up/bias'"
    with pytest.raises(ValueError, match=message):
        init_state(OBJECTIVE, HYPER, ("up/*", "upp/bias"))


@pytest.mark.parametrize("rows_per_gradient", [1, 4])
def test_the_loss_has_the_balance_of_the_whole_batch(rows_per_gradient):
    """With nothing else to learn, the gradient is `weight mean(tokens)` of a bias."""

    def token_nats(params, tokens_BT, *rest):
        nats, _ = standin.token_nats(params, tokens_BT, *rest)
        balance = jnp.mean(tokens_BT.astype(jnp.float32))
        balance = balance * jnp.sum(params["up"]["bias"])
        counted = {"tokens": jnp.asarray(tokens_BT.size, jnp.float32)}
        return nats, {"balance": balance, "routing": counted}

    fields = {"rows_per_gradient": rows_per_gradient, "balance_weight": 0.5}
    config = dataclasses.replace(CONFIG, **fields)
    objective = OBJECTIVE._replace(token_nats=token_nats)
    step = jax.jit(make_step(objective, config, TOTAL, len(LABELS)))
    _, metrics = step(start(HYPER), NO_TARGETS, HYPER)
    mean = np.mean(NO_TARGETS["tokens"][:, :-1])
    norm = 0.5 * mean * standin.WIDTH**0.5
    np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)
    assert metrics["routing"]["tokens"] == 4 * 6
    assert metrics["nats_sum"] == 0
