import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close

from kscale.models import attention
from kscale.models.attention import attend, visible_keys


def heads(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_mask_is_causal_within_documents():
    segments = jnp.array([[0, 0, 0, 1, 1, 2]])
    np.testing.assert_array_equal(
        visible_keys(slice(0, 6), 6, segments)[0].astype(int),
        [
            [1, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
            [0, 0, 0, 1, 0, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 0, 0, 0, 0, 1],
        ],
    )
    np.testing.assert_array_equal(
        visible_keys(slice(2, 4), 4, None)[0].astype(int), [[1, 1, 1, 0], [1, 1, 1, 1]]
    )


def test_equal_keys_average_values():
    k = jnp.zeros((1, 1, 4, 2))
    v = jnp.arange(4.0)[None, None, :, None] * jnp.ones((1, 1, 1, 2))
    out = attend(heads((1, 1, 4, 2)), k, v)
    np.testing.assert_allclose(out[0, 0, :, 0], [0, 0.5, 1, 1.5], rtol=1e-6)


@pytest.mark.parametrize("with_segments", [False, True])
@pytest.mark.parametrize("length", [1, 16, 40])
def test_blocks_equal_reference(length, with_segments, monkeypatch):
    monkeypatch.setattr(attention, "_BLOCK", 16)
    q = heads((2, 6, length, 8))
    k, v = heads((2, 2, length, 8), 1), heads((2, 2, length, 8), 2)
    segments = jnp.arange(length)[None] // jnp.array([[5], [9]])
    segments = segments if with_segments else None
    weights = heads((2, 6, length, 8), 3)

    def run(how):
        def loss(q, k, v):
            return jnp.sum(attend(q, k, v, segments, how) * weights)

        return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))(q, k, v)

    assert_close(run("blocks"), run("reference"))


@pytest.mark.parametrize("how", ["reference", "blocks"])
def test_grouped_heads_equal_repeated_heads(how):
    q = heads((2, 6, 20, 8))
    k, v = heads((2, 2, 20, 8), 1), heads((2, 2, 20, 8), 2)
    grouped = attend(q, k, v, None, how)
    repeated = attend(q, jnp.repeat(k, 3, 1), jnp.repeat(v, 3, 1), None, how)
    np.testing.assert_allclose(grouped, repeated, atol=1e-6)


def test_large_scores_stay_finite():
    q = 1e3 * heads((1, 1, 32, 8))
    out, grad = jax.value_and_grad(lambda q: attend(q, q, q).sum())(q)
    assert np.isfinite(out)
    assert np.isfinite(grad).all()
