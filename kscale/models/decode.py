"""Batched greedy decoding with a key/value cache.

Axes: B rows, T prompt positions.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kscale.models.config import ModelConfig
from kscale.models.lora import merge_adapters
from kscale.models.transformer import Params, extend, init_cache


def generate(
    config: ModelConfig,
    params: Params,
    prompts_BT: jax.Array | np.ndarray,
    lengths_B: jax.Array | np.ndarray,
    steps: int,
    eos: int = -1,
) -> jax.Array:
    """Decodes greedily: the most probable next token, `steps` times, for many prompts.

    One pass over the prompts fills the cache, then each step costs one token a row. It
    compiles once for each (config, B, T, steps), under `jit` too.

    Args:
      config, params: any model.
      prompts_BT: int32 in [0, vocab), each row padded behind with any token.
      lengths_B: int32, tokens of each prompt, 1 to T; a row goes on from its own end.
      steps: tokens to generate, 1 or more.
      eos: the token after which a row has only `eos`; -1 for none.

    Returns:
      int32 [B, steps]; among equal logits the lowest token is chosen.

    Example:
      >>> config = from_name("GPT2-1-1", vocab=9, head_size=4)
      >>> params = init(config, jax.random.key(0))
      >>> prompts, lengths = np.array([[3, 4], [5, 0]]), np.array([2, 1])
      >>> generate(config, params, prompts, lengths, steps=3).shape
      (2, 3)
    """
    if prompts_BT.ndim != 2 or lengths_B.shape != prompts_BT.shape[:1]:
        raise ValueError(
            f"generate: prompts of shape {prompts_BT.shape} with lengths of shape "
            f"{lengths_B.shape}; they must be [B, T] and [B]"
        )
    if steps < 1:
        raise ValueError(f"generate: steps={steps}, must be 1 or more")
    if not isinstance(lengths_B, Tracer):  # else their values are not known yet
        wrong = np.flatnonzero((lengths_B < 1) | (lengths_B > prompts_BT.shape[1]))
        if len(wrong):
            raise ValueError(
                f"generate: the prompt of row {wrong[0]} has length "
                f"{lengths_B[wrong[0]]}, must be 1 to {prompts_BT.shape[1]}, the width "
                "of the prompts"
            )
    return _generate(config, params, prompts_BT, lengths_B, steps, eos)


@functools.partial(jax.jit, static_argnames=("config", "steps"))
def _generate(config, params, prompts_BT, lengths_B, steps, eos):
    config, params = merge_adapters(config, params)
    rows, length = prompts_BT.shape
    last_B = lengths_B.astype(jnp.int32) - 1
    cache = init_cache(config, rows, length + steps - 1)
    # The logits of this pass are not used, so the compiler leaves the output layer out.
    # The prompt's last token is fed again by the first step, to the same place.
    _, cache = extend(config, params, prompts_BT, cache, jnp.zeros_like(last_B))
    token_B = jnp.take_along_axis(prompts_BT, last_B[:, None], axis=1)[:, 0]

    def step(carry, i):
        cache, token_B, over_B = carry
        logits_B1V, cache = extend(config, params, token_B[:, None], cache, last_B + i)
        token_B = jnp.argmax(logits_B1V[:, 0], axis=-1).astype(jnp.int32)
        token_B = jnp.where(over_B, eos, token_B)
        return (cache, token_B, over_B | (token_B == eos)), token_B

    start = (cache, token_B.astype(jnp.int32), jnp.zeros(rows, bool))
    _, tokens_SB = jax.lax.scan(step, start, jnp.arange(steps))
    return tokens_SB.T
