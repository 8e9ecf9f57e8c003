"""Ratios of gamma functions against fifty digits."""

import itertools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from kscale import theory
from kscale.theory.numerics import gamma_ratios

PAIRS = list(
    itertools.product((1e-4, 0.5, 3.0, 40.0, 1e6, 1e13), (1e-12, 0.3, 7.0, 1e9))
)
POINTS = [(*pair, n) for pair in PAIRS for n in (1.0, 1000.0, 1e12)]
ARGUMENTS = [(x,) for x in (0.01, 0.5, 1.0, 9.9, 1e5)]


def log_cross(z, a, n):
    gamma = mpmath.loggamma
    return gamma(z + a + n) + gamma(z) - gamma(z + a) - gamma(z + n)


def log_ratio(z, a):
    return mpmath.loggamma(z + a) - mpmath.loggamma(z)


def digamma_gap(z, a):
    return mpmath.psi(0, z + a) - mpmath.psi(0, z)


def stirling_rest(x):
    main = (x - 0.5) * mpmath.log(x) - x + mpmath.log(2 * mpmath.pi) / 2
    return mpmath.loggamma(x) - main


@pytest.mark.parametrize(
    ("function", "exact", "points", "rtol", "atol"),
    [
        (gamma_ratios.log_gamma_cross, log_cross, POINTS, 2e-14, 0),
        # Gamma(5) Gamma(1) / (Gamma(3) Gamma(3)) = 24/4
        (gamma_ratios.log_gamma_cross, lambda *_: mpmath.log(6), [(1, 2, 2)], 1e-15, 0),
        (gamma_ratios.log_gamma_cross, log_cross, [(2.5, -1.5, 1e9)], 1e-14, 0),
        (gamma_ratios.log_gamma_cross, lambda *_: 0, [(2.5, 0, 1e9), (2, 3, 0)], 0, 0),
        # near a root of ln Gamma only the absolute error can be small
        (gamma_ratios.log_gamma_ratio, log_ratio, PAIRS, 2e-15, 2e-15),
        (gamma_ratios.digamma_gap, digamma_gap, PAIRS, 2e-15, 0),
        (gamma_ratios.digamma_gap, digamma_gap, [(0.25 + 1e-9, -1e-9)], 1e-7, 0),
        (gamma_ratios.stirling_rest, stirling_rest, ARGUMENTS, 1e-13, 1e-15),
    ],
)
def test_a_hundred_digits(function, exact, points, rtol, atol):
    with mpmath.workdps(100), theory.float64():
        truth = [float(exact(*map(mpmath.mpf, point))) for point in points]
        got = jax.jit(function)(*np.array(points, float).T)
    np.testing.assert_allclose(got, truth, rtol=rtol, atol=atol)


def test_slopes_at_nothing_added():
    def both(a):
        cross = gamma_ratios.log_gamma_cross(2.0, a, 3.0)
        return jnp.stack([cross, gamma_ratios.digamma_gap(2.0, a)])

    with theory.float64():
        got = np.asarray(jax.jit(jax.jacrev(both))(0.0))
    exact = [1 / 2 + 1 / 3 + 1 / 4, np.pi**2 / 6 - 1]
    np.testing.assert_allclose(got, exact, rtol=1e-14)
