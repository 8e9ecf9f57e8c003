"""The certificate tells an optimum from what is none, and bounds what is lost."""

import numpy as np
import pytest

from kscale.theory.model_scaling.allocation import allocate
from kscale.theory.model_scaling.certificate import kkt_certificate

P, A, B = [0.5, 0.3, 0.2], [1.0, 2.0, 0.5], [2.0, 3.0, 1.5]
C = 2.0


@pytest.fixture
def best():
    return allocate(C, P, A, B)


def test_the_optimum_has_none(best):
    certificate = kkt_certificate(best.memory, best.level.log_price, C, P, A, B)
    assert max(certificate) < 1e-14
    assert min(certificate) > -1e-14


def test_another_allocation_of_the_same_memory(best):
    even = np.full(3, C / 3)
    certificate = kkt_certificate(even, best.level.log_price, C, P, A, B)
    assert certificate.stationarity > 0.1
    assert certificate.feasibility == 0
    loss = (np.array(P) * A * np.array(B) ** -even).sum()
    # At the optimal price the bound is the optimum itself: strong duality.
    np.testing.assert_allclose(
        (1 - certificate.gap) * loss, best.level.redundancy, rtol=1e-12
    )


@pytest.mark.parametrize("shift", [-2.0, -0.1, 0.3, 5.0])
def test_the_gap_is_a_bound_at_every_price(best, shift):
    log_price = best.level.log_price + shift
    certificate = kkt_certificate(best.memory, log_price, C, P, A, B)
    assert certificate.gap > 0
    assert certificate.stationarity > 0.05


def test_memory_left_overdrawn_or_negative(best):
    price = best.level.log_price
    left = kkt_certificate(best.memory * 0.5, price, C, P, A, B)
    expected = np.exp(price) * C / 2
    loss = (np.array(P) * A * np.array(B) ** (-best.memory / 2)).sum()
    np.testing.assert_allclose(left.complementarity, expected / loss, rtol=1e-12)
    over = kkt_certificate(best.memory * 2, price, C, P, A, B)
    np.testing.assert_allclose(over.feasibility, C / (1 + C))
    negative = kkt_certificate([3.0, -1.0, 0.0], price, C, P, A, B)
    np.testing.assert_allclose(negative.feasibility, 1 / (1 + C))


def test_a_cluster_that_ought_to_be_served(best):
    memory = np.array([0.0, C, 0.0])
    certificate = kkt_certificate(memory, best.level.log_price, C, P, A, B)
    gain = 0.5 * np.log(2) / best.level.price
    np.testing.assert_allclose(certificate.dual, gain - 1, rtol=1e-12)
