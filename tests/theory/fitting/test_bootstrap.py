"""Intervals: repeatable, as wide as theory says, around the fit."""

import numpy as np
import pytest

from kscale.theory import fitting

pytestmark = pytest.mark.usefixtures("optimized")


@pytest.mark.parametrize("by", ["bootstrap", "profile"])
def test_intervals_of_chinchillas_law_and_the_sandwich(fitted, by):
    points, fit = fitted
    if by == "profile":
        found = fitting.profile_chinchilla(*points, fit)
    else:
        found = fitting.bootstrap_chinchilla(
            *points, fit, np.random.default_rng(0), 128
        )
        assert found.samples.shape == (128, 5)
        low, high = found.model_exponent
        assert low < fit.model_exponent < high
        np.testing.assert_allclose(np.quantile(found.samples[:, 0], 0.025), found.A.low)
    for center, error, (low, high) in (
        (fit.a, fit.errors[1], found.a),
        (fit.b, fit.errors[3], found.b),
    ):
        assert low < center < high
        assert 0.5 < (high - low) / (2 * 1.96 * error) < 2
    assert found.E.low < fit.E < found.E.high


def test_the_bootstrap_of_one_power_law():
    x, noise = np.geomspace(1, 1e3, 12), np.random.default_rng(0).normal(size=12)

    def drawn(sigma):
        y = fitting.power_law(x, 0.4, 10.0, 0.2) * (1 + sigma * noise)
        # a whole float is a number of refits
        found = fitting.bootstrap_power_law(
            x, y, np.random.default_rng(1), 400.0, robust=False
        )
        return found, fitting.fit_power_law(x, y, robust=False)

    found, fit = drawn(0.01)
    assert found.samples.shape == (400, 3)
    assert np.array_equal(found.samples, drawn(0.01)[0].samples)
    low, high = found.alpha
    assert low < fit.alpha < high
    assert 0.5 < (high - low) / (fit.alpha_high - fit.alpha_low) < 1.5
    less = drawn(0.003)[0].alpha  # as much narrower as the noise is smaller
    np.testing.assert_allclose((high - low) / (less.high - less.low), 10 / 3, rtol=0.1)
