"""Mixtures of experts in training: the loss, the rows, accumulation, populations."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, batch, batches
from test_metrics import metrics

from kscale.train import (
    Hyper,
    Problem,
    TrainConfig,
    fit,
    init_state,
    make_step,
    population,
    resolve,
    solo,
)
from kscale.train.logs import scalars
from kscale.train.metrics import Totals, routed

EVEN = {"load_max": 1.0, "load_entropy": 1.0}
NAMES = {"dropped_share", "load_max", "load_entropy", "router_entropy"}


def sums(load, dropped=0.0, entropy=0.0):
    load = np.asarray(load, np.float32)
    choices = load.sum(axis=(-2, -1))
    return {
        "dropped": np.asarray(dropped, np.float32),
        "choices": choices,
        "load_LE": load,
        "entropy": np.asarray(entropy, np.float32),
        "tokens": choices,
    }


def test_rows_by_hand():
    # Layer 0 sends 6 of 8 tokens to one of two experts, layer 1 is even.
    found = routed(sums([[6, 2], [4, 4]], dropped=4.0, entropy=8.0))
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2)
    expected = {
        "dropped_share": 0.25,
        "load_max": (1.5 + 1.0) / 2,
        "load_entropy": (entropy + 1) / 2,
        "router_entropy": 0.5,
    }
    assert found == pytest.approx(expected)


def test_one_expert_is_even_and_no_token_no_nan():
    assert routed(sums([[5]])).items() >= EVEN.items()
    assert all(np.isfinite(x) for x in routed(sums([[0, 0, 0]])).values())
    all_to_one = routed(sums([[0, 9, 0]]))
    assert (all_to_one["load_max"], all_to_one["load_entropy"]) == (3.0, 0.0)


def test_rows_are_of_sums_over_steps_and_members_have_lists():
    totals = Totals(["name", "value"], 0.0, 0.0)
    for load in ([[1, 3]], [[3, 1]]):
        one = sums([[load, [[2, 2]]]], dropped=[[1.0, 0.0]], entropy=[[0.0, 2.0]])
        totals.add(metrics([[1.0, 1.0]], [[1, 1]]) | {"routing": one})
    row = totals.row(2)
    assert row["dropped_share"] == [0.25, 0.0]
    assert row["load_max"] == [1.0, 1.0]  # uneven steps that add up to an even load
    assert row["router_entropy"] == [0.0, 0.5]
    tags = scalars(row, 0)
    assert {tag for tag in tags if tag.startswith("moe/")} == {
        f"moe/{name}" for name in NAMES
    }
    assert tags["moe/dropped_share"] == 0.25
    totals.add(metrics([[1.0, 1.0]], [[1, 1]]))
    assert not NAMES & totals.row(3).keys()


def token_nats(params, tokens_BT, targets_BT, segments_BT):
    """The stand-in with a load-balance loss: the bias's sum times the mean token."""
    nats, _ = standin.token_nats(params, tokens_BT, targets_BT, segments_BT)
    mean = jnp.mean(tokens_BT.astype(jnp.float32))
    counted = {"tokens": jnp.asarray(tokens_BT.size, jnp.float32)}
    balance = mean * jnp.sum(params["up"]["bias"])
    return nats, {"balance": balance, "routing": counted}


@pytest.mark.parametrize("rows_per_gradient", [1, 4])
def test_the_loss_has_the_balance_of_the_whole_batch(rows_per_gradient):
    """With nothing else to learn, the gradient is ``weight mean(tokens)`` of a bias."""
    config = dataclasses.replace(
        CONFIG, rows_per_gradient=rows_per_gradient, balance_weight=0.5
    )
    problem, hyper = Problem(standin.init, token_nats, {}), solo(config)
    step = jax.jit(make_step(problem, config, 10, len(LABELS)))
    data = batch(0) | {"labels": np.full((4, 7), 255, np.uint8)}
    _, seen = step(init_state(problem, hyper), data, hyper)
    mean = np.mean(data["tokens"][:, :-1])
    norm = 0.5 * mean * standin.WIDTH**0.5
    np.testing.assert_allclose(seen["grad_norm"], norm, rtol=1e-5)
    assert seen["routing"]["tokens"] == 4 * 6
    assert seen["nats_sum"] == 0


@pytest.mark.slow
def test_a_mixture_trains_and_its_members_equal_it_alone():
    config = dataclasses.replace(CONFIG, rows_per_gradient=2)
    model = dataclasses.replace(standin.mixture(), route_rows=2)
    alone = fit(model, config, batches(), 8, labels=LABELS).rows
    assert alone[0].keys() >= NAMES
    assert 0 < alone[0]["dropped_share"] < 1
    assert 0 < alone[0]["load_entropy"] < 1 < alone[0]["load_max"] < 4
    assert 0 < alone[0]["router_entropy"] <= np.log(4) + 1e-6
    assert alone[1]["loss"] < alone[0]["loss"]
    hyper = population([Hyper(1e-2, 0.1, 0), Hyper(1e-3, 0.1, 1)])
    many = fit(model, config, batches(), 8, labels=LABELS, hyper=hyper).rows
    for one, row in zip(alone, many, strict=True):
        for name in NAMES | {"loss"}:
            assert row[name][0] == pytest.approx(one[name], abs=1e-4)
            assert row[name][0] != row[name][1]


def test_rows_that_are_routed_together_are_differentiated_together():
    def made(rows=6, at_once=0, context=512):
        config = TrainConfig(rows_per_gradient=at_once)
        sizes = {"rows": rows, "context": context, "total_steps": 9}
        return resolve(config, **sizes, together=3).rows_per_gradient

    assert (made(), made(context=64), made(at_once=6)) == (3, 6, 6)
    message = r"rows of a batch is 7, must be a multiple of route_rows=3.* take 9"
    with pytest.raises(ValueError, match=message):
        made(rows=7)
    with pytest.raises(ValueError, match=r"rows_per_gradient is 2, must .* take 3"):
        made(at_once=2)
