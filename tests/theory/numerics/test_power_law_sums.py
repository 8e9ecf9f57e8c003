"""Power-law sums, zeta and Gauss rules against fifty digits and closed forms."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import special

from kscale import theory
from kscale.theory.numerics import power_law_sums
from kscale.theory.numerics.power_law_sums import (
    log_zeta,
    rule_over_logarithm,
    rule_with_power,
)

pytestmark = pytest.mark.usefixtures("optimized")


def mean(function, alpha, draws):
    with theory.float64():
        rule = jax.vmap(lambda a: power_law_sums.power_law_mean(function, a, draws))
        return np.asarray(jax.jit(rule)(jnp.atleast_1d(jnp.asarray(alpha))))


@pytest.mark.parametrize("power", [0, 1, 2])
def test_powers_are_zeta_values(power):
    alphas = [0.05, 0.3, 0.5, 0.8, 0.95, 0.99]
    got = mean(lambda p, _: p**power, alphas, 1.0)
    for value, alpha in zip(got, alphas, strict=True):
        s = 1 / mpmath.mpf(alpha)
        exact = mpmath.zeta(s * (power + 1)) / mpmath.zeta(s) ** (power + 1)
        assert value == pytest.approx(float(exact), rel=1e-12)


def test_tail_mass_is_what_the_head_leaves():
    with theory.float64():
        got = power_law_sums.tail_mass(jnp.array([0.0, 3.0, 1e9]), jnp.array(0.5))
    head = 6 / np.pi**2 * (1 + 1 / 4 + 1 / 9)
    np.testing.assert_allclose(got[:2], [1, 1 - head], rtol=1e-14)
    assert float(got[2]) == pytest.approx(6 / np.pi**2 / (1e9 + 0.5), rel=1e-12)


def test_the_first_frequency_is_1_to_the_last_digit():
    # Here 1 - p_1 = zeta(s, 2)/zeta(s) is nearly all, and p_1 rounds to 1.
    alphas = [0.002, 0.01, 0.03]
    got = mean(lambda _, miss: miss, alphas, 1.0)
    with mpmath.workdps(200):
        for value, alpha in zip(got, alphas, strict=True):
            s = 1 / mpmath.mpf(alpha)
            exact = 1 - mpmath.zeta(2 * s) / mpmath.zeta(s) ** 2
            assert value == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("excess", [1e-12, 1e-9, 1e-3, 0.25, 1.0, 3.0, 19.0])
def test_log_zeta_against_mpmath(excess):
    q = [1.0, 2.0, 31.0, 1e4, 1e12]
    with mpmath.workdps(40):
        for value, each in zip(log_zeta(excess, q), q, strict=True):
            truth = mpmath.log(mpmath.zeta(1 + mpmath.mpf(excess), mpmath.mpf(each)))
            assert abs(value - truth) <= 4e-16 * max(1, abs(truth)) + 1e-15, each


def test_steep_zeta_against_the_plain_sum():
    # mpmath's own value of zeta(100, 1000) is wrong in the ninth digit
    for q in (1, 20, 1000):
        truth = math.log(math.fsum((1 + j / q) ** -100.0 for j in range(3000)))
        got = log_zeta(99.0, q) + 100 * math.log(q)
        np.testing.assert_allclose(got, truth, atol=3e-13)


def integral(rule, function, *arguments):
    with theory.float64():
        p, weights = map(np.asarray, jax.jit(rule)(*arguments))
    return (weights * function(p)).sum()


@pytest.mark.parametrize("exponent", [-0.99, -0.5, 0.0, 0.3, 2.0, 40.5])
def test_the_rule_with_a_power_is_exact_for_polynomials(exponent):
    for degree in (0, 1, 7, 19):
        top = exponent + degree + 1
        got = integral(rule_with_power, lambda p, d=degree: p**d, exponent, 0.7)
        assert got == pytest.approx(0.7**top / top, rel=1e-13), degree


def test_both_rules_against_incomplete_gamma_functions():
    got = integral(rule_with_power, lambda p: np.exp(-p), -0.9, 1.0)
    exact = special.gamma(0.1) * special.gammainc(0.1, 1.0)
    assert got == pytest.approx(exact, rel=1e-14)

    def density(p):
        return p**-1.5 * np.exp(-p)

    got = integral(rule_over_logarithm, density, 1e-12, 1.0)
    x = np.array([1e-12, 1.0])
    lower = -2 * np.exp(-x) / np.sqrt(x) - 2 * np.sqrt(np.pi) * special.erf(x**0.5)
    assert got == pytest.approx(lower[1] - lower[0], rel=1e-13)
    assert integral(rule_over_logarithm, density, 0.5, 0.5) == 0
