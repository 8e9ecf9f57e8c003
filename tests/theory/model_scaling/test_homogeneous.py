"""The infinite power law: mpmath, the finite solver, the asymptotic constant."""

import math

import mpmath
import numpy as np
import pytest
from blocks import (
    infinite_allocation,
    infinite_contribution,
    infinite_onset_capacity,
    infinite_redundancy_constant,
)
from scipy import special

from kscale.theory.model_scaling.allocation import water_level


def exact(capacity, alpha, a, b):
    """(K, ln lambda, ln redundancy, m_1) with 60 digits, from the printed formulas."""
    c, al, a, b = (mpmath.mpf(x) for x in (capacity, alpha, a, b))

    def entry(k):
        return k * mpmath.log(k) - mpmath.loggamma(k + 1)

    volume = al * mpmath.log(b) * c
    low, high = mpmath.mpf(1), mpmath.mpf(2)
    while entry(high) <= volume:
        high *= 2
    while high - low > 1:
        middle = mpmath.floor((low + high) / 2)
        low, high = (middle, high) if entry(middle) <= volume else (low, middle)
    zeta = mpmath.zeta(1 / al)
    log_price = mpmath.log(a * mpmath.log(b) / zeta)
    log_price -= (mpmath.loggamma(low + 1) / al + c * mpmath.log(b)) / low
    tail = a * mpmath.zeta(1 / al, low + 1) / zeta
    loss = low * mpmath.exp(log_price) / mpmath.log(b) + tail
    first = (mpmath.log(a * mpmath.log(b) / zeta) - log_price) / mpmath.log(b)
    return low, log_price, mpmath.log(loss), first


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.8, 0.99, 0.999999])
@pytest.mark.parametrize("capacity", [0.0, 1e-3, 1.0, 37.5, 1e4, 1e8, 1e12])
def test_against_sixty_digits(alpha, capacity):
    ours = infinite_allocation(capacity, alpha, 1.5, 3.0)
    with mpmath.workdps(60):
        k, log_price, log_loss, first = exact(capacity, alpha, 1.5, 3.0)
        assert ours.active == int(k)
        assert abs(ours.log_price - log_price) < 5e-14
        assert abs(ours.log_redundancy - log_loss) < 5e-14
        assert abs(ours.first_memory - first) < 5e-14 * (1 + first)


def test_the_finite_problem_with_the_rest_as_unlearnt():
    # With memory for few, a million clusters differ from all by their unlearnt rest.
    alpha, n, capacity = 0.7, 1_000_000, np.array([5.0, 80.0, 3000.0])
    p = np.arange(1.0, n + 1) ** (-1 / alpha)
    share = p.sum() / special.zeta(1 / alpha)
    finite = water_level(capacity, p / p.sum())
    ours = infinite_allocation(capacity, alpha)
    assert np.array_equal(finite.active, ours.active)
    whole = finite.redundancy * share + 1 - share
    np.testing.assert_allclose(ours.redundancy, whole, rtol=1e-10)


def test_the_constant_is_the_limit():
    alpha, capacity = np.array([0.3, 0.5, 0.9]), np.array([[1e4], [1e8], [1e12]])
    constant = infinite_redundancy_constant(alpha, 1.5, 3.0)
    scaled = infinite_allocation(capacity, alpha, 1.5, 3.0).redundancy
    error = abs(scaled * capacity ** (1 / alpha - 1) / constant - 1)
    assert (np.diff(error, axis=0) < 0).all()
    assert (error[2] < 1e-9).all()


def test_contributions():
    rank = np.array([1.0, 10.0, 350.0, 351.0, 1e4, 1e9])
    ours = infinite_contribution(rank, 1000.0, 0.5)
    best = infinite_allocation(1000.0, 0.5)
    served = np.exp(best.log_price) / math.log(2)
    np.testing.assert_allclose(ours[:3], served, rtol=1e-14)
    np.testing.assert_allclose(ours[3:], 6 / math.pi**2 / rank[3:] ** 2, rtol=1e-13)
    whole = infinite_contribution(np.arange(1.0, 2001), 1000.0, 0.5).sum()
    rest = special.zeta(2, 2001) * 6 / math.pi**2
    np.testing.assert_allclose(whole + rest, best.redundancy, rtol=1e-12)


def test_onsets():
    assert infinite_onset_capacity(1.0, 0.5) == 0.0
    # K = 2: bits log2((p_1/p_2)) = 1/alpha
    np.testing.assert_allclose(infinite_onset_capacity(2.0, [0.5, 0.25]), [2.0, 4.0])
    ranks = [15.0, 16.0, 1e6, 1e12]
    with mpmath.workdps(40):
        truth = [float(k * mpmath.log(k) - mpmath.loggamma(k + 1)) for k in ranks]
    ours = infinite_onset_capacity(ranks, 0.999, math.e)
    np.testing.assert_allclose(ours, np.array(truth) / 0.999, rtol=1e-15)


def test_every_cluster_is_served_from_its_onset_on():
    rank, alpha = np.arange(1.0, 2001.0), np.array([[0.1], [0.25], [0.5], [0.8]])
    onset = infinite_onset_capacity(rank, alpha)
    found = infinite_allocation(onset, alpha).active
    assert (found == rank).all()
    before = infinite_allocation(onset[:, 1:] * (1 - 1e-12), alpha).active
    assert (before == rank[:-1]).all()
