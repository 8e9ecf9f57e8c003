"""Rotary positions, GPT-NeoX style: half-split pairs in the first dimensions of a head.

Axes: B rows, T positions, C heads of queries, keys and values together, H query heads,
G key and value heads, D head size; R rotated dimensions.
"""

import jax
import jax.numpy as jnp
import numpy as np


def rotary_tables(
    length: int, size: int, base: float = 10000.0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns cosines and signed sines of the angles `t / base^(2 i / size)`.

    Returns:
      `(cos, sin)`, each float32 [length, size]; dimension `i` is paired with
      `i + size/2`, and the first half of `sin` is negative so that a rotation is
      `x cos + swap_halves(x) sin`.

    Example:
      >>> rotary_tables(2, 2)[1][1]     # one pair, angle 1
      array([-0.84147096,  0.84147096], dtype=float32)

    Source: "RoFormer" (Su et al. 2021), section 3.4.2; GPT-NeoX for the pairing.
    """
    frequencies = base ** -(np.arange(0, size, 2) / size)
    angles = np.arange(length)[:, None] * frequencies
    cos, sin = np.cos(angles), np.sin(angles)
    return (
        np.concatenate([cos, cos], axis=1).astype(np.float32),
        np.concatenate([-sin, sin], axis=1).astype(np.float32),
    )


_Table = np.ndarray | jax.Array


def rotate(x: jax.Array, cos: _Table, sin: _Table) -> jax.Array:
    """Rotates the first R dimensions of every head by its position's angles.

    Args:
      x: queries or keys, [..., T, head size].
      cos: from `rotary_tables`, [T, R] with R at most the head size, or [..., T, R]
        of the rank of `x`.
      sin: likewise; `-sin` rotates back.

    Returns:
      The same shape and dtype; dot products of rotated queries and keys depend on
      positions only through their difference.
    """
    size = cos.shape[-1]
    if size == 0:
        return x
    turned, rest = x[..., :size], x[..., size:]
    half = size // 2
    swapped = jnp.concatenate([turned[..., half:], turned[..., :half]], axis=-1)
    shape = (1,) * (x.ndim - cos.ndim) + cos.shape
    turned = turned * cos.reshape(shape) + swapped * sin.reshape(shape)
    return jnp.concatenate([turned.astype(x.dtype), rest], axis=-1)


def split_heads(
    qkv_BTCD: jax.Array, cos: np.ndarray, sin: np.ndarray, heads: int, groups: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Splits queries, keys and values by head, queries and keys rotated.

    Args:
      qkv_BTCD: the heads' queries, the groups' keys, then the groups' values.
      cos, sin: from `rotary_tables`.
      heads, groups: H and G with H + 2 G = C.
    """
    return _split_heads(qkv_BTCD, cos, sin, heads, groups)


def split_heads_at(
    qkv_BTCD: jax.Array,
    cos: np.ndarray,
    sin: np.ndarray,
    at_BT: jax.Array,
    heads: int,
    groups: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Does as `split_heads` for tokens at positions `at`, row by row."""
    cos_B1TR, sin_B1TR = (jnp.asarray(table)[at_BT][:, None] for table in (cos, sin))
    return _forward(qkv_BTCD, cos_B1TR, sin_B1TR, heads, groups)[0]


def _forward(qkv_BTCD, cos, sin, heads, groups):
    x_BCTD = qkv_BTCD.swapaxes(1, 2)
    turned = rotate(x_BCTD[:, : heads + groups], cos, sin)
    parts = turned[:, :heads], turned[:, heads:], x_BCTD[:, heads + groups :]
    return parts, None


def _backward(cos, sin, heads, groups, saved, grads):
    # One concatenation instead of the padded sums that slices differentiate to.
    del heads, groups, saved
    turned = rotate(jnp.concatenate(grads[:2], axis=1), cos, -sin)
    return (jnp.concatenate([turned, grads[2]], axis=1).swapaxes(1, 2),)


_split_heads = jax.custom_vjp(
    lambda *args: _forward(*args)[0], nondiff_argnums=(1, 2, 3, 4)
)
_split_heads.defvjp(_forward, _backward)
