import jax
import jax.numpy as jnp
import numpy as np

from kscale.models.attention import attend
from kscale.models.kv_cache import Cache, attend_cache, write_cache


def places(cache):
    """The first dimension of the first head's keys, [B, S]."""
    return np.asarray(cache.keys[:, 0, :, 0])


def test_rows_are_written_behind_their_own_past():
    cache = Cache(jnp.zeros((2, 1, 5, 2)), jnp.zeros((2, 1, 5, 2)))
    new = jnp.arange(1.0, 5.0).reshape(2, 1, 2, 1) * jnp.ones((1, 1, 1, 2))
    cache = write_cache(cache, new, -new, jnp.array([0, 3]))
    np.testing.assert_array_equal(places(cache), [[1, 2, 0, 0, 0], [0, 0, 0, 3, 4]])
    np.testing.assert_array_equal(cache.values, -cache.keys)
    one = jnp.full((2, 1, 1, 2), 9.0)
    cache = write_cache(cache, one, one, jnp.array([1, 2]))
    np.testing.assert_array_equal(places(cache), [[1, 9, 0, 0, 0], [0, 0, 9, 3, 4]])
    assert cache.capacity == 5


def test_equal_keys_average_the_values_up_to_the_query():
    values = jnp.arange(4.0)[None, None, :, None] * jnp.ones((2, 1, 4, 2))
    cache = Cache(jnp.zeros((2, 1, 4, 2)), values)
    out = attend_cache(cache, jnp.ones((2, 1, 2, 2)), jnp.array([[0, 1], [2, 3]]))
    np.testing.assert_allclose(out[:, 0, :, 0], [[0, 0.5], [1, 1.5]], rtol=1e-6)


def test_recall_is_attention_and_never_sees_later_places():
    keys = jax.random.split(jax.random.key(0), 3)
    q = jax.random.normal(keys[0], (2, 4, 6, 8))
    k, v = (jax.random.normal(key, (2, 2, 6, 8)) for key in keys[1:])
    whole = attend(q, k, v, None, "reference")
    k, v = (jnp.pad(x, ((0, 0), (0, 0), (0, 3), (0, 0))) for x in (k, v))
    late = jnp.arange(9)[None, None, :, None] > 5
    cache = Cache(jnp.where(late, 1e4, k), jnp.where(late, -1e4, v))
    at = jnp.broadcast_to(jnp.arange(6)[None], (2, 6))
    np.testing.assert_allclose(attend_cache(cache, q, at), whole, atol=1e-6)
