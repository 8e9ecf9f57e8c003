"""Learning rates: literal values, limits, and what holds for all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.train import SCHEDULES, TrainConfig, learning_rate


def rates(total, **fields):
    config = TrainConfig(**({"final_ratio": 0.0} | fields))
    return np.asarray(learning_rate(config, total, np.arange(20), 1.0))[:total]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 0.75, 0.5, 0.25, 0]),
        ("cosine", [0.5, 1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0]),
        ("trapezoid", [0.5, 1, 1, 2 / 3, 1 / 3, 0]),
    ],
)
def test_every_step_of_six(schedule, expected):
    got = rates(6, schedule=schedule, warmup_steps=2, warmdown_ratio=0.5)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_published_schedule():
    config = TrainConfig(learning_rate=1e-3)  # 1000 steps up, cosine to a tenth
    total = 81_000
    at = [0, 499, 999, 40_999, total - 1]
    got = learning_rate(config, total, np.array(at), 1e-3)
    np.testing.assert_allclose(got, [1e-6, 5e-4, 1e-3, 5.5e-4, 1e-4], rtol=1e-5)


def test_a_run_shorter_than_its_warmup_ends_on_the_way_up():
    np.testing.assert_allclose(rates(4, warmup_steps=8), [1 / 8, 2 / 8, 3 / 8, 4 / 8])


def test_the_longer_warmup_counts():
    ratio = rates(10, schedule="constant", warmup_steps=2, warmup_ratio=0.4)
    np.testing.assert_allclose(ratio[:4], [0.25, 0.5, 0.75, 1.0])
    steps = rates(10, schedule="constant", warmup_steps=5, warmup_ratio=0.4)
    np.testing.assert_allclose(steps[:2], [0.2, 0.4])


def test_the_trapezoid_of_the_compression_paper():
    """Up in 0.05 of the run, then 0.05 at the peak, then down to 0 in 0.9 of it."""
    config = TrainConfig(
        schedule="trapezoid",
        warmup_steps=0,
        warmup_ratio=0.05,
        warmdown_ratio=0.9,
        final_ratio=0.0,
    )
    got = np.asarray(learning_rate(config, 200, np.arange(200), 3e-4)) / 3e-4
    np.testing.assert_allclose(got[:10], np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(got[10:20], 1, rtol=1e-6)
    np.testing.assert_allclose(got[20:], np.arange(179, -1, -1) / 180, atol=1e-6)


def test_a_trapezoid_falls_after_its_warmup_only():
    got = rates(4, schedule="trapezoid", warmup_steps=2, warmdown_ratio=0.9)
    np.testing.assert_allclose(got, [0.5, 1.0, 0.5, 0.0])


@settings(max_examples=50)
@given(
    st.sampled_from(SCHEDULES),
    st.integers(1, 12),
    st.integers(0, 15),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_never_nan_never_above_the_peak(schedule, total, warmup, down, final):
    config = TrainConfig(
        schedule=schedule,
        warmup_steps=warmup,
        warmdown_ratio=down,
        final_ratio=final,
    )
    got = np.asarray(learning_rate(config, total, np.arange(20), 1.0))
    assert np.all(np.isfinite(got))
    assert np.all((got >= 0) & (got <= 1))
    if warmup < total and schedule != "constant" and round(down * total):
        np.testing.assert_allclose(got[total - 1], final, atol=1e-6)


def test_peaks_may_be_traced_and_many():
    config = TrainConfig(warmup_steps=2)
    peaks = jnp.array([1e-3, 2e-3])
    many = jax.jit(lambda step: learning_rate(config, 9, step, peaks))(3)
    one = learning_rate(config, 9, 3, 1e-3)
    np.testing.assert_allclose(many, [one, 2 * one], rtol=1e-6)
