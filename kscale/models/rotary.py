"""Rotary positions, GPT-NeoX style: half-split pairs in the first dimensions of a head.

Axes: T positions, R rotated dimensions.
"""

import jax
import jax.numpy as jnp
import numpy as np


def rotary_tables(
    length: int, size: int, base: float = 10000.0
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and signed sines of the angles ``t / base^(2 i / size)``.

    Args:
      length: number of positions T.
      size: rotated dimensions R, even.
      base: the longest wavelength is about ``2 pi base``.

    Returns:
      ``(cos, sin)``, each float32 [T, R]; dimension ``i`` is paired with
      ``i + R/2``, and the first half of ``sin`` is negative so that a rotation is
      ``x cos + swap_halves(x) sin``.

    Example:
      >>> rotary_tables(2, 2)[1][1]     # one pair, angle 1
      array([-0.84147098,  0.84147098], dtype=float32)

    Source: "RoFormer" (Su et al. 2021), section 3.4.2; GPT-NeoX for the pairing.
    """
    frequencies = base ** -(np.arange(0, size, 2) / size)
    angles = np.arange(length)[:, None] * frequencies
    cos, sin = np.cos(angles), np.sin(angles)
    return (
        np.concatenate([cos, cos], axis=1).astype(np.float32),
        np.concatenate([-sin, sin], axis=1).astype(np.float32),
    )


@jax.custom_vjp
def rotate(x: jax.Array, cos: np.ndarray, sin: np.ndarray) -> jax.Array:
    """Rotates the first R dimensions of every head by its position's angles.

    Args:
      x: queries or keys, [..., T, head size].
      cos: from ``rotary_tables``, [T, R] with R at most the head size.
      sin: likewise.

    Returns:
      The same shape and dtype; dot products of rotated queries and keys depend on
      positions only through their difference.
    """
    size = cos.shape[1]
    if size == 0:
        return x
    turned, rest = x[..., :size], x[..., size:]
    half = size // 2
    swapped = jnp.concatenate([turned[..., half:], turned[..., :half]], axis=-1)
    shape = (1,) * (x.ndim - 2) + cos.shape
    turned = turned * cos.reshape(shape) + swapped * sin.reshape(shape)
    return jnp.concatenate([turned.astype(x.dtype), rest], axis=-1)


def _forward(x, cos, sin):
    return rotate(x, cos, sin), (cos, sin)


def _backward(saved, grad):
    cos, sin = saved  # a rotation's transpose is the rotation back
    return rotate(grad, cos, -sin), None, None


rotate.defvjp(_forward, _backward)
