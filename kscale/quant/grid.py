"""Grids of few points, the nearest of them to each weight, and codes in packed bytes.

Axes: I inputs, O output channels, G groups of inputs. Any axes may lead (experts). A
grid is `scale (code - zero)` for the codes 0 to `2^bits - 1`; its scale is float16, so
that the products are exact in float32.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp


def fit(w_IO: jax.Array, bits: Any, symmetric: bool) -> tuple[jax.Array, jax.Array]:
    """Fits a grid to the least and greatest weight of each channel.

    `scale = (high - low) / (2^bits - 1)` with `low <= 0 <= high`. Symmetric:
    `-low = high`, the greatest magnitude, and the zero point is `2^(bits - 1)`; the
    greatest positive weight is then half a step off. Scales are rounded up to float16,
    so that no weight is more than half a step from the grid. Rounding rounded weights
    again may shrink them, as the greatest magnitude may have shrunk: with 2 symmetric
    bits 1.5 becomes 1, and then 0.667. Asymmetric grids are kept, but for float16. The
    `bits` of a code may be traced, here and below.

    Returns:
      `(scale float16, zero uint8)`, [1, O]; scale is 1 where all weights are 0. Of
      weights that are not finite, or too large for any float16 scale, it is not finite,
      and nor is what `decode` gives.

    Source: AutoGPTQ, `quantization/quantizer.py` (`find_params`).
    """
    top = 2**bits - 1
    low = jnp.minimum(jnp.min(w_IO, axis=-2, keepdims=True), 0.0)
    high = jnp.maximum(jnp.max(w_IO, axis=-2, keepdims=True), 0.0)
    if symmetric:
        high = jnp.maximum(-low, high)
        low = -high
    step = (high - low) / top
    scale = _half_above(jnp.where(step == 0, 1.0, step))
    if symmetric:
        return scale, jnp.full(scale.shape, 2 ** (bits - 1), jnp.uint8)
    zero = jnp.clip(jnp.round(-low / scale.astype(jnp.float32)), 0, top)
    return scale, zero.astype(jnp.uint8)


def _half_above(step: jax.Array) -> jax.Array:
    """Returns the least float16 not below a positive number; a NaN stays one."""
    near = step.astype(jnp.float16)
    bits = jax.lax.bitcast_convert_type(near, jnp.uint16)
    next_one = jax.lax.bitcast_convert_type(bits + jnp.uint16(1), jnp.float16)
    return jnp.where(near.astype(jnp.float32) < step, next_one, near)


def fit_groups(
    w_IO: jax.Array, bits: Any, group: int, symmetric: bool
) -> tuple[jax.Array, jax.Array]:
    """Fits a grid to each group of inputs: scales and zero points [..., G, O].

    The last group is filled up with zeros, which change no grid, as 0 is in every
    range. `group` 0 is one group of all inputs.
    """
    *lead, inputs, outputs = w_IO.shape
    size = group or inputs
    pad = -inputs % size
    w_IO = jnp.pad(w_IO, [(0, 0)] * len(lead) + [(0, pad), (0, 0)])
    w_GIO = w_IO.reshape(*lead, (inputs + pad) // size, size, outputs)
    scales, zeros = fit(w_GIO, bits, symmetric)
    return scales[..., 0, :], zeros[..., 0, :]


def repeat_groups(
    scales_GO: jax.Array, zeros_GO: jax.Array, inputs: int, group: int
) -> tuple[jax.Array, jax.Array]:
    """Repeats the grids of groups for each of their inputs: [..., I, O]."""

    def repeat(x_GO: jax.Array) -> jax.Array:
        return jnp.repeat(x_GO, group or inputs, axis=-2)[..., :inputs, :]

    return repeat(scales_GO), repeat(zeros_GO)


def encode(w_IO: jax.Array, scale: jax.Array, zero: jax.Array, bits: Any) -> jax.Array:
    """Returns the codes (uint8) of the nearest points; halves go to even multiples."""
    steps = jnp.round(w_IO / scale.astype(jnp.float32))
    return jnp.clip(steps + zero.astype(jnp.float32), 0, 2**bits - 1).astype(jnp.uint8)


def decode(codes: jax.Array, scale: jax.Array, zero: jax.Array) -> jax.Array:
    """Returns `scale (code - zero)`, float32 and exact."""
    steps = codes.astype(jnp.float32) - zero.astype(jnp.float32)
    return scale.astype(jnp.float32) * steps


def pack(codes: jax.Array, bits: int) -> jax.Array:
    """Packs eight codes into `bits` bytes: byte j of them holds bit j of each.

    Codes are uint8 of any shape, read in order; the result is [bits * ceil(size / 8)].

    Example:
      >>> pack(jnp.array([1, 3, 0, 2], jnp.uint8), 2)  # low 1100, high 0101
      Array([192,  80], dtype=uint8)
    """
    flat = codes.reshape(-1)
    eights = jnp.pad(flat, (0, -flat.size % 8)).reshape(-1, 1, 8)
    planes = (eights >> jnp.arange(bits, dtype=jnp.uint8)[None, :, None]) & 1
    return jnp.packbits(planes.astype(jnp.uint8), axis=-1).reshape(-1)


def unpack(packed: jax.Array, bits: int, shape: tuple[int, ...]) -> jax.Array:
    """Returns the packed codes (uint8) in their shape."""
    planes = jnp.unpackbits(packed.reshape(-1, bits, 1), axis=-1, count=8)
    places = jnp.arange(bits, dtype=jnp.uint8)[None, :, None]
    codes = jnp.sum(planes << places, axis=1, dtype=jnp.uint8)
    return codes.reshape(-1)[: math.prod(shape)].reshape(shape)


def packed_size(count: int, bits: int) -> int:
    """Returns the bytes of `count` packed codes."""
    return bits * -(-count // 8)
