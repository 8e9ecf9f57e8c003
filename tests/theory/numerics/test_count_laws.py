"""Binomial and Poisson laws against SciPy and fifty digits."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import stats

from kscale import theory
from kscale.theory.numerics import count_laws

binomial = jax.jit(count_laws.log_binomial_law)
poisson = jax.jit(count_laws.log_poisson_law)


@pytest.mark.parametrize("draws", [1, 5, 40, 1000])
def test_binomial_law(draws):
    t, p = np.arange(0, draws + 2), np.array([1e-9, 0.02, 0.5, 0.97])
    with theory.float64():
        got = np.asarray(jax.vmap(binomial, (0, None, None))(t, draws, p))
    exact = stats.binom.logpmf(t[:, None], draws, p[None, :])
    np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-12)


def log_chance(t, n, p):
    with mpmath.workdps(50):
        n, p = mpmath.mpf(n), mpmath.mpf(p)
        ways = mpmath.log(mpmath.binomial(n, t) * p**t)
        return float(ways + (n - t) * mpmath.log1p(-p))


def test_binomial_law_of_a_million_million_draws_and_of_a_half():
    for t, p in [(0, 1e-11), (7, 1e-11), (1000, 1e-9), (900, 1e-9)]:
        with theory.float64():
            law, rare = float(binomial(t, 1e12, p)), float(poisson(t, 1e12 * p))
        assert law == pytest.approx(log_chance(t, 1e12, p), abs=1e-12)
        assert rare == pytest.approx(log_chance(t, 1e12, p), abs=1e-6)
    with theory.float64():  # of draws that are not whole: gamma continues the binomial
        got = float(binomial(7, 7.5, 0.25))
    np.testing.assert_allclose(got, log_chance(7, 7.5, 0.25), rtol=1e-14)


@pytest.mark.parametrize("x", [1.0, 30.0, 1e12])
def test_deviance_keeps_its_digits(x):
    mean = x * (1 - np.array([-0.999, -0.2, -0.18, -1e-9, 0.0, 1e-6, 0.21, 0.9]))
    with mpmath.workdps(50):
        exact = [
            float(x * mpmath.log(x / mpmath.mpf(each)) - (x - mpmath.mpf(each)))
            for each in mean
        ]
    with theory.float64():
        got = np.asarray(jax.jit(count_laws.deviance)(x, mean, x - mean))
    np.testing.assert_allclose(got, exact, rtol=3e-15)


def test_certain_and_impossible_counts():
    with theory.float64():
        assert binomial(0, 0.0, 0.3) == 0
        assert binomial(4, 3.0, 0.3) == -np.inf
        p = jnp.array([0.0, 1.0])
        for t, chances in ((0, [1, 0]), (5, [0, 1]), (2, [0, 0])):
            np.testing.assert_array_equal(jnp.exp(binomial(t, 5.0, p)), chances)


def test_what_rounding_takes_from_a_product():
    rng = np.random.default_rng(0)
    a, b = rng.random(200) * 10.0 ** rng.integers(-9, 20, 200), rng.random(200)
    with theory.float64():
        got = jax.jit(count_laws.product_rest)(jnp.asarray(a), jnp.asarray(b))
    for x, y, rest in zip(a, b, np.asarray(got), strict=True):
        exact = Fraction(x) * Fraction(y) - Fraction(x * y)
        assert abs(Fraction(float(rest)) - exact) <= abs(Fraction(x * y)) / 2**100
