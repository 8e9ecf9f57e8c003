"""Codes of a few bits, packed into bytes without gaps."""

import jax
import jax.numpy as jnp


def pack(codes: jax.Array, bits: int) -> jax.Array:
    """Eight codes in ``bits`` bytes: byte j of them holds bit j of each.

    Args:
      codes: uint8 below ``2^bits``, any shape; read in order.
      bits: of a code, 1 to 8.

    Returns:
      uint8 [bits * ceil(size / 8)].

    Example:
      >>> pack(jnp.array([1, 3, 0, 2], jnp.uint8), 2)  # low 1100, high 0101
      Array([192,  80], dtype=uint8)
    """
    flat = codes.reshape(-1)
    eights = jnp.pad(flat, (0, -flat.size % 8)).reshape(-1, 1, 8)
    planes = (eights >> _places(bits)) & 1
    return jnp.packbits(planes.astype(jnp.uint8), axis=-1).reshape(-1)


def unpack(packed: jax.Array, bits: int, shape: tuple[int, ...]) -> jax.Array:
    """The codes (uint8) that ``pack`` was given, in their shape."""
    planes = jnp.unpackbits(packed.reshape(-1, bits, 1), axis=-1, count=8)
    codes = jnp.sum(planes << _places(bits), axis=1, dtype=jnp.uint8)
    size = 1
    for length in shape:
        size *= length
    return codes.reshape(-1)[:size].reshape(shape)


def packed_size(count: int, bits: int) -> int:
    """Bytes of ``count`` packed codes."""
    return bits * -(-count // 8)


def _places(bits: int) -> jax.Array:
    return jnp.arange(bits, dtype=jnp.uint8)[None, :, None]
