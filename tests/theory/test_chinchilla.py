"""Chinchilla's law: exact data, SciPy's L-BFGS, starts, intervals by three methods."""

import time

import numpy as np
import pytest
from scipy import optimize, special

from kscale.theory.bootstrap import bootstrap_chinchilla, bootstrap_power_law
from kscale.theory.chinchilla import (
    chinchilla_law,
    chinchilla_starts,
    fit_chinchilla,
    theta_of,
)
from kscale.theory.chinchilla_profile import profile_chinchilla
from kscale.theory.fitting import fit_power_law, power_law

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


def test_three_intervals_agree(noisy):
    data, fit = noisy
    drawn = bootstrap_chinchilla(*data, fit, np.random.default_rng(0), resamples=128)
    held = profile_chinchilla(*data, fit)
    centers = theta_of(fit)
    for name, i in (("a", 1), ("b", 3)):
        sandwich = 2 * 1.96 * fit.errors[i]
        for interval in (getattr(drawn, name), getattr(held, name)):
            assert interval.low < centers[i] < interval.high
            assert 0.5 < (interval.high - interval.low) / sandwich < 2
    assert drawn.samples.shape == (128, 5)
    assert drawn.model_exponent.low < fit.model_exponent < drawn.model_exponent.high
    assert held.E.low < fit.E < held.E.high
    wider = profile_chinchilla(*data, fit, confidence=0.99)
    assert wider.a.low < held.a.low
    assert held.a.high < wider.a.high


def test_the_bootstrap_of_one_power_law():
    x = np.geomspace(1, 1e3, 12)
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=12)
    y = power_law(x, 0.4, 10.0, 0.2) * noise
    fit = fit_power_law(x, y, robust=False)
    first, again = (
        bootstrap_power_law(x, y, np.random.default_rng(1), 400, robust=False)
        for _ in range(2)
    )
    assert np.array_equal(first.samples, again.samples)
    assert first.alpha.low < fit.alpha < first.alpha.high
    width = first.alpha.high - first.alpha.low
    assert 0.5 < width / (fit.alpha_high - fit.alpha_low) < 1.5


@pytest.mark.slow
def test_every_published_start_at_once():
    data = points(0.004, n=250)
    fit = fit_chinchilla(*data)
    start = time.perf_counter()
    again = fit_chinchilla(*data)
    assert time.perf_counter() - start < 20
    assert again.loss == fit.loss
    assert fit.reached > 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": [-1.0] * 80}, r"loss must lie in \(0, inf\), got -1\.0 at \[0\]"),
        ({"tokens": np.ones(80)}, r"tokens must vary, got 1\.0 throughout"),
        ({"loss": np.arange(1.0, 80)}, r"three rows of at least 6 points, got shapes"),
        ({"starts": np.ones((3, 4))}, r"starts must be \[s, 5\], got shape \(3, 4\)"),
        ({"delta": 0.0}, r"delta must lie in \(0, inf\), got 0\.0"),
    ],
)
def test_refusals(change, message):
    names = ("parameters", "tokens", "loss")
    with pytest.raises(ValueError, match=message):
        fit_chinchilla(**(dict(zip(names, points(0.0), strict=True)) | change))


def test_refusals_of_the_resamplings(noisy):
    data, fit = noisy
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"resamples must lie in .* got 1"):
        bootstrap_chinchilla(*data, fit, rng, resamples=1)
    with pytest.raises(ValueError, match=r"confidence must lie in .* got 2"):
        profile_chinchilla(*data, fit, confidence=2)
