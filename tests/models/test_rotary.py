import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.models.rotary import (
    rotary_tables,
    rotate,
    split_heads,
    split_heads_at,
)


def test_literal_example():
    # Two pairs of a head of six dimensions: (0, 2) at angle t, (1, 3) at t / 100.
    cos, sin = rotary_tables(3, 4, base=10_000.0)
    x = jnp.array([[1.0, 1.0, 0.0, 0.0, 7.0, 8.0]] * 3)
    t = np.arange(3.0)
    np.testing.assert_allclose(
        rotate(x, cos, sin),
        np.stack(
            [
                np.cos(t),
                np.cos(t / 100),
                np.sin(t),
                np.sin(t / 100),
                0 * t + 7,
                0 * t + 8,
            ],
            axis=1,
        ),
        atol=1e-6,
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_scores_depend_on_distance_only(position, shift, seed):
    cos, sin = rotary_tables(81, 16)
    q, k = np.random.default_rng(seed).normal(size=(2, 16)).astype(np.float32)

    turned = [np.asarray(rotate(jnp.tile(x, (81, 1)), cos, sin)) for x in (q, k)]

    def score(s, t):
        return turned[0][s] @ turned[1][t]

    np.testing.assert_allclose(
        score(position, 0), score(position + shift, shift), atol=1e-4
    )


def test_no_rotation():
    x = jnp.ones((2, 3, 4))
    np.testing.assert_array_equal(rotate(x, *rotary_tables(3, 0)), x)


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
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        jax.value_and_grad(weighted(ours))(qkv),
        jax.value_and_grad(weighted(plain))(qkv),
    )


def test_tokens_may_stand_anywhere_row_by_row():
    cos, sin = rotary_tables(9, 4)
    qkv = jnp.asarray(np.random.default_rng(0).normal(size=(2, 9, 4, 6)), jnp.float32)
    whole = split_heads(qkv, cos, sin, 2, 1)
    at = jnp.array([[0, 1, 2], [5, 6, 7]])
    some = jnp.take_along_axis(qkv, at[:, :, None, None], axis=1)
    for found, expected in zip(
        split_heads_at(some, cos, sin, at, 2, 1), whole, strict=True
    ):
        np.testing.assert_array_equal(found[0], expected[0][:, :3])
        np.testing.assert_array_equal(found[1], expected[1][:, 5:8])
