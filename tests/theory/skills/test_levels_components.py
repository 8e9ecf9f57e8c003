"""The giant component against Lambert's W in 50 digits, limits and a random graph."""

import jax
import mpmath
import numpy as np
import pytest

from kscale import theory
from kscale.theory.skills.levels import giant_component
from kscale.theory.skills.simulation import component_labels


@pytest.mark.parametrize(
    "excess",
    [1e-14, 1e-12, 1e-8, 1e-5, 1e-3, 0.05, 0.5, 0.62, 0.66, 1.0, 5.0, 50.0, 1e3, 1e6],
)
def test_against_lambert_w(excess):
    c = 1.0 + excess
    with mpmath.workdps(50):
        x = mpmath.mpf(c)
        truth = 1 + mpmath.lambertw(-x * mpmath.exp(-x)).real / x
        assert abs(float(giant_component(c)) / truth - 1) < 1e-15


def test_it_solves_its_equation_and_grows():
    c = np.linspace(0, 8, 801)
    gamma = giant_component(c)
    np.testing.assert_allclose(gamma, -np.expm1(-c * gamma), atol=1e-15)
    assert (gamma[c <= 1] == 0).all()
    assert (np.diff(gamma[c > 1]) > 0).all()


def test_limits():
    assert giant_component(np.inf) == 1
    np.testing.assert_allclose(giant_component(1 + 1e-7), 2e-7, rtol=1e-6)
    np.testing.assert_allclose(1 - giant_component(20.0), np.exp(-20.0), rtol=1e-6)
    assert giant_component(0.0) == 0


def test_the_derivative():
    # of gamma = 1 - exp(-c gamma)
    with theory.float64():
        slope = jax.vmap(jax.grad(giant_component))(np.array([0.3, 1.0001, 1.5, 9.0]))
        slope = np.asarray(slope)
    gamma = giant_component([1.0001, 1.5, 9.0])
    c = np.array([1.0001, 1.5, 9.0])
    exact = gamma * (1 - gamma) / (1 - c * (1 - gamma))
    assert slope[0] == 0
    np.testing.assert_allclose(slope[1:], exact, rtol=1e-9)


def test_a_sampled_graph():
    rng = np.random.default_rng(5)
    n, c = 3000, 1.7
    shares = []
    for _ in range(6):
        labels = component_labels(np.triu(rng.random((n, n)) < c / n, 1))
        shares.append(np.bincount(labels).max() / n)
    error = np.std(shares, ddof=1) / np.sqrt(6)
    assert abs(np.mean(shares) - giant_component(c)) < 4 * error


def test_no_number_stays_none_under_tracing():
    with theory.float64():
        assert np.isnan(np.asarray(jax.jit(giant_component)(np.nan)))
