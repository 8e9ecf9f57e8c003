"""Exact derivatives against automatic ones; the system of five against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import theory
from kscale.theory.fitting import descent
from kscale.theory.fitting.power_laws import huber_loss

pytestmark = pytest.mark.usefixtures("optimized")

RNG = np.random.default_rng(0)
THETA, WEIGHT = RNG.normal(size=5), RNG.integers(0, 4, 30) * 1.0
POINTS = RNG.normal(size=(3, 30))


@pytest.fixture
def data():
    with theory.float64():
        yield descent.Data(*map(jnp.asarray, POINTS), jnp.asarray(0.3))


def test_derivatives(data):
    weight = jnp.asarray(WEIGHT)

    def residual(theta):
        return descent.residuals(theta, data)[0]

    def loss(theta):
        return (weight * huber_loss(residual(theta), data.delta)).sum()

    @jax.jit
    def both(theta):
        r, share = descent.residuals(theta, data)
        rows = jax.jacobian(residual)(theta)
        lift = weight * jnp.minimum(1, 0.3 / abs(r))
        above = (rows.T * lift[None, :]) @ rows
        automatic = jax.grad(loss)(theta), jax.hessian(loss)(theta), above, rows.T
        exact = descent.model(theta, weight, data)[2:]
        return (*exact, descent.jacobian(share, data)), automatic

    for ours, theirs in zip(*both(jnp.asarray(THETA)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-13)


def test_the_stand_in_lies_above_the_loss(data):
    theta, weight = jnp.asarray(THETA), jnp.asarray(WEIGHT)
    model = jax.jit(descent.model)
    at = model(theta, weight, data)
    assert np.linalg.eigvalsh(at.above).min() > 0
    # In the residuals it is a true bound; a small step shows it in the parameters.
    for direction in np.eye(5) * 1e-3:
        new = model(theta + direction, weight, data).loss
        bound = at.loss + at.gradient @ direction
        assert new - bound < 1.1 * 0.5 * direction @ at.above @ direction + 1e-5


def test_systems_of_five():
    with theory.float64():
        root = RNG.normal(size=(5, 5))
        matrix, vector = root @ root.T, RNG.normal(size=5)
        x, positive = descent.solve_positive(jnp.asarray(matrix), jnp.asarray(vector))
        np.testing.assert_allclose(x, np.linalg.solve(matrix, vector), rtol=1e-8)
        assert positive
        matrix[2, 2] -= 100
        _, positive = descent.solve_positive(jnp.asarray(matrix), jnp.asarray(vector))
        assert not positive
