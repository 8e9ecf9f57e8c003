"""Rows from sums, routing, the check for NaN, peak speeds of devices."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from kscale.train import ROUTING, NotFiniteError
from kscale.train.metrics import Totals, find_diverged, peak_flops, summarize_routing


def metrics(nats, counts, norms=None):
    """Two labels, all targets on the first; [K] or [K, M]."""
    nats, counts = np.asarray(nats, np.float32), np.asarray(counts, np.int32)
    return {
        "nats_sum": nats,
        "token_count": counts,
        "label_nats_sum": np.stack([nats, np.zeros_like(nats)], axis=-1),
        "label_count": np.stack([counts, np.zeros_like(counts)], axis=-1),
        "grad_norm": np.ones_like(nats) if norms is None else np.asarray(norms),
        "learning_rate": np.full_like(nats, 0.5),
    }


def routing(load, dropped=0.0, entropy=0.0):
    load = np.asarray(load, np.float32)
    choices = load.sum(axis=(-2, -1))
    sums = {"dropped": np.float32(dropped), "entropy": np.float32(entropy)}
    return sums | {"choices": choices, "tokens": choices, "load_LE": load}


def make_totals(flops_per_token=0.0, peak_flops=0.0):
    return Totals(["name", "value"], flops_per_token, peak_flops)


def test_a_row_is_sums_over_counts_and_the_next_starts_afresh():
    totals = make_totals(2.0, 100.0)
    totals.add(metrics([4.0, 2.0], [1, 1]))
    totals.add(metrics([6.0], [2], norms=[4.0]))
    row = totals.row(3)
    assert row["mfu"] == pytest.approx(row["tokens_per_second"] * 2 / 100, rel=0.01)
    # 12 nats over 4 tokens, not the mean of step means.
    expected = {"loss": 3.0, "loss_by_label": {"name": 3.0}, "grad_norm": 2.0}
    expected |= {"learning_rate": 0.5, "step": 3, "tokens": 4}
    assert row.items() >= expected.items()
    totals.add(metrics([1.0], [1]))
    assert totals.row(4)["loss"] == 1.0
    # In a population members have lists.
    totals = make_totals()
    totals.add(metrics([[4.0, 8.0]], [[2, 2]]))
    row = totals.row(1)
    expected = {"loss": [2.0, 4.0], "loss_by_label": {"name": [2.0, 4.0]}, "tokens": 2}
    assert row.items() >= expected.items()
    assert "mfu" not in row


@pytest.mark.parametrize(
    ("nats", "norms", "where"),
    [
        ([1.0, np.nan, np.nan], [1.0, 1.0, 1.0], r"\(nan\) .* \(1.0\) of step 12 must"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, np.inf], r"norm \(inf\) of step 13 must"),
        ([[np.nan, 1.0], [1.0, -np.inf]], np.ones((2, 2)), r"\(-inf\).*12, member 1,"),
    ],
)
def test_the_first_bad_step_is_named_where_nobody_is_left(nats, norms, where):
    bad, members = metrics(nats, np.ones_like(nats), norms), np.ndim(nats)
    with pytest.raises(NotFiniteError, match=f"{where}.*: lower learning_rate.*; here"):
        find_diverged(bad, 10, [None] * members, "here")


def test_a_member_that_diverges_is_left_behind_for_good():
    first = metrics([[1.0, 1.0, np.nan], [1.0, np.inf, 1.0]], np.ones((2, 3)))
    assert find_diverged(first, 10, [None] * 3, "") == [None, 12, 11]
    assert find_diverged(metrics([1.0], [1]), 0, [None], "") == [None]
    assert find_diverged(metrics([[1.0, 1.0]], [[1, 1]]), 50, [None, 12], "") == [
        None,
        12,
    ]
    totals = make_totals()
    totals.add(first)
    assert totals.row(2)["loss"] == [1.0, None, None]


def test_a_pause_is_no_training(monkeypatch):
    clock = iter([0.0, 10.0, 30.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    totals = make_totals()
    for paused, seconds in ((4.0, 6.0), (0.0, 20.0)):
        totals.add(metrics([1.0], [1]))
        totals.pause(paused)
        assert totals.row(1)["seconds"] == seconds


def test_routing_by_hand():
    # Layer 0 sends 6 of 8 tokens to one of two experts, layer 1 is even.
    found = summarize_routing(routing([[6, 2], [4, 4]], dropped=4.0, entropy=8.0))
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2)
    expected = [0.25, (1.5 + 1.0) / 2, (entropy + 1) / 2, 0.5]
    assert found == pytest.approx(dict(zip(ROUTING, expected, strict=True)))
    # One expert is even, no token is no NaN, all to one of three.
    even = {"load_max": 1.0, "load_entropy": 1.0}
    assert summarize_routing(routing([[5]])).items() >= even.items()
    assert all(np.isfinite(x) for x in summarize_routing(routing([[0, 0]])).values())
    all_to_one = {"load_max": 3.0, "load_entropy": 0.0}
    assert summarize_routing(routing([[0, 9, 0]])).items() >= all_to_one.items()


def test_routing_is_of_sums_over_steps_and_members_have_lists():
    totals = make_totals()
    for load in ([[1, 3]], [[3, 1]]):
        one = routing([[load, [[2, 2]]]], dropped=[[1.0, 0.0]], entropy=[[0.0, 2.0]])
        totals.add(metrics([[1.0, 1.0]], [[1, 1]]) | {"routing": one})
    row = totals.row(2)
    assert row["dropped_share"] == [0.25, 0.0]
    assert row["load_max"] == [1.0, 1.0]  # uneven steps that add up to an even load
    assert row["router_entropy"] == [0.0, 0.5]
    totals.add(metrics([[1.0, 1.0]], [[1, 1]]))
    assert not set(ROUTING) & totals.row(3).keys()


def test_peak_speeds_by_kind():
    for expected, *kinds in (
        (989e12, "NVIDIA H200"),
        (121e12, "NVIDIA L4"),
        (362e12, "NVIDIA L40S"),
        (4 * 197e12, *["TPU v5 lite"] * 4),
        (459e12, "TPU v5"),
        (0.0, "cpu"),
        (0.0, "NVIDIA H200", "cpu"),
        (0.0,),
    ):
        devices = [SimpleNamespace(device_kind=kind) for kind in kinds]
        assert peak_flops(devices) == expected, kinds
