"""Power-law fits: exact curves, outliers, SciPy, coverage of the intervals."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from kscale import theory
from kscale.theory.fitting.power_laws import EXPONENTS, fit_power_law, power_law

pytestmark = pytest.mark.usefixtures("optimized")

X = np.geomspace(1e6, 3e8, 12)


def noisy(seed, sigma=0.01, alpha=0.35, eps=0.15, count=()):
    rng = np.random.default_rng(seed)
    noise = 1 + sigma * rng.normal(size=(*count, X.size))
    return power_law(X, alpha, 2e6, eps) * noise


@given(st.floats(0.05, 3.0), st.floats(-1.0, 1.0), st.floats(0.0, 2.0), st.booleans())
@settings(max_examples=25)
def test_exact_curves_are_found(alpha, place, eps, robust):
    x = np.geomspace(1.0, 100.0, 12)
    fit = fit_power_law(x, power_law(x, alpha, 10.0**place, eps), robust=robust)
    np.testing.assert_allclose(fit.alpha, alpha, rtol=1e-6)
    np.testing.assert_allclose(fit.x0, 10.0**place, rtol=1e-5)
    np.testing.assert_allclose(fit.eps, eps, atol=1e-6)
    assert abs(fit.residual).max() < 1e-9


def test_least_squares_against_scipy():
    y = noisy(1)

    def relative(theta):
        return power_law(X, theta[0], np.exp(theta[1]), theta[2]) / y - 1

    theirs = optimize.least_squares(
        relative, [0.35, np.log(2e6), 0.15], x_scale=[0.1, 1, 0.1], xtol=1e-14
    )
    ours = fit_power_law(X, y, robust=False)
    assert ours.loss <= 2 * theirs.cost * (1 + 1e-12)
    np.testing.assert_allclose(ours.alpha, theirs.x[0], rtol=1e-6)
    np.testing.assert_allclose(ours.residual, theirs.fun, atol=1e-8)


def test_the_robust_fit_minimizes_hubers_loss():
    y = noisy(2)
    y[3] *= 1.1
    ours = fit_power_law(X, y)
    limit = 1.345 * ours.scale

    def loss(theta):
        law = power_law(X, theta[0], np.exp(theta[1]), theta[2])
        return special.huber(limit, law / y - 1).sum() * 1e4

    best = [ours.alpha, np.log(ours.x0), ours.eps]
    found = optimize.minimize(loss, best, method="Nelder-Mead", options={"xatol": 1e-9})
    np.testing.assert_allclose(ours.loss * 1e4, loss(best), rtol=1e-9)
    assert ours.loss * 1e4 <= found.fun * (1 + 1e-6)


def test_an_outlier_moves_the_robust_fit_less():
    y = noisy(3)
    y[6] *= 1.3
    robust, squares = (fit_power_law(X, y, robust=r) for r in (True, False))
    assert abs(robust.alpha - 0.35) < 0.5 * abs(squares.alpha - 0.35)
    assert np.argmin(robust.weight) == 6
    assert robust.weight[6] < 0.2


def test_the_interval_covers_as_often_as_it_says_and_grows():
    curves = noisy(5, eps=0.3, count=(400,))
    with theory.float64():
        fit = jax.jit(jax.vmap(lambda y: fit_power_law(X, y, robust=False)[3:5]))
        low, high = fit(curves)
    covered = np.mean((np.asarray(low) <= 0.35) & (np.asarray(high) >= 0.35))
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / 400) < covered < 1.0

    widths = [
        np.diff(fit_power_law(X, noisy(6, s), False, c)[3:5])[0]
        for s, c in ((0.003, 0.95), (0.01, 0.95), (0.01, 0.99))
    ]
    assert widths[0] < widths[1] < widths[2]


def test_what_is_no_power_law_has_no_floor_and_leaves_range_or_interval_open():
    # ln x falls more slowly than any floor allows: the best floor is none.
    fit = fit_power_law(X, 30 - np.log(X), robust=False)
    assert fit.eps == 0.0
    assert fit.alpha < 0.2
    rising = fit_power_law(X, np.linspace(1, 2, 12), robust=False)
    assert rising.x0 == 0.0 or rising.alpha < 2 * EXPONENTS[0]
    vague = fit_power_law(X[:4], noisy(7, 0.3)[:4], robust=False)
    assert vague.alpha_low == 0.0
    assert vague.alpha_high == np.inf


@pytest.mark.parametrize("robust", [False, True])
def test_slopes_are_those_of_differences(robust):
    y, step = noisy(8, 0.02), 1e-6
    y[4] *= 1.2
    names = ("alpha", "x0", "eps", "alpha_low", "alpha_high", "scale")

    def found(y):
        fit = fit_power_law(X / 2e6, y, robust=robust)
        return tuple(getattr(fit, name) for name in names)

    with theory.float64():
        slopes = jax.jacrev(found)(y)
    for i in (0, 4, 11):
        side = step * y[i] * (np.arange(12) == i)
        differences = np.subtract(found(y + side), found(y - side)) / (2 * side[i])
        got = [slope[i] for slope in slopes]
        np.testing.assert_allclose(got, differences, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-300, 1e-150, 7.0, 1e80, 1e155, 1e300])
def test_units_do_not_matter(size):
    y = noisy(4)
    first, again = fit_power_law(X, y), fit_power_law(X * 1e-6, y * size)
    np.testing.assert_allclose(first.alpha, again.alpha, rtol=1e-8)
    np.testing.assert_allclose(first.eps, again.eps / size, rtol=1e-7)
    np.testing.assert_allclose(first.residual, again.residual, atol=1e-10)
    fit = fit_power_law([1, 2, 4, 8, 16], size * np.array([3, 2, 1.5, 1.25, 1.125]))
    np.testing.assert_allclose([fit.alpha, fit.eps / size], 1, rtol=1e-9)
    found = theory.fitting.diagnose(X, size * power_law(X, 0.4, 1e6, 0.5))
    assert found.is_power_law == 1
