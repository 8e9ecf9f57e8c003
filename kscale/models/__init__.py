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
from kscale.models.lora import attach_adapters, merge_adapters, select_adapters
from kscale.models.parameter_count import ParameterCounts, count_parameters
from kscale.models.transformer import (
    Params,
    apply,
    extend,
    init,
    init_cache,
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
    "select_adapters",
    "apply",
    "attach_adapters",
    "init_cache",
    "extend",
    "from_name",
    "generate",
    "init",
    "merge_adapters",
    "count_parameters",
    "token_nats",
]
