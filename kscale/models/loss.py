"""Cross-entropy of the output layer, in nats.

Axes: N tokens (rows), V vocabulary, D width.
"""

import jax
import jax.numpy as jnp


def output_logits(
    hidden: jax.Array, table_VD: jax.Array, dtype: jnp.dtype | type
) -> jax.Array:
    """``hidden @ table.T`` in float32, products in ``dtype``."""
    return jax.lax.dot_general(
        hidden.astype(dtype),
        table_VD.astype(dtype),
        (((hidden.ndim - 1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    )


def cross_entropy(
    hidden_ND: jax.Array,
    table_VD: jax.Array,
    targets_N: jax.Array,
    dtype: jnp.dtype | type = jnp.float32,
) -> tuple[jax.Array, jax.Array]:
    """``-log softmax(hidden table^T)[target]`` and whether the target is the argmax."""
    logits = output_logits(hidden_ND, table_VD, dtype)
    picked = jnp.take_along_axis(logits, targets_N[:, None], axis=1)[:, 0]
    nats = jax.nn.logsumexp(logits, axis=1) - picked
    return nats, jnp.argmax(logits, axis=1) == targets_N
