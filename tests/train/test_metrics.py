"""Rows from sums, and the check for NaN."""

import time

import numpy as np
import pytest

from kscale.train import NotFiniteError
from kscale.train.metrics import Totals, require_finite


def metrics(nats, counts, norms=None):
    """Two labels, all targets on the first; [K] or [K, M]."""
    nats, counts = np.asarray(nats, np.float32), np.asarray(counts, np.int32)
    zero = np.zeros_like(counts)
    return {
        "nats_sum": nats,
        "token_count": counts,
        "label_nats_sum": np.stack([nats, np.zeros_like(nats)], axis=-1),
        "label_count": np.stack([counts, zero], axis=-1),
        "grad_norm": np.ones_like(nats) if norms is None else np.asarray(norms),
        "learning_rate": np.full_like(nats, 0.5),
    }


def test_a_row_is_sums_over_counts():
    totals = Totals(["name", "value"], flops_per_token=2.0, peak_flops=100.0)
    totals.add(metrics([4.0, 2.0], [1, 1]))
    totals.add(metrics([6.0], [2], norms=[4.0]))
    row = totals.row(3)
    assert row["loss"] == 3.0  # 12 nats over 4 tokens, not the mean of step means
    assert row["loss_by_label"] == {"name": 3.0}
    assert row["grad_norm"] == 2.0
    assert row["learning_rate"] == 0.5
    assert (row["step"], row["tokens"]) == (3, 4)
    assert row["mfu"] == pytest.approx(row["tokens_per_second"] * 2 / 100, rel=0.01)


def test_the_next_row_starts_afresh():
    totals = Totals(["name", "value"], 0.0, 0.0)
    totals.add(metrics([4.0], [1]))
    totals.row(1)
    totals.add(metrics([1.0], [1]))
    row = totals.row(2)
    assert row["loss"] == 1.0
    assert "mfu" not in row


def test_members_have_lists():
    totals = Totals(["name", "value"], 0.0, 0.0)
    totals.add(metrics([[4.0, 8.0]], [[2, 2]]))
    row = totals.row(1)
    assert row["loss"] == [2.0, 4.0]
    assert row["loss_by_label"] == {"name": [2.0, 4.0]}
    assert row["tokens"] == 2


@pytest.mark.parametrize(
    ("nats", "norms", "where"),
    [
        ([1.0, np.nan, np.nan], [1.0, 1.0, 1.0], "step 12: the loss is nan"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, np.inf], "step 13: .* norm inf"),
        ([[1.0, 1.0, -np.inf]], [[1.0, 1.0, 1.0]], "step 11, member 2: .* -inf"),
    ],
)
def test_the_first_bad_step_is_named(nats, norms, where):
    bad = metrics(nats, np.ones_like(nats), norms)
    with pytest.raises(NotFiniteError, match=f"{where}.*Lower learning_rate"):
        require_finite(bad, 10)


def test_finite_steps_pass():
    assert require_finite(metrics([1.0], [1]), 0) is None


def test_a_pause_is_no_training(monkeypatch):
    clock = iter([0.0, 10.0, 30.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    totals = Totals(["name", "value"], 0.0, 0.0)
    for paused, seconds in ((4.0, 6.0), (0.0, 20.0)):
        totals.add(metrics([1.0], [1]))
        totals.pause(paused)
        assert totals.row(1)["seconds"] == seconds
