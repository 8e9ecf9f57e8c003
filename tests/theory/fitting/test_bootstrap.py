"""Bootstraps: repeatable, as wide as theory says, around the fit."""

import numpy as np

from kscale.theory.fitting.bootstrap import (
    bootstrap_chinchilla,
    bootstrap_power_law,
)
from kscale.theory.fitting.chinchilla import theta_of
from kscale.theory.fitting.power_laws import fit_power_law, power_law


def test_chinchillas_points(fitted):
    points, fit = fitted
    drawn = bootstrap_chinchilla(*points, fit, np.random.default_rng(0), resamples=128)
    centers = theta_of(fit)
    for name, i in (("a", 1), ("b", 3)):
        interval = getattr(drawn, name)
        assert interval.low < centers[i] < interval.high
        sandwich = 2 * 1.96 * fit.errors[i]
        assert 0.5 < (interval.high - interval.low) / sandwich < 2
    assert drawn.samples.shape == (128, 5)
    assert drawn.model_exponent.low < fit.model_exponent < drawn.model_exponent.high
    assert drawn.E.low < fit.E < drawn.E.high
    np.testing.assert_allclose(np.quantile(drawn.samples[:, 0], 0.025), drawn.A.low)


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


def test_noise_widens_the_bootstrap():
    x = np.geomspace(1, 1e3, 12)
    noise = np.random.default_rng(0).normal(size=12)
    widths = []
    for sigma in (0.003, 0.01):
        y = power_law(x, 0.4, 10.0, 0.2) * (1 + sigma * noise)
        interval = bootstrap_power_law(x, y, np.random.default_rng(1), 400, False).alpha
        widths.append(interval.high - interval.low)
    np.testing.assert_allclose(widths[1] / widths[0], 10 / 3, rtol=0.1)


def test_whole_floats_are_numbers_of_resamples():
    y = [3.0, 2.1, 1.5, 1.25, 1.125]
    rng = np.random.default_rng(0)
    found = bootstrap_power_law([1, 2, 4, 8, 16], y, rng, 20.0)
    assert found.samples.shape == (20, 3)
