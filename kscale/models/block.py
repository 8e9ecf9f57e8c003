"""The transformer's layers: Linen modules, the residual block and what it is made of.

Axes: B rows, T positions, D width, H query heads, G key and value heads.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from kscale.models.attention import attend
from kscale.models.config import ModelConfig
from kscale.models.initializers import declared
from kscale.models.kv_cache import recall, remember
from kscale.models.layers import hidden_units, linear, norm, normalize
from kscale.models.moe import Experts
from kscale.models.rotary import rotary_tables, split_heads, split_heads_at


class Block(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``."""

    config: ModelConfig
    training: bool = False

    @nn.compact
    def __call__(self, x_BTD, segments_BT=None, memory=None, past_B: Any = None):
        """The residual stream behind the block, and what is to be kept of the layer.

        Returns:
          ``(x_BTD, (memory, counts))``: the memory as of ``Attention``, the counts as
          of ``Experts``, None in a dense model.
        """
        config = self.config
        normed = Norm(config, name="attention_norm")(x_BTD)
        attention = Attention(config, name="attention")
        out_BTD, memory = attention(normed, segments_BT, memory, past_B)
        x_BTD = x_BTD + out_BTD
        if config.mlp == "none":
            return x_BTD, (memory, None)
        normed = Norm(config, name="mlp_norm")(x_BTD)
        if not config.experts:
            return x_BTD + FeedForward(config, name="mlp")(normed), (memory, None)
        experts = Experts(config, self.training, name="mlp")
        out_BTD, counts = experts(normed, dropless=memory is not None)
        return x_BTD + out_BTD, (memory, counts)


class Attention(nn.Module):
    """Rotary causal attention with grouped key and value heads."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD, segments_BT=None, memory=None, past_B: Any = None):
        """What the positions read of each other, or of a memory.

        Args:
          x_BTD: normed inputs.
          segments_BT: the document of each position, or None; without a memory only.
          memory: None where the T positions are the whole row, as in training; else
            the ``Memory`` of the tokens before them.
          past_B: with a memory, how many tokens came before, row by row.

        Returns:
          The outputs, and the memory with these T tokens in it.
        """
        config = self.config
        heads, groups, size = config.heads, config.key_value_heads, config.head_size
        features = (heads + 2 * groups) * size
        qkv = Linear(config, features, name="qkv")(x_BTD)
        qkv = qkv.reshape(*x_BTD.shape[:2], -1, size)
        length = x_BTD.shape[1] if memory is None else memory.capacity
        tables = rotary_tables(length, config.rotary_size, config.rotary_base)
        if memory is None:
            q, k, v = split_heads(qkv, *tables, heads, groups)
        else:
            at_BT = past_B[:, None] + jnp.arange(x_BTD.shape[1])[None]
            q, k, v = split_heads_at(qkv, *tables, at_BT, heads, groups)
        if config.qk_norm:  # rotations keep lengths, so this may come after them
            q, k = (
                normalize(x, "rms", config.norm_eps).astype(x.dtype) for x in (q, k)
            )
        if memory is None:
            out = attend(q, k, v, segments_BT, config.attention)
        else:
            memory = remember(memory, k, v, past_B)
            out = recall(memory, q, at_BT)
        out = out.swapaxes(1, 2).reshape(x_BTD.shape)
        return Linear(config, config.width, name="out")(out), memory


class FeedForward(nn.Module):
    """``down(act(up(x)))``, gated ``down(act(gate(x)) * up(x))``."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD):
        """Inputs [B, T, D] to outputs [B, T, D]."""
        config = self.config
        gated = config.mlp == "gated"
        hidden = Linear(config, config.hidden * (1 + gated), name="up")(x_BTD)
        hidden = hidden_units(config, hidden)
        return Linear(config, config.width, name="down")(hidden)


class Linear(nn.Module):
    """``x W + b`` with products in the compute dtype."""

    config: ModelConfig
    features: int

    @nn.compact
    def __call__(self, x):
        """Inputs [..., I] to outputs [..., O] in the compute dtype."""
        self.sow("inputs", "kernel", x)  # nothing unless asked for (stages)
        kernel = self.param("kernel", declared, (x.shape[-1], self.features))
        bias = None
        if self.config.bias:
            bias = self.param("bias", declared, (self.features,))
        out = linear(x.reshape(-1, x.shape[-1]), kernel, bias, self.config.compute)
        return out.reshape(*x.shape[:-1], self.features)


class Norm(nn.Module):
    """LayerNorm or RMSNorm in float32, with what parameters the config gives it."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x):
        """Inputs [..., D] to float32 outputs of the same shape."""
        config, shape = self.config, x.shape[-1:]
        scale = self.param("scale", declared, shape) if config.norm_scale else None
        bias = self.param("bias", declared, shape) if config.norm_bias else None
        x_ND = x.reshape(-1, x.shape[-1])
        return norm(x_ND, scale, bias, config.norm, config.norm_eps).reshape(x.shape)


class Table(nn.Module):
    """One row of ``width`` numbers per token."""

    vocab: int
    width: int

    @nn.compact
    def __call__(self):
        """The table: float32 [V, D]."""
        return self.param("table", declared, (self.vocab, self.width))
