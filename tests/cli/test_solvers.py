"""What holds of every solver: vmap is broadcasting, float64 stays inside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import theory
from kscale.cli import theory_arguments
from kscale.cli.solvers import SOLVERS

QUICK = {
    "expected_square",
    "expected_tables",
    "stick_left",
    "data_redundancy_uniform",
    "infinite_redundancy_constant",
    "transition",
    "fixed_points",
    "training_error",
    "excess_entropy",
    "giant_component",
}
MAPPED = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name, solver in SOLVERS.items()
    if getattr(solver.function, "scalars", ())
]


def example(name):
    """The function, its example's arguments, the first scalar one and its values."""
    solver = SOLVERS[name]
    texts = dict(word[2:].split("=") for word in solver.example)
    values = theory_arguments.read(solver.function, texts)
    first = next(key for key in values if key in solver.function.scalars)
    x = np.atleast_1d(np.asarray(values.pop(first), float))[:3]
    others = {
        key: np.ravel(value)[0] if key in solver.function.scalars else value
        for key, value in values.items()
    }
    return solver.function, others, first, x


@pytest.mark.parametrize("name", MAPPED)
def test_vmap_equals_broadcasting_in_float64(name):
    function, others, first, x = example(name)
    expected = function(**others, **{first: x})
    assert not jax.config.jax_enable_x64
    assert jnp.zeros(1).dtype == jnp.float32
    with theory.float64():
        mapped = jax.jit(jax.vmap(lambda one: function(**others, **{first: one})))
        got = jax.tree.map(np.asarray, mapped(jnp.asarray(x)))
    for ours, theirs in zip(
        jax.tree.leaves(got), jax.tree.leaves(expected), strict=True
    ):
        assert np.shape(theirs)[:1] == (len(x),)
        assert theirs.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-300)
