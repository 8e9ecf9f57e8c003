"""Solvers: float64 without touching the caller's precision, broadcasting, refusals."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import theory
from kscale.theory import checks
from kscale.theory.solver import solver


class Pair(NamedTuple):
    product: float
    shifted: np.ndarray


def refuse_negative(x, p, flip):
    del p, flip
    checks.inside("x", x, "[0, inf)")


@solver(scalars=("x",), static=("flip",), check=refuse_negative)
def pair(x, p=(1.0, 2.0), flip=False):
    """A solver for the tests."""
    sign = -1.0 if flip else 1.0
    return Pair(sign * x * p.sum(), x + p)


def test_a_number_gives_a_number_in_float64():
    got = pair(1e-12)
    assert got.product == 3e-12
    assert np.array_equal(got.shifted, [1 + 1e-12, 2 + 1e-12])
    assert type(got.product) is np.float64


def test_the_process_keeps_its_precision():
    pair(1.0)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


def test_arrays_broadcast_and_lead_the_shape():
    got = pair(np.arange(6.0).reshape(2, 3), flip=True)
    assert got.product.shape == (2, 3)
    assert got.shifted.shape == (2, 3, 2)
    assert got.product[1, 2] == -15
    assert np.array_equal(got.shifted[1, 2], [6, 7])


def test_transformations_in_the_scope():
    with theory.float64():
        slope = jax.grad(lambda x: pair(x).product)(0.5)
        many = jax.jit(jax.vmap(lambda x: pair(x).shifted))(jnp.array([0.1, 0.2]))
    assert float(slope) == 3
    assert many.dtype == jnp.float64
    np.testing.assert_allclose(many, [[1.1, 2.1], [1.2, 2.2]], rtol=1e-15)


def test_transformations_outside_the_scope_are_refused():
    with pytest.raises(
        ValueError, match=r"pair is transformed in float32.*float64\(\)"
    ):
        jax.vmap(lambda x: pair(x).product)(np.arange(3.0))


def test_a_bad_value_is_named_with_its_place():
    with pytest.raises(
        ValueError, match=r"x must lie in \[0, inf\), got -2\.0 at \[1\]"
    ):
        pair([1.0, -2.0])


def test_one_program_serves_all_values_of_a_shape():
    compiled = []

    @solver(scalars=("x",))
    def traced(x):
        compiled.append(1)
        return x + 1

    assert [traced(x) for x in (1, 2.5, np.float32(3))] == [2, 3.5, 4]
    assert len(compiled) == 1
