"""Hurwitz's zeta function in logarithms against mpmath and its own recurrence."""

import math

import mpmath
import numpy as np
import pytest

from kscale.theory.numerics.zeta import log_zeta


@pytest.mark.parametrize("excess", [1e-9, 1e-3, 0.25, 1.0, 3.0, 19.0])
@pytest.mark.parametrize("q", [1.0, 2.0, 31.0, 1e4, 1e12])
def test_against_mpmath(excess, q):
    with mpmath.workdps(40):
        truth = mpmath.log(mpmath.zeta(1 + mpmath.mpf(excess), mpmath.mpf(q)))
        error = float(abs(log_zeta(excess, q) - truth))
    assert error <= 4e-16 * max(1.0, abs(float(truth))) + 1e-15


@pytest.mark.parametrize("q", [1, 20, 1000])
def test_steep_powers_against_the_plain_sum(q):
    # mpmath's own value of zeta(100, 1000) is wrong in the ninth digit
    truth = math.log(math.fsum((1 + j / q) ** -100.0 for j in range(3000)))
    np.testing.assert_allclose(log_zeta(99.0, q) + 100 * math.log(q), truth, atol=3e-13)


def test_the_recurrence():
    q = np.array([1.0, 5.0, 77.0, 1e3])
    whole, rest = np.exp(log_zeta(0.7, q)), np.exp(log_zeta(0.7, q + 1))
    np.testing.assert_allclose(whole - rest, q**-1.7, rtol=1e-11)


def test_the_pole():
    np.testing.assert_allclose(log_zeta(1e-12, [1.0, 1e9]), 12 * math.log(10))
