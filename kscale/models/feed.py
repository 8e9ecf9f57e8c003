"""The hidden units of an MLP, dense or of an expert."""

import jax
import jax.numpy as jnp

from kscale.models.config import ModelConfig

_ACTIVATIONS = {
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "relu2": lambda x: jnp.square(jax.nn.relu(x)),
}


def hidden_units(config: ModelConfig, x: jax.Array) -> jax.Array:
    """``act(x)``; gated ``act(first half) * second half`` of the last axis.

    Args:
      config: gives ``mlp`` and ``activation``.
      x: what the first matrix gave, [..., hidden], gated [..., 2 hidden].

    Returns:
      [..., hidden] in the dtype of x.
    """
    activation = _ACTIVATIONS[config.activation]
    if config.mlp != "gated":
        return activation(x)
    gate, x = jnp.split(x, 2, axis=-1)
    return activation(gate) * x
