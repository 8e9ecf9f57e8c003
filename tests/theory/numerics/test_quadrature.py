"""Two quadrature rules against integrals in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from kscale import theory
from kscale.theory.numerics import quadrature


def power(function, exponent, end):
    with theory.float64():
        rule = jax.jit(lambda v, e: quadrature.integral_with_power(function, v, e))
        return float(rule(exponent, end))


@pytest.mark.parametrize("exponent", [-0.99, -0.5, 0.0, 0.3, 2.0, 40.5])
@pytest.mark.parametrize("degree", [0, 1, 7, 19])
def test_polynomials_are_exact(exponent, degree):
    got = power(lambda p: p**degree, exponent, 0.7)
    top = exponent + degree + 1
    assert got == pytest.approx(0.7**top / top, rel=1e-13)


def test_an_exponential_beside_a_singular_power():
    got = power(lambda p: jnp.exp(-p), -0.9, 1.0)
    exact = special.gamma(0.1) * special.gammainc(0.1, 1.0)
    assert got == pytest.approx(exact, rel=1e-14)


def test_twelve_decades():
    with theory.float64():
        got = jax.jit(
            lambda: quadrature.integral_over_logarithm(
                lambda p: p**-1.5 * jnp.exp(-p), 1e-12, 1.0
            )
        )()
    lower = [
        -2 * np.exp(-x) / np.sqrt(x) - 2 * np.sqrt(np.pi) * special.erf(x**0.5)
        for x in (1e-12, 1.0)
    ]
    assert float(got) == pytest.approx(lower[1] - lower[0], rel=1e-13)


def test_an_empty_range():
    with theory.float64():
        assert quadrature.integral_over_logarithm(lambda p: p, 0.5, 0.5) == 0
