"""Solvers: float64 without touching the caller's precision, broadcasting, refusals."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import theory
from kscale.theory.solver import solver


class Pair(NamedTuple):
    product: float
    shifted: np.ndarray


@solver(domain={"x": "[0, inf)", "p": "number of [n]"})
def pair(x, p=(1.0, 2.0), flip: bool = False):
    """A solver for the tests."""
    sign = -1.0 if flip else 1.0
    return Pair(sign * x * p.sum(), x + p)


def test_a_number_gives_a_number_in_float64():
    got = pair(1e-12)
    assert got.product == 3e-12
    assert np.array_equal(got.shifted, [1 + 1e-12, 2 + 1e-12])
    assert type(got.product) is np.float64
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
    message = r"pair is transformed in float32.*float64\(\)"
    with pytest.raises(ValueError, match=message):
        jax.vmap(lambda x: pair(x).product)(np.arange(3.0))


def test_the_domain_is_checked_and_stands_in_the_docstring():
    with pytest.raises(ValueError, match=r"x\[1\]=-2\.0 must be in \[0, inf\): choose"):
        pair([1.0, -2.0])
    domain = "Domain (outside, `ValueError`):\n  x: [0, inf)\n  p: number of [n]\n"
    assert pair.__doc__.endswith(domain)


def test_one_program_serves_all_values_of_a_shape():
    compiled = []

    @solver(domain={"x": "number", "size": "integer [1, inf)"})
    def traced(x, size: int = 1):
        compiled.append(1)
        return x + size

    assert [traced(x) for x in (1, 2.5, np.float32(3))] == [2, 3.5, 4]
    assert len(compiled) == 1
    assert traced(1, 2) == traced(1, 2.0) == 3
    assert len(compiled) == 2
