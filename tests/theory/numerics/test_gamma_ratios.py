"""Ratios of gamma functions against fifty digits."""

import jax
import mpmath
import numpy as np
import pytest

from kscale import theory
from kscale.theory.numerics import gamma_ratios

POINTS = [
    (z, a, n)
    for z in (1e-4, 0.5, 3.0, 40.0, 1e6, 1e13)
    for a in (1e-12, 0.3, 7.0, 1e9)
    for n in (1.0, 1000.0, 1e12)
]


@pytest.fixture(autouse=True, scope="module")
def digits():
    with mpmath.workdps(100):
        yield


def exactly(function, *numbers):
    return float(function(*map(mpmath.mpf, numbers)))


def log_cross(z, a, n):
    gamma = mpmath.loggamma
    return gamma(z + a + n) + gamma(z) - gamma(z + a) - gamma(z + n)


def ours(function, *numbers):
    with theory.float64():
        return np.asarray(jax.jit(function)(*numbers))


def columns():
    return np.array(POINTS).T


def test_cross_keeps_its_digits_everywhere():
    z, a, n = columns()
    exact = [exactly(log_cross, *point) for point in POINTS]
    got = ours(gamma_ratios.log_gamma_cross, z, a, n)
    np.testing.assert_allclose(got, exact, rtol=2e-14)


def test_a_literal_cross():
    # Gamma(5) Gamma(1) / (Gamma(3) Gamma(3)) = 24/4
    got = ours(gamma_ratios.log_gamma_cross, 1.0, 2.0, 2.0)
    assert got == pytest.approx(np.log(6.0), rel=1e-15)


def test_cross_of_a_negative_step_and_of_none():
    got = ours(gamma_ratios.log_gamma_cross, 2.5, -1.5, 1e9)
    assert got == pytest.approx(exactly(log_cross, 2.5, -1.5, 1e9), rel=1e-14)
    assert ours(gamma_ratios.log_gamma_cross, 2.5, 0.0, 1e9) == 0
    assert ours(gamma_ratios.log_gamma_cross, 2.5, 3.0, 0.0) == 0


def test_ratio_and_digamma():
    z, a, _ = columns()
    ratio = [
        exactly(lambda z, a: mpmath.loggamma(z + a) - mpmath.loggamma(z), *point[:2])
        for point in POINTS
    ]
    got = ours(gamma_ratios.log_gamma_ratio, z, a)
    # near a root of ln Gamma only the absolute error can be small
    np.testing.assert_allclose(got, ratio, rtol=2e-15, atol=2e-15)
    gap = [
        exactly(lambda z, a: mpmath.psi(0, z + a) - mpmath.psi(0, z), *point[:2])
        for point in POINTS
    ]
    np.testing.assert_allclose(ours(gamma_ratios.digamma_gap, z, a), gap, rtol=2e-15)


def test_digamma_backwards_is_the_negative():
    forth = ours(gamma_ratios.digamma_gap, 0.25, 1e-9)
    back = ours(gamma_ratios.digamma_gap, 0.25 + 1e-9, -1e-9)
    assert back == pytest.approx(-forth, rel=1e-7)
    assert forth == pytest.approx(1e-9 * float(mpmath.psi(1, 0.25)), rel=1e-7)


@pytest.mark.parametrize("x", [0.01, 0.5, 1.0, 9.9, 1e5])
def test_stirling(x):
    exact = exactly(
        lambda x: (
            mpmath.loggamma(x)
            - (x - 0.5) * mpmath.log(x)
            + x
            - mpmath.log(2 * mpmath.pi) / 2
        ),
        x,
    )
    got = ours(gamma_ratios.stirling_rest, x)
    assert got == pytest.approx(exact, rel=1e-13, abs=1e-15)


def test_slopes_at_nothing_added():
    with theory.float64():
        got = jax.grad(lambda a: gamma_ratios.log_gamma_cross(2.0, a, 3.0))(0.0)
        gap = jax.grad(lambda a: gamma_ratios.digamma_gap(2.0, a))(0.0)
    assert got == pytest.approx(1 / 2 + 1 / 3 + 1 / 4, rel=1e-14)
    assert gap == pytest.approx(np.pi**2 / 6 - 1, rel=1e-14)
