"""Hurwitz's zeta function in logarithms against mpmath and its own recurrence."""

import math

import mpmath
import numpy as np
import pytest

from kscale.theory.numerics.zeta import log_zeta


@pytest.mark.parametrize("excess", [1e-9, 1e-3, 0.25, 1.0, 3.0, 19.0])
def test_against_mpmath(excess):
    q = [1.0, 2.0, 31.0, 1e4, 1e12]
    with mpmath.workdps(40):
        for value, each in zip(log_zeta(excess, q), q, strict=True):
            truth = mpmath.log(mpmath.zeta(1 + mpmath.mpf(excess), mpmath.mpf(each)))
            assert abs(value - truth) <= 4e-16 * max(1, abs(truth)) + 1e-15, each


def test_steep_powers_against_the_plain_sum():
    # mpmath's own value of zeta(100, 1000) is wrong in the ninth digit
    for q in (1, 20, 1000):
        truth = math.log(math.fsum((1 + j / q) ** -100.0 for j in range(3000)))
        got = log_zeta(99.0, q) + 100 * math.log(q)
        np.testing.assert_allclose(got, truth, atol=3e-13)


def test_the_recurrence_and_the_pole():
    q = np.array([1.0, 5.0, 77.0, 1e3])
    whole, rest = np.exp(log_zeta(0.7, q)), np.exp(log_zeta(0.7, q + 1))
    np.testing.assert_allclose(whole - rest, q**-1.7, rtol=1e-11)
    # at the pole
    np.testing.assert_allclose(log_zeta(1e-12, [1.0, 1e9]), 12 * math.log(10))
