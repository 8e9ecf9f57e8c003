"""The transformer: Linen modules behind pure ``init``, ``apply`` and ``token_nats``.

Axes: B rows, T positions, V vocabulary, D width, H query heads, G key and value heads.

Parameters are a nested dict, all float32:

    embed/table [V, D]
    layer_i/attention_norm/{scale, bias} [D]
    layer_i/attention/qkv/{kernel [D, (H + 2 G) head_size], bias}   q, k, v
    layer_i/attention/out/{kernel [D, D], bias}
    layer_i/mlp_norm/{scale, bias} [D]
    layer_i/mlp/up/{kernel [D, hidden], bias}      gated: [D, 2 hidden], gate first
    layer_i/mlp/down/{kernel [hidden, D], bias}
    final_norm/{scale, bias} [D]
    head/table [V, D]                              untied only

With ``scan_layers`` the layers are stacked: ``layers/...`` with a leading layer axis.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from kscale.models.attention import attend
from kscale.models.config import ModelConfig, require_vocab
from kscale.models.initial import draw
from kscale.models.linear import linear
from kscale.models.loss import cross_entropy, output_logits
from kscale.models.norms import norm, normalise
from kscale.models.rotary import rotary_tables, split_heads

Params = dict[str, Any]
_ACTIVATIONS = {
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "relu2": lambda x: jnp.square(jax.nn.relu(x)),
}


def init(config: ModelConfig, key: jax.Array) -> Params:
    """Draws the parameters (``initial.INITIAL``), float32.

    Args:
      config: the model, its vocabulary set.
      key: a typed PRNG key.

    Returns:
      Nested dict of arrays, paths as in this module's docstring. ``scan_layers``
      changes the layout only, not the numbers.

    Raises:
      ValueError: the vocabulary is not set.

    Example:
      >>> params = init(ModelConfig(vocab=131), jax.random.key(0))
      >>> params["embed"]["table"].shape
      (131, 64)
    """
    require_vocab(config)
    plain = {"scan_layers": False, "attention": "reference"}
    model = _Transformer(dataclasses.replace(config, **plain))
    tokens = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]
    params = draw(config, shapes, key)
    if not config.scan_layers:
        return params
    layers = [params.pop(f"layer_{i}") for i in range(config.layers)]
    return params | {"layers": jax.tree.map(lambda *x: jnp.stack(x), *layers)}


def apply(
    config: ModelConfig,
    params: Params,
    tokens_BT: jax.Array,
    *,
    segments_BT: jax.Array | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Logits of the next token at every position.

    Args:
      config: the model.
      params: from ``init``.
      tokens_BT: int32 in [0, vocab).
      segments_BT: the document of each position; attention stays inside a document.
        None: attention over the whole row.

    Returns:
      ``(logits_BTV float32, aux)``; ``aux`` is an empty dict for dense models.
    """
    model: Any = _Transformer(config)
    return model.apply({"params": params}, tokens_BT, segments_BT), {}


def token_nats(
    config: ModelConfig,
    params: Params,
    tokens_BT: jax.Array,
    targets_BT: jax.Array,
    *,
    segments_BT: jax.Array | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """``-log p(target)`` of every position, in nats, without keeping the logits.

    Args:
      config: the model.
      params: from ``init``.
      tokens_BT: int32 in [0, vocab).
      targets_BT: int32 in [0, vocab), usually the tokens one position later. Targets
        to be ignored may hold any token; weight their nats with 0.
      segments_BT: as in ``apply``.

    Returns:
      ``(nats_BT float32, aux)`` with ``aux["correct_BT"]``: the target is the greedy
      choice (the lowest token among equals). Under ``jit`` it costs nothing unused.
    """
    model: Any = _Transformer(config)
    nats, correct = model.apply({"params": params}, tokens_BT, segments_BT, targets_BT)
    return nats, {"correct_BT": correct}


class _Transformer(nn.Module):
    """Embedding, blocks, final norm, output layer."""

    config: ModelConfig

    @nn.compact
    def __call__(self, tokens_BT, segments_BT=None, targets_BT=None):
        config = self.config
        vocab = require_vocab(config)
        table_VD = _Table(vocab, config.width, name="embed")()
        x_BTD = jnp.take(table_VD, tokens_BT, axis=0)
        if config.scan_layers:
            scan: Any = nn.scan
            layers = scan(
                _ScannedBlock,
                variable_axes={"params": 0},
                split_rngs={"params": True},
                in_axes=nn.broadcast,
                length=config.layers,
            )
            x_BTD, _ = layers(config, name="layers")(x_BTD, segments_BT)
        else:
            for i in range(config.layers):
                x_BTD = _Block(config, name=f"layer_{i}")(x_BTD, segments_BT)
        x_BTD = _Norm(config, name="final_norm")(x_BTD)
        if not config.tied:
            table_VD = _Table(vocab, config.width, name="head")()
        x_ND = x_BTD.reshape(-1, config.width)
        if targets_BT is None:
            logits = output_logits(x_ND, table_VD, config.compute)
            return logits.reshape(*tokens_BT.shape, vocab)
        targets_N = targets_BT.reshape(-1)
        nats, correct = cross_entropy(x_ND, table_VD, targets_N, config.compute)
        return nats.reshape(targets_BT.shape), correct.reshape(targets_BT.shape)


class _Block(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD, segments_BT):
        config = self.config
        normed = _Norm(config, name="attention_norm")(x_BTD)
        x_BTD = x_BTD + _Attention(config, name="attention")(normed, segments_BT)
        if config.mlp == "none":
            return x_BTD
        normed = _Norm(config, name="mlp_norm")(x_BTD)
        return x_BTD + _FeedForward(config, name="mlp")(normed)


class _ScannedBlock(nn.Module):
    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD, segments_BT):
        nn.share_scope(self, block := _Block(self.config))
        return block(x_BTD, segments_BT), None


class _Attention(nn.Module):
    """Rotary causal attention with grouped key and value heads."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD, segments_BT):
        config = self.config
        heads, groups, size = config.heads, config.key_value_heads, config.head_size
        features = (heads + 2 * groups) * size
        qkv = _Linear(config, features, name="qkv")(x_BTD)
        qkv = qkv.reshape(*x_BTD.shape[:2], -1, size)
        tables = rotary_tables(x_BTD.shape[1], config.rotary_size, config.rotary_base)
        q, k, v = split_heads(qkv, *tables, heads, groups)
        if config.qk_norm:  # rotations keep lengths, so this may come after them
            q, k = (
                normalise(x, "rms", config.norm_eps).astype(x.dtype) for x in (q, k)
            )
        out = attend(q, k, v, segments_BT, config.attention)
        out = out.swapaxes(1, 2).reshape(x_BTD.shape)
        return _Linear(config, config.width, name="out")(out)


class _FeedForward(nn.Module):
    """``down(act(up(x)))``, gated ``down(act(gate(x)) * up(x))``."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD):
        config = self.config
        activation = _ACTIVATIONS[config.activation]
        gated = config.mlp == "gated"
        hidden = _Linear(config, config.hidden * (1 + gated), name="up")(x_BTD)
        if gated:
            gate, hidden = jnp.split(hidden, 2, axis=-1)
            hidden = activation(gate) * hidden
        else:
            hidden = activation(hidden)
        return _Linear(config, config.width, name="down")(hidden)


class _Linear(nn.Module):
    """``x W + b`` with products in the compute dtype."""

    config: ModelConfig
    features: int

    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", _declared, (x.shape[-1], self.features))
        bias = None
        if self.config.bias:
            bias = self.param("bias", _declared, (self.features,))
        out = linear(x.reshape(-1, x.shape[-1]), kernel, bias, self.config.compute)
        return out.reshape(*x.shape[:-1], self.features)


class _Norm(nn.Module):
    """LayerNorm or RMSNorm in float32, with what parameters the config gives it."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x):
        config, shape = self.config, x.shape[-1:]
        scale = self.param("scale", _declared, shape) if config.norm_scale else None
        bias = self.param("bias", _declared, shape) if config.norm_bias else None
        x_ND = x.reshape(-1, x.shape[-1])
        return norm(x_ND, scale, bias, config.norm, config.norm_eps).reshape(x.shape)


class _Table(nn.Module):
    """One row of ``width`` numbers per token."""

    vocab: int
    width: int

    @nn.compact
    def __call__(self):
        return self.param("table", _declared, (self.vocab, self.width))


def _declared(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Names a parameter and its shape; its values come from ``initial.draw``."""
    del key
    return jnp.zeros(shape, jnp.float32)
