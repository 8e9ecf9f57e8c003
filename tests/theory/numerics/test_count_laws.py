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


@pytest.mark.parametrize("draws", [1, 5, 40, 1000])
@pytest.mark.parametrize("p", [1e-9, 0.02, 0.5, 0.97])
def test_binomial_law(draws, p):
    t = np.arange(0, draws + 2)
    with theory.float64():
        rule = jax.jit(jax.vmap(count_laws.log_binomial_law, (0, None, None)))
        got = np.asarray(rule(jnp.asarray(t), draws, p))
    exact = stats.binom.logpmf(t, draws, p)
    np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-12)


def test_binomial_law_of_a_million_million_draws():
    for t, p in [(0, 1e-11), (7, 1e-11), (1000, 1e-9), (900, 1e-9)]:
        n = mpmath.mpf(10) ** 12
        with mpmath.workdps(50):
            chance = mpmath.binomial(n, t) * mpmath.mpf(p) ** t
            exact = float(mpmath.log(chance) + (n - t) * mpmath.log1p(-mpmath.mpf(p)))
        with theory.float64():
            binomial = float(count_laws.log_binomial_law(t, 1e12, p))
            poisson = float(count_laws.log_poisson_law(t, 1e12 * p))
        assert binomial == pytest.approx(exact, abs=1e-12)
        assert poisson == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("x", [1.0, 30.0, 1e12])
@pytest.mark.parametrize("excess", [-0.999, -0.2, -0.18, -1e-9, 0.0, 1e-6, 0.21, 0.9])
def test_deviance_keeps_its_digits(x, excess):
    mean = x * (1 - excess)
    with mpmath.workdps(50):
        excess = mpmath.mpf(x) - mpmath.mpf(mean)
        exact = float(x * mpmath.log(mpmath.mpf(x) / mpmath.mpf(mean)) - excess)
    with theory.float64():
        got = float(count_laws.deviance(jnp.asarray(x), jnp.asarray(mean), x - mean))
    np.testing.assert_allclose(got, exact, rtol=3e-15)


def test_certain_and_impossible_counts():
    with theory.float64():
        assert count_laws.log_binomial_law(0, 0, 0.3) == 0
        assert count_laws.log_binomial_law(4, 3, 0.3) == -np.inf
        p = jnp.array([0.0, 1.0])
        for t, chances in ((0, [1, 0]), (5, [0, 1]), (2, [0, 0])):
            law = jnp.exp(count_laws.log_binomial_law(t, 5, p))
            np.testing.assert_array_equal(law, chances)


def test_a_number_of_draws_that_is_not_whole():
    # Gamma continues the binomial coefficient
    with mpmath.workdps(50):
        chance = mpmath.binomial(mpmath.mpf(7.5), 7) * mpmath.mpf(0.25) ** 7
        exact = float(mpmath.log(chance) + 0.5 * mpmath.log(mpmath.mpf(0.75)))
    with theory.float64():
        got = float(count_laws.log_binomial_law(7, 7.5, 0.25))
    np.testing.assert_allclose(got, exact, rtol=1e-14)


def test_what_rounding_takes_from_a_product():
    rng = np.random.default_rng(0)
    a, b = rng.random(200) * 10.0 ** rng.integers(-9, 20, 200), rng.random(200)
    with theory.float64():
        got = jax.jit(count_laws.product_rest)(jnp.asarray(a), jnp.asarray(b))
    for x, y, rest in zip(a, b, np.asarray(got), strict=True):
        exact = Fraction(x) * Fraction(y) - Fraction(x * y)
        assert abs(Fraction(float(rest)) - exact) <= abs(Fraction(x * y)) / 2**100
