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

from .architectures import ARCHITECTURES as ARCHITECTURES
from .architectures import SIZES as SIZES
from .architectures import from_name as from_name
from .config import NO_ADAPTERS as NO_ADAPTERS
from .config import Lora as Lora
from .config import ModelConfig as ModelConfig
from .decode import generate as generate
from .lora import attach_adapters as attach_adapters
from .lora import merge_adapters as merge_adapters
from .lora import select_adapters as select_adapters
from .parameter_count import ParameterCounts as ParameterCounts
from .parameter_count import count_parameters as count_parameters
from .transformer import Params as Params
from .transformer import apply as apply
from .transformer import extend as extend
from .transformer import init as init
from .transformer import init_cache as init_cache
from .transformer import token_nats as token_nats
