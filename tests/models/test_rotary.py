import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn import assert_close

from kscale.models.rotary import rotary_tables, rotate, split_heads


def test_literal_example():
    # Two pairs of a head of six dimensions: (0, 2) at angle t, (1, 3) at t / 100.
    cos, sin = rotary_tables(3, 4, base=10_000.0)
    x = jnp.array([[1.0, 1.0, 0.0, 0.0, 7.0, 8.0]] * 3)
    t, rest = np.arange(3.0), np.ones(3)
    turned = np.cos(t), np.cos(t / 100), np.sin(t), np.sin(t / 100), 7 * rest, 8 * rest
    np.testing.assert_allclose(rotate(x, cos, sin).T, turned, atol=1e-6)
    np.testing.assert_array_equal(rotate(x, *rotary_tables(3, 0)), x)  # no rotation


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_scores_depend_on_distance_only(position, shift, seed):
    cos, sin = rotary_tables(81, 16)
    q, k = np.random.default_rng(seed).normal(size=(2, 16)).astype(np.float32)

    q, k = (np.asarray(rotate(jnp.tile(x, (81, 1)), cos, sin)) for x in (q, k))
    moved = q[position + shift] @ k[shift]
    np.testing.assert_allclose(moved, q[position] @ k[0], atol=1e-4)


def test_split_heads_and_its_gradient():
    cos, sin = rotary_tables(5, 4)
    rng = np.random.default_rng(0)
    qkv = jnp.asarray(rng.normal(size=(2, 5, 3 + 2 * 1, 8)), jnp.float32)
    weights = jnp.asarray(rng.normal(size=(2, 5, 5, 8)), jnp.float32)

    def plain(x):
        x = x.swapaxes(1, 2)
        return rotate(x[:, :3], cos, sin), rotate(x[:, 3:4], cos, sin), x[:, 4:]

    def weighted(split):
        return lambda x: jnp.sum(jnp.concatenate(split(x), axis=1) * weights)

    def ours(x):
        return split_heads(x, cos, sin, 3, 1)

    assert [x.shape[1] for x in ours(qkv)] == [3, 1, 1]
    found, expected = (
        jax.value_and_grad(weighted(split))(qkv) for split in (ours, plain)
    )
    assert_close(found, expected, rtol=1e-7)
