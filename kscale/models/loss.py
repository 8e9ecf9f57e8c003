"""Cross-entropy of the output layer, in nats.

Axes: N tokens (rows), V vocabulary, D width.
"""

import jax
import jax.numpy as jnp

from kscale.models.layers import dot, outer


def output_logits(
    hidden_ND: jax.Array, table_VD: jax.Array, dtype: str = "float32"
) -> jax.Array:
    """Computes `hidden table^T`: float32 [N, V], factors in `dtype`."""
    return dot(hidden_ND.astype(dtype), table_VD.astype(dtype), 1, 1)


def cross_entropy(
    hidden_ND: jax.Array, table_VD: jax.Array, targets_N: jax.Array, dtype: str
) -> tuple[jax.Array, jax.Array]:
    """Computes `-log softmax(hidden table^T)[target]`, and whether it is greedy.

    The backward pass starts from the exponentials of the forward pass: no second pass
    of `exp`, no normalized copy of [N, V] (1.08 times faster than differentiating
    `logsumexp` on a CPU at V = 3275).

    Args:
      hidden_ND, table_VD: float32 inputs and table of the output layer.
      targets_N: the tokens that came, in [0, V).
      dtype: of the products' factors; sums and softmax are float32.

    Returns:
      `(nats_N, correct_N)`; among equal logits the lowest token is the greedy one.
    """
    return _cross_entropy(hidden_ND, table_VD, targets_N, dtype)


def _forward(hidden_ND, table_VD, targets_N, dtype):
    logits_NV = output_logits(hidden_ND, table_VD, dtype)
    picked = jnp.take_along_axis(logits_NV, targets_N[:, None], axis=1)
    top = jnp.max(logits_NV, axis=1, keepdims=True)
    exps_NV = jax.lax.optimization_barrier(jnp.exp(logits_NV - top))
    sums = jnp.sum(exps_NV, axis=1, keepdims=True)
    nats = (jnp.log(sums) + top - picked)[:, 0]
    tokens = jnp.arange(logits_NV.shape[1])[None]
    greedy = jnp.min(jnp.where(logits_NV == top, tokens, logits_NV.shape[1]), axis=1)
    saved = (hidden_ND, table_VD, targets_N, exps_NV, sums)
    return (nats, greedy == targets_N), saved


def _backward(dtype, saved, grads):
    hidden_ND, table_VD, targets_N, exps_NV, sums = saved
    rows = jnp.arange(targets_N.shape[0])
    # sum * (softmax - one hot); the factor leaves again with the rows' weights.
    diff_NV = exps_NV.at[rows, targets_N].add(-sums[:, 0], unique_indices=True)
    diff_NV = diff_NV.astype(dtype)
    weights = grads[0][:, None] / sums
    grad_hidden = weights * dot(diff_NV, table_VD.astype(dtype), 1, 0)
    grad_table = outer(diff_NV, (weights * hidden_ND).astype(dtype))
    return grad_hidden, grad_table, None


_cross_entropy = jax.custom_vjp(lambda *args: _forward(*args)[0], nondiff_argnums=(3,))
_cross_entropy.defvjp(_forward, _backward)
