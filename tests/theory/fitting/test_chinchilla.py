"""Chinchilla's law: exact data, SciPy's L-BFGS, outliers, units, starts."""

import time

import numpy as np
import pytest
from scipy import optimize, special

from kscale.theory.fitting.chinchilla import (
    chinchilla_starts,
    fit_chinchilla,
    profile_chinchilla,
    theta_of,
)

STARTS = np.random.default_rng(5).permutation(chinchilla_starts())[:60]


@pytest.fixture(scope="module")
def noisy(chinchilla_points):
    data = chinchilla_points(0.004)
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


def test_an_exact_law_is_found_and_leaves_one_value(chinchilla_points):
    data = chinchilla_points(0.0)
    fit = fit_chinchilla(*data, STARTS)
    np.testing.assert_allclose(fit[:5], [406.4, 0.3392, 410.7, 0.2849, 1.6934], 1e-5)
    np.testing.assert_allclose(fit.model_exponent, 0.2849 / 0.6241, rtol=1e-6)
    assert fit.loss < 1e-14
    held = profile_chinchilla(*data, fit)
    np.testing.assert_allclose([held.a, held.E], [[0.3392] * 2, [1.6934] * 2], 1e-6)


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
    assert abs(fit.a - 0.3392) < 4 * fit.errors[1] < 0.1
    assert (fit.residual[:3] < -0.07).all()


def test_units(noisy):
    (parameters, tokens, loss), fit = noisy
    other = STARTS.copy()
    other[:, 0] -= other[:, 1] * np.log(1e9)
    again = fit_chinchilla(parameters / 1e9, tokens, loss, other)
    np.testing.assert_allclose(again.a, fit.a, rtol=1e-6)
    np.testing.assert_allclose(again.A, fit.A * 1e9**-fit.a, rtol=1e-5)


@pytest.mark.slow
def test_every_published_start_at_once(chinchilla_points):
    data = chinchilla_points(0.004, n=250)
    fit = fit_chinchilla(*data)
    start = time.perf_counter()
    again = fit_chinchilla(*data)
    assert time.perf_counter() - start < 20
    assert again.loss == fit.loss
    assert fit.reached > 0.3


def test_what_the_points_leave_open_has_neither_error_nor_interval(chinchilla_points):
    parameters, tokens, _ = chinchilla_points(0.0)
    data = parameters, tokens, 410.7 / tokens**0.28 + 1.69  # of no size of the model
    fit = fit_chinchilla(*data, STARTS)
    assert np.isnan(fit.errors).all()
    assert np.isnan(profile_chinchilla(*data, fit)).all()


@pytest.mark.slow
def test_more_confidence_is_wider_until_open(fitted):
    points, fit = fitted
    narrow, wide, open_ended = (
        profile_chinchilla(*points, fit, confidence=c) for c in (0.5, 0.99, 1 - 1e-15)
    )
    for name in ("a", "b", "E"):
        inner, outer = getattr(narrow, name), getattr(wide, name)
        assert outer.low < inner.low < inner.high < outer.high
    assert open_ended.a == (-np.inf, np.inf)
