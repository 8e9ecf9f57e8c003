"""The certificate tells an optimum from what is none, and bounds what is lost."""

import numpy as np
import pytest

from kscale.theory.model_scaling.allocation import allocate
from kscale.theory.model_scaling.certificate import kkt_certificate

P, A, B = [0.5, 0.3, 0.2], [1.0, 2.0, 0.5], [2.0, 3.0, 1.5]
C = 2.0


@pytest.fixture(scope="module")
def best():
    return allocate(C, P, A, B)


def judged(memory, log_price):
    return kkt_certificate(memory, log_price, C, P, A, B)


def loss_of(memory):
    return (np.array(P) * A * np.array(B) ** -memory).sum()


def test_the_optimum_has_none_and_the_gap_is_a_bound_at_every_price(best):
    price = best.level.log_price
    assert max(map(abs, judged(best.memory, price))) < 1e-14
    for shift in (-2.0, -0.1, 0.3, 5.0):
        certificate = judged(best.memory, price + shift)
        assert certificate.gap > 0
        assert certificate.stationarity > 0.05


def test_other_allocations_of_the_same_memory(best):
    even = np.full(3, C / 3)
    certificate = judged(even, best.level.log_price)
    assert certificate.stationarity > 0.1
    assert certificate.feasibility == 0
    # At the optimal price the bound is the optimum itself: strong duality.
    bound = (1 - certificate.gap) * loss_of(even)
    np.testing.assert_allclose(bound, best.level.redundancy, rtol=1e-12)
    # a cluster that ought to be served
    certificate = judged([0.0, C, 0.0], best.level.log_price)
    gain = 0.5 * np.log(2) / best.level.price
    np.testing.assert_allclose(certificate.dual, gain - 1, rtol=1e-12)


def test_memory_left_overdrawn_or_negative(best):
    price = best.level.log_price
    left = judged(best.memory / 2, price).complementarity
    expected = np.exp(price) * C / 2 / loss_of(best.memory / 2)
    np.testing.assert_allclose(left, expected, rtol=1e-12)
    over, negative = judged(best.memory * 2, price), judged([3.0, -1.0, 0.0], price)
    np.testing.assert_allclose(over.feasibility, C / (1 + C))
    np.testing.assert_allclose(negative.feasibility, 1 / (1 + C))
