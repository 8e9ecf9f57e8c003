import jax.numpy as jnp
import numpy as np

from kscale.models.kv_cache import Cache, attend_cache, write_cache


def test_rows_are_written_behind_their_own_past():
    cache = Cache(jnp.zeros((2, 1, 5, 2)), jnp.zeros((2, 1, 5, 2)))
    new = jnp.arange(1.0, 5.0).reshape(2, 1, 2, 1) * jnp.ones((1, 1, 1, 2))
    cache = write_cache(cache, new, -new, jnp.array([0, 3]))
    first = cache.keys[:, 0, :, 0]
    np.testing.assert_array_equal(first, [[1, 2, 0, 0, 0], [0, 0, 0, 3, 4]])
    np.testing.assert_array_equal(cache.values, -cache.keys)
    one = jnp.full((2, 1, 1, 2), 9.0)
    cache = write_cache(cache, one, one, jnp.array([1, 2]))
    first = cache.keys[:, 0, :, 0]
    np.testing.assert_array_equal(first, [[1, 9, 0, 0, 0], [0, 0, 9, 3, 4]])
    assert cache.capacity == 5


def test_equal_keys_average_the_values_up_to_the_query():
    values = jnp.arange(4.0)[None, None, :, None] * jnp.ones((2, 1, 4, 2))
    cache = Cache(jnp.zeros((2, 1, 4, 2)), values)
    out = attend_cache(cache, jnp.ones((2, 1, 2, 2)), jnp.array([[0, 1], [2, 3]]))
    np.testing.assert_allclose(out[:, 0, :, 0], [[0, 0.5], [1, 1.5]], rtol=1e-6)
