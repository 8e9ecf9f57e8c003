"""The transformer's layers: Linen modules, the residual block and what it is made of.

Axes: B rows, T positions, D width, H query heads, G key and value heads.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from kscale.models.attention import attend
from kscale.models.config import ModelConfig
from kscale.models.initializers import declare
from kscale.models.kv_cache import attend_cache, write_cache
from kscale.models.layers import activate, linear, norm, normalize
from kscale.models.moe import Experts
from kscale.models.rotary import rotary_tables, split_heads, split_heads_at


class Block(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`."""

    config: ModelConfig
    training: bool = False

    @nn.compact
    def __call__(
        self, x_BTD, segments_BT=None, cache=None, past_B: Any = None, counted_BT=None
    ):
        """Returns `(x_BTD, (cache, counts))`; `counted_BT` as of `Experts`.

        The cache is that of `Attention`, the counts are those of `Experts`, None in a
        dense model.
        """
        config = self.config
        normed = Norm(config, name="attention_norm")(x_BTD)
        attention = Attention(config, name="attention")
        out_BTD, cache = attention(normed, segments_BT, cache, past_B)
        x_BTD = x_BTD + out_BTD
        if config.mlp == "none":
            return x_BTD, (cache, None)
        normed = Norm(config, name="mlp_norm")(x_BTD)
        if not config.experts:
            return x_BTD + FeedForward(config, name="mlp")(normed), (cache, None)
        experts = Experts(config, self.training, name="mlp")
        out_BTD, counts = experts(normed, cache is not None, counted_BT)
        return x_BTD + out_BTD, (cache, counts)


class Attention(nn.Module):
    """Rotary causal attention with grouped key and value heads."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD, segments_BT=None, cache=None, past_B: Any = None):
        """Returns what each position attends to, and the cache with these positions.

        Args:
          x_BTD: normed inputs.
          segments_BT: the document of each position, or None; without a cache only.
          cache: of the tokens before these; None where these are the whole row.
          past_B: with a cache, how many tokens came before, row by row.
        """
        config = self.config
        heads, groups, size = config.heads, config.key_value_heads, config.head_size
        features = (heads + 2 * groups) * size
        qkv = Linear(config, features, name="qkv")(x_BTD)
        qkv = qkv.reshape(*x_BTD.shape[:2], -1, size)
        length = x_BTD.shape[1] if cache is None else cache.capacity
        tables = rotary_tables(length, config.rotary_size, config.rotary_base)
        if cache is None:
            q, k, v = split_heads(qkv, *tables, heads, groups)
        else:
            at_BT = past_B[:, None] + jnp.arange(x_BTD.shape[1])[None]
            q, k, v = split_heads_at(qkv, *tables, at_BT, heads, groups)
        if config.qk_norm:  # rotations keep lengths, so this may come after them
            q, k = (
                normalize(x, "rms", config.norm_eps).astype(x.dtype) for x in (q, k)
            )
        if cache is None:
            out = attend(q, k, v, segments_BT, config.attention)
        else:
            cache = write_cache(cache, k, v, past_B)
            out = attend_cache(cache, q, at_BT)
        out = out.swapaxes(1, 2).reshape(x_BTD.shape)
        return Linear(config, config.width, name="out")(out), cache


class FeedForward(nn.Module):
    """`down(act(up(x)))`, gated `down(act(gate(x)) * up(x))`."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD):
        """Maps [B, T, D] to [B, T, D]."""
        config = self.config
        gated = config.mlp == "gated"
        hidden = Linear(config, config.hidden * (1 + gated), name="up")(x_BTD)
        hidden = activate(config, hidden)
        return Linear(config, config.width, name="down")(hidden)


class Linear(nn.Module):
    """`x W + b` with products in the compute dtype."""

    config: ModelConfig
    features: int

    @nn.compact
    def __call__(self, x):
        """Maps [..., I] to [..., O] in the compute dtype."""
        self.sow("inputs", "kernel", x)  # nothing unless asked for (layerwise)
        kernel = self.param("kernel", declare, (x.shape[-1], self.features))
        bias = None
        if self.config.bias:
            bias = self.param("bias", declare, (self.features,))
        out = linear(x.reshape(-1, x.shape[-1]), kernel, bias, self.config.compute)
        return out.reshape(*x.shape[:-1], self.features)


class Norm(nn.Module):
    """LayerNorm or RMSNorm in float32, with what parameters the config gives it."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x):
        """Maps [..., D] to float32 of the same shape."""
        config, shape = self.config, x.shape[-1:]
        scale = self.param("scale", declare, shape) if config.norm_scale else None
        bias = self.param("bias", declare, shape) if config.norm_bias else None
        x_ND = x.reshape(-1, x.shape[-1])
        return norm(x_ND, scale, bias, config.norm, config.norm_eps).reshape(x.shape)


class Table(nn.Module):
    """One row of `width` numbers per token."""

    vocab: int
    width: int

    @nn.compact
    def __call__(self):
        """Returns the table: float32 [V, D]."""
        return self.param("table", declare, (self.vocab, self.width))
