"""LayerNorm and RMSNorm over the last axis, in float32."""

import jax
import jax.numpy as jnp


def normalise(x: jax.Array, kind: str, eps: float) -> jax.Array:
    """``(x - mean) / sqrt(var + eps)``, or ``x / sqrt(mean(x^2) + eps)``.

    Args:
      x: any shape, normalised over the last axis.
      kind: ``"layer"`` subtracts the mean, ``"rms"`` does not.
      eps: added under the root.

    Returns:
      Float32 of the same shape.
    """
    x = x.astype(jnp.float32)
    if kind == "layer":
        x = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(variance + eps)
