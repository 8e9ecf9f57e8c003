"""Chinchilla's law: exact data, SciPy's L-BFGS, outliers, units, starts."""

import time

import numpy as np
import pytest
from scipy import optimize, special

from kscale.theory.fitting.chinchilla import (
    chinchilla_law,
    chinchilla_starts,
    fit_chinchilla,
    profile_chinchilla,
    theta_of,
)

TRUTH = {"A": 406.4, "a": 0.3392, "B": 410.7, "b": 0.2849, "E": 1.6934}
STARTS = np.random.default_rng(5).permutation(chinchilla_starts())[:60]


def points(sigma, n=80, seed=0):
    rng = np.random.default_rng(seed)
    parameters = np.exp(rng.uniform(np.log(4e7), np.log(1.6e10), n))
    tokens = np.exp(rng.uniform(np.log(5e9), np.log(5e11), n))
    loss = chinchilla_law(parameters, tokens, **TRUTH)
    return parameters, tokens, loss * np.exp(sigma * rng.normal(size=n))


@pytest.fixture(scope="module")
def noisy():
    data = points(0.004)
    data[2][:3] *= 1.1  # outliers
    return data, fit_chinchilla(*data, STARTS)


def hubers_loss(theta, parameters, tokens, loss, delta=1e-3):
    log_a, a, log_b, b, log_e = theta
    terms = [log_a - a * np.log(parameters), log_b - b * np.log(tokens)]
    law = special.logsumexp([*terms, np.full(len(loss), log_e)], axis=0)
    return special.huber(delta, law - np.log(loss)).sum()


def test_the_published_starts():
    starts = chinchilla_starts()
    assert starts.shape == (4500, 5)
    assert len(np.unique(starts, axis=0)) == 4500
    assert starts.min(axis=0).tolist() == [0, 0, 0, 0, -1]
    assert starts.max(axis=0).tolist() == [25, 2, 25, 2, 1]


def test_exact_data():
    data = points(0.0)
    fit = fit_chinchilla(*data, STARTS)
    for name, value in TRUTH.items():
        np.testing.assert_allclose(getattr(fit, name), value, rtol=1e-5)
    assert fit.loss < 1e-14
    np.testing.assert_allclose(
        fit.model_exponent, 0.2849 / (0.2849 + 0.3392), rtol=1e-6
    )


def test_no_worse_than_scipy(noisy):
    data, fit = noisy
    np.testing.assert_allclose(fit.loss, hubers_loss(theta_of(fit), *data), rtol=1e-9)
    found = [
        optimize.minimize(hubers_loss, start, data, method="L-BFGS-B").fun
        for start in [*STARTS[:6], theta_of(fit)]
    ]
    assert fit.loss <= min(found) * (1 + 1e-7)
    assert 0.2 < fit.reached <= 1


def test_outliers_do_not_count(noisy):
    _, fit = noisy
    assert abs(fit.a - TRUTH["a"]) < 4 * fit.errors[1] < 0.1
    assert (fit.residual[:3] < -0.07).all()


def test_units(noisy):
    (parameters, tokens, loss), fit = noisy
    other = STARTS.copy()
    other[:, 0] -= other[:, 1] * np.log(1e9)
    again = fit_chinchilla(parameters / 1e9, tokens, loss, other)
    np.testing.assert_allclose(again.a, fit.a, rtol=1e-6)
    np.testing.assert_allclose(again.A, fit.A * 1e9**-fit.a, rtol=1e-5)


@pytest.mark.slow
def test_every_published_start_at_once():
    data = points(0.004, n=250)
    fit = fit_chinchilla(*data)
    start = time.perf_counter()
    again = fit_chinchilla(*data)
    assert time.perf_counter() - start < 20
    assert again.loss == fit.loss
    assert fit.reached > 0.3


def test_what_the_points_leave_open_has_no_error():
    parameters, tokens, _ = points(0.0)
    loss = 410.7 / tokens**0.28 + 1.69  # the model's size plays no part
    assert np.isnan(fit_chinchilla(parameters, tokens, loss, STARTS[:20]).errors).all()


def test_profiles_and_the_sandwich(fitted):
    points, fit = fitted
    held = profile_chinchilla(*points, fit)
    centers = theta_of(fit)
    for name, i in (("a", 1), ("b", 3)):
        interval = getattr(held, name)
        assert interval.low < centers[i] < interval.high
        sandwich = 2 * 1.96 * fit.errors[i]
        assert 0.5 < (interval.high - interval.low) / sandwich < 2
    assert held.E.low < fit.E < held.E.high


def test_more_confidence_is_wider_until_open(fitted):
    points, fit = fitted
    narrow, wide, open_ended = (
        profile_chinchilla(*points, fit, confidence=c) for c in (0.5, 0.99, 1 - 1e-15)
    )
    for name in ("a", "b", "E"):
        inner, outer = getattr(narrow, name), getattr(wide, name)
        assert outer.low < inner.low < inner.high < outer.high
    assert open_ended.a == (-np.inf, np.inf)


def test_an_exact_law_has_one_value_and_an_open_one_none(fitted):
    (parameters, tokens, _), _ = fitted
    start = np.array([[6.0, 0.3, 6.0, 0.3, 0.5]])
    data = 410.7 / tokens**0.2849 + 1.6934
    exact = parameters, tokens, 406.4 / parameters**0.3392 + data
    held = profile_chinchilla(*exact, fit_chinchilla(*exact, start))
    np.testing.assert_allclose(held.a, [0.3392, 0.3392], rtol=1e-6)
    np.testing.assert_allclose(held.E, [1.6934, 1.6934], rtol=1e-6)
    open_ = parameters, tokens, data
    assert np.isnan(profile_chinchilla(*open_, fit_chinchilla(*open_, start))).all()
