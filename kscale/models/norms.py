"""LayerNorm and RMSNorm over the last axis, in float32.

Axes: N tokens, D width.
"""

import jax
import jax.numpy as jnp

from kscale.models.linear import column_sums, row_sums


def normalise(x: jax.Array, kind: str, eps: float) -> jax.Array:
    """``(x - mean) / sqrt(var + eps)``, or ``x / sqrt(mean(x^2) + eps)``.

    Args:
      x: any shape, normalised over the last axis.
      kind: ``"layer"`` subtracts the mean, ``"rms"`` does not.
      eps: added under the root.

    Returns:
      Float32 of the same shape.
    """
    return _normalise(x, kind, eps)[0]


def norm(
    x_ND: jax.Array,
    scale_D: jax.Array | None,
    bias_D: jax.Array | None,
    kind: str,
    eps: float,
) -> jax.Array:
    """``normalise(x) * scale + bias``, each left out where None."""
    return _norm(x_ND, scale_D, bias_D, kind, eps)


def _forward(x_ND, scale_D, bias_D, kind, eps):
    unit, inverse = _normalise(x_ND, kind, eps)
    return _affine(unit, scale_D, bias_D), (unit, inverse, scale_D, bias_D)


def _backward(kind, eps, saved, grad_ND):
    del eps
    unit, inverse, scale_D, bias_D = saved
    grad_bias = None if bias_D is None else column_sums(grad_ND)
    grad_scale = None if scale_D is None else column_sums(grad_ND * unit)
    grad = grad_ND if scale_D is None else grad_ND * scale_D[None]
    along = _row_means(grad * unit)
    mean = _row_means(grad) if kind == "layer" else 0.0
    return inverse * (grad - mean - unit * along), grad_scale, grad_bias


_norm = jax.custom_vjp(lambda *args: _forward(*args)[0], nondiff_argnums=(3, 4))
_norm.defvjp(_forward, _backward)


def _normalise(x, kind, eps):
    x = x.astype(jnp.float32)
    if kind == "layer":
        x = x - _row_means(x)
    inverse = jax.lax.rsqrt(_row_means(jnp.square(x)) + eps)
    return x * inverse, inverse


def _affine(out, scale_D, bias_D):
    if scale_D is not None:
        out = out * scale_D[None]
    return out if bias_D is None else out + bias_D[None]


def _row_means(x):
    return row_sums(x) / x.shape[-1]
