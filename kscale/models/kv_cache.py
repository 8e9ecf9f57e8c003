"""The key/value cache of decoding: what attention keeps of the tokens before.

Axes: B rows, T new positions, S places, H query heads, G key and value heads, R = H / G
query heads per key head, D head size.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from kscale.models.attention import masked_attention


class Cache(NamedTuple):
    """Keys and values of one layer; place s holds the row's token s.

    Attributes:
      keys: [B, G, S, D], rotated and normed, in the dtype of the products.
      values: [B, G, S, D].
    """

    keys: jax.Array
    values: jax.Array

    @property
    def capacity(self) -> int:
        """Returns S, the most tokens a row can have."""
        return self.keys.shape[2]


def write_cache(
    cache: Cache, k_BGTD: jax.Array, v_BGTD: jax.Array, past_B: jax.Array
) -> Cache:
    """Writes new keys and values to the places `past` to `past + T - 1` of each row.

    `past_B` is int32, and `past + T` at most the capacity.
    """

    def write(row_GSD: jax.Array, new_GTD: jax.Array, past: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(row_GSD, new_GTD, past, axis=1)

    return Cache(
        jax.vmap(write)(cache.keys, k_BGTD, past_B),
        jax.vmap(write)(cache.values, v_BGTD, past_B),
    )


def attend_cache(cache: Cache, q_BHTD: jax.Array, at_BT: jax.Array) -> jax.Array:
    """Attends from queries at positions `at` to the places up to their own.

    Places later than a query are not seen, so what they hold (padding of a shorter
    prompt, tokens to be written anew) does not matter as long as it is finite. Softmax
    is in float32, the result in the queries' dtype.
    """
    rows, heads, length, size = q_BHTD.shape
    groups = cache.keys.shape[1]
    q = q_BHTD.reshape(rows, groups, heads // groups, length, size) * size**-0.5
    mask_BTS = jnp.arange(cache.capacity)[None, None] <= at_BT[:, :, None]
    return masked_attention(q, *cache, mask_BTS).reshape(q_BHTD.shape)
