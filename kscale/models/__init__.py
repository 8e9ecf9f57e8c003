"""Transformers as pure functions of a nested dict of parameters.

Example:
  >>> import jax, jax.numpy as jnp
  >>> config = from_name("GPT2-2-1", vocab=100)
  >>> params = init(config, jax.random.key(0))
  >>> tokens_BT = jnp.zeros((3, 16), jnp.int32)
  >>> logits_BTV, aux = apply(config, params, tokens_BT)
  >>> nats_BT, aux = token_nats(config, params, tokens_BT, tokens_BT)
  >>> logits_BTV.shape, nats_BT.shape
  ((3, 16, 100), (3, 16))
"""

from kscale.models.architectures import ARCHITECTURES, SIZES, from_name
from kscale.models.config import NO_ADAPTERS, Lora, ModelConfig
from kscale.models.decode import generate
from kscale.models.lora import adapters, attach, merged, with_adapters
from kscale.models.parameter_count import (
    ParameterCounts,
    parameter_counts,
)
from kscale.models.transformer import (
    Params,
    apply,
    empty_memory,
    extend,
    init,
    token_nats,
)

__all__ = [
    "ARCHITECTURES",
    "NO_ADAPTERS",
    "SIZES",
    "Lora",
    "ModelConfig",
    "ParameterCounts",
    "Params",
    "adapters",
    "apply",
    "attach",
    "empty_memory",
    "extend",
    "from_name",
    "generate",
    "init",
    "merged",
    "parameter_counts",
    "token_nats",
    "with_adapters",
]
