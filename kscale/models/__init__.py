"""Transformers as pure functions of a nested dict of parameters.

Example:
  >>> config = from_name("GPT2-2-1", vocab=3275)
  >>> params = init(config, jax.random.key(0))
  >>> logits_BTV, aux = apply(config, params, tokens_BT)
  >>> nats_BT, aux = token_nats(config, params, tokens_BT, targets_BT)
"""

from kscale.models.architectures import ARCHITECTURES, from_name
from kscale.models.config import ModelConfig
from kscale.models.counts import ParameterCounts, parameter_counts
from kscale.models.transformer import Params, apply, init, token_nats

__all__ = [
    "ARCHITECTURES",
    "ModelConfig",
    "ParameterCounts",
    "Params",
    "apply",
    "from_name",
    "init",
    "parameter_counts",
    "token_nats",
]
