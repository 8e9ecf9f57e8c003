"""Two quadrature rules against integrals in closed form."""

import jax
import numpy as np
import pytest
from scipy import special

from kscale import theory
from kscale.theory.numerics import quadrature


def integral(rule, function, *arguments):
    with theory.float64():
        p, weights = map(np.asarray, jax.jit(rule)(*arguments))
    return (weights * function(p)).sum()


@pytest.mark.parametrize("exponent", [-0.99, -0.5, 0.0, 0.3, 2.0, 40.5])
def test_polynomials_are_exact(exponent):
    for degree in (0, 1, 7, 19):
        rule, top = quadrature.rule_with_power, exponent + degree + 1
        got = integral(rule, lambda p, d=degree: p**d, exponent, 0.7)
        assert got == pytest.approx(0.7**top / top, rel=1e-13), degree


def test_an_exponential_beside_a_singular_power():
    got = integral(quadrature.rule_with_power, lambda p: np.exp(-p), -0.9, 1.0)
    exact = special.gamma(0.1) * special.gammainc(0.1, 1.0)
    assert got == pytest.approx(exact, rel=1e-14)


def test_twelve_decades_and_none():
    def density(p):
        return p**-1.5 * np.exp(-p)

    got = integral(quadrature.rule_over_logarithm, density, 1e-12, 1.0)
    x = np.array([1e-12, 1.0])
    lower = -2 * np.exp(-x) / np.sqrt(x) - 2 * np.sqrt(np.pi) * special.erf(x**0.5)
    assert got == pytest.approx(lower[1] - lower[0], rel=1e-13)
    assert integral(quadrature.rule_over_logarithm, density, 0.5, 0.5) == 0
