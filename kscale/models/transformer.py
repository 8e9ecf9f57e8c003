"""The transformer: Linen modules behind pure `init`, `apply` and `token_nats`.

Axes: B rows, T positions, V vocabulary, D width, H query heads, G key and value heads.

Parameters are a nested dict, all float32:

    embed/table [V, D]
    layer_i/attention_norm/{scale, bias} [D]
    layer_i/attention/qkv/{kernel [D, (H + 2 G) head_size], bias}   q, k, v
    layer_i/attention/out/{kernel [D, D], bias}
    layer_i/mlp_norm/{scale, bias} [D]
    layer_i/mlp/up/{kernel [D, hidden], bias}      gated: [D, 2 hidden], gate first
    layer_i/mlp/down/{kernel [hidden, D], bias}
    layer_i/mlp/router/kernel [D, E]               experts only; up and down, kernel
                                                   and bias, with a leading axis E
    final_norm/{scale, bias} [D]
    head/table [V, D]                              untied only
    lora/...                                       adapters only (`lora`)
"""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from kscale.models.block import Block, Norm, Table
from kscale.models.config import ModelConfig, require_vocab
from kscale.models.initializers import draw_params
from kscale.models.kv_cache import Cache
from kscale.models.lora import draw_adapters, merge_adapters
from kscale.models.loss import cross_entropy, output_logits

Params = dict[str, Any]


def init(config: ModelConfig, key: jax.Array) -> Params:
    """Draws the parameters (`initializers.INITIAL`), float32, with a typed PRNG key.

    Raises:
      ValueError: the vocabulary is not set; a rule of `lora` matches no weight.

    Example:
      >>> params = init(ModelConfig(vocab=131), jax.random.key(0))
      >>> params["embed"]["table"].shape
      (131, 64)
    """
    require_vocab(config)
    params = draw_params(config, _trace_shapes(config), key)
    return params | draw_adapters(config, params, key)


@functools.lru_cache(maxsize=64)  # tracing takes most of the time of `init`
def _trace_shapes(config: ModelConfig) -> Params:
    """Returns the shapes of all parameters but those of adapters."""
    model = _Transformer(dataclasses.replace(config, attention="reference"))
    tokens = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    return jax.eval_shape(model.init, jax.random.key(0), tokens)["params"]


def apply(
    config: ModelConfig,
    params: Params,
    tokens_BT: jax.Array,
    *,
    segments_BT: jax.Array | None = None,
    counted_BT: jax.Array | None = None,
    training: bool = False,
) -> tuple[jax.Array, dict[str, Any]]:
    """Returns logits of the next token at every position.

    Args:
      config, params: the model, from `init`.
      tokens_BT: int32 in [0, vocab).
      segments_BT: the document of each position; attention stays inside a document.
        None: attention over the whole row.
      counted_BT: bool, False where a position is padding behind the text, which takes
        no expert's room. None: nowhere.
      training: whether experts have room, and tokens compete for it, as in training
        or as when a model is scored; a dense model is the same.

    Returns:
      `(logits_BTV float32, aux)`; `aux` is an empty dict for dense models. With
      experts all is float32: `aux["balance"]`, the sum over layers of
      `routing.balance`, and `aux["routing"]`, a dict of sums over layers and
      tokens as of `routing.count_routes`, with `"load_LE"`, the load of each layer.

    Raises:
      ValueError: rows in training that `route_rows` does not divide.
    """
    config, params = merge_adapters(config, params)
    model: Any = _Transformer(config, training)
    return model.apply({"params": params}, tokens_BT, segments_BT, None, counted_BT)


def token_nats(
    config: ModelConfig,
    params: Params,
    tokens_BT: jax.Array,
    targets_BT: jax.Array,
    *,
    segments_BT: jax.Array | None = None,
    counted_BT: jax.Array | None = None,
    training: bool = False,
    beside: tuple[int, ...] = (),
) -> tuple[jax.Array, dict[str, Any]]:
    """Returns `-log p(target)` of every position, in nats, without keeping logits.

    Args:
      config, params, tokens_BT, segments_BT, counted_BT, training: as in `apply`.
      targets_BT: int32 in [0, vocab), usually the tokens one position later. Targets
        to be ignored may hold any token; weight their nats with 0.
      beside: F tokens whose logits are wanted as well.

    Returns:
      `(nats_BT float32, aux)`; `aux` as in `apply`, with `aux["correct_BT"]`, whether
      the target is the greedy choice (the lowest token among equals), and, where any
      are wanted, `aux["logits_BTF"]`. Under `jit` what is unused costs nothing.
    """
    config, params = merge_adapters(config, params)
    model: Any = _Transformer(config, training)
    inputs = (tokens_BT, segments_BT, targets_BT, counted_BT)
    (nats_BT, found), aux = model.apply({"params": params}, *inputs, beside=beside)
    return nats_BT, aux | found


def init_cache(config: ModelConfig, rows: int, capacity: int) -> Any:
    """Returns a `Cache` of zeros for each layer, `capacity` tokens a row."""
    shape = (rows, config.key_value_heads, capacity, config.head_size)
    one = Cache(*(jnp.zeros(shape, config.compute) for _ in Cache._fields))
    return (one,) * config.layers


def extend(
    config: ModelConfig,
    params: Params,
    tokens_BT: jax.Array,
    cache: Any,
    past_B: jax.Array,
) -> tuple[jax.Array, Any]:
    """Applies the model to the next T tokens of rows whose earlier ones are cached.

    Experts take all tokens, so that the padding of a prompt takes nobody's room.

    Args:
      config, params, tokens_BT: as in `apply`.
      cache: from `init_cache`, or what the last call returned.
      past_B: int32, how many tokens each row had before these; `past + T` at most the
        capacity. Fewer than last time: what came after is forgotten.

    Returns:
      `(logits_BTV float32, cache)`.
    """
    config, params = merge_adapters(config, params)
    model: Any = _Transformer(config)
    return model.apply({"params": params}, tokens_BT, past=(cache, past_B))


class _Transformer(nn.Module):
    """Embedding, blocks, final norm, output layer."""

    config: ModelConfig
    training: bool = False

    @nn.compact
    def __call__(
        self,
        tokens_BT,
        segments_BT=None,
        targets_BT=None,
        counted_BT=None,
        past=None,
        beside=(),
    ):
        """Returns `(output, aux)`, or with a past `(logits, cache)`."""
        config = self.config
        vocab = require_vocab(config)
        table_VD = Table(vocab, config.width, name="embed")()
        x_BTD = jnp.take(table_VD, tokens_BT, axis=0)
        cache, past_B = past or (None, None)
        x_BTD, kept = self._layers(x_BTD, segments_BT, cache, past_B, counted_BT)
        caches, counts = kept
        x_BTD = Norm(config, name="final_norm")(x_BTD)
        if not config.tied:
            table_VD = Table(vocab, config.width, name="head")()
        x_ND = x_BTD.reshape(-1, config.width)
        if targets_BT is None:
            logits = output_logits(x_ND, table_VD, config.compute)
            logits = logits.reshape(*tokens_BT.shape, vocab)
            return logits, _summed(counts) if past is None else caches
        targets_N = targets_BT.reshape(-1)
        nats, correct = cross_entropy(x_ND, table_VD, targets_N, config.compute)
        found = {"correct_BT": correct}
        if beside:
            some_FD = table_VD[jnp.array(beside)]
            found["logits_BTF"] = output_logits(x_ND, some_FD, config.compute)
        shape = targets_BT.shape
        out = jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), (nats, found))
        return out, _summed(counts)

    def _layers(self, x_BTD, segments_BT, caches, past_B, counted_BT):
        config = self.config
        kept, counts = [], []
        for i in range(config.layers):
            block = Block(config, self.training, name=f"layer_{i}")
            cache = None if caches is None else caches[i]
            x_BTD, (cache, count) = block(x_BTD, segments_BT, cache, past_B, counted_BT)
            kept.append(cache)
            counts.append(count)
        return x_BTD, (tuple(kept), jax.tree.map(lambda *x: jnp.stack(x), *counts))


def _summed(counts: dict[str, jax.Array] | None) -> dict[str, Any]:
    """Sums what `apply` says of the experts over a leading layer axis."""
    if counts is None:
        return {}
    counts = dict(counts)
    load_LE = counts.pop("load_E")
    sums = {name: jnp.sum(count) for name, count in counts.items()}
    return {"balance": sums.pop("balance"), "routing": sums | {"load_LE": load_LE}}
