"""A model stage by stage: what enters each layer and each of its matrices.

Axes: B rows, T positions, D width, I inputs of a matrix, E experts, P parts of the
experts' work (``routing.Places``), S places of a part.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from kscale.models.block import Block, Linear, Norm
from kscale.models.config import ModelConfig
from kscale.models.routing import Places
from kscale.models.transformer import Params
from kscale.trees import leaves_by_path

_NOTHING: Mapping[str, jax.Array] = {}


def embedded(config: ModelConfig, params: Params, tokens_BT: jax.Array) -> jax.Array:
    """What enters the first layer: the tokens' rows of the table, [B, T, D]."""
    del config
    _require_merged(params)
    return jnp.take(params["embed"]["table"], tokens_BT, axis=0)


def block(
    config: ModelConfig,
    params: Params,
    layer: int,
    x_BTD: jax.Array,
    segments_BT: jax.Array | None = None,
    known: Mapping[str, jax.Array] = _NOTHING,
) -> jax.Array:
    """What leaves a layer, of what enters it; experts have their room when scored.

    Args:
      config: the model.
      params: from ``init``; only those of this layer are read.
      layer: which, from 0.
      x_BTD: float32, from ``embedded`` or the layer before.
      segments_BT: as in ``apply``.
      known: of ``kernel_inputs`` of this layer, inputs of dense kernels that are taken
        as they are. Under ``jit`` what led to them is not computed again.

    Returns:
      Float32 [B, T, D].
    """
    return _run(config, params, layer, x_BTD, segments_BT, known)[0]


def kernel_inputs(
    config: ModelConfig,
    params: Params,
    layer: int,
    x_BTD: jax.Array,
    segments_BT: jax.Array | None = None,
    known: Mapping[str, jax.Array] = _NOTHING,
) -> dict[str, Any]:
    """What enters every kernel of a layer; arguments as in ``block``.

    Returns:
      [B, T, I] by the kernel's path inside the layer, such as
      ``"attention/qkv/kernel"``; of an expert's kernels a pair: the inputs at all
      places, and the ``routing.Places``.
    """
    _, state = _run(
        config, params, layer, x_BTD, segments_BT, known, mutable=["inputs"]
    )
    sown = leaves_by_path(state["inputs"], is_leaf=lambda x: isinstance(x, tuple))
    return {path: value[-1] for path, value in sown.items()}


def input_moments(
    config: ModelConfig,
    params: Params,
    layer: int,
    x_BTD: jax.Array,
    segments_BT: jax.Array | None = None,
    counted_BT: jax.Array | None = None,
) -> dict[str, jax.Array]:
    """``moments`` of what enters every kernel of a layer.

    Args:
      config, params, layer, x_BTD, segments_BT: as in ``block``.
      counted_BT: as in ``moments``.
    """
    inputs = kernel_inputs(config, params, layer, x_BTD, segments_BT)
    return moments(config, inputs, counted_BT)


def moments(
    config: ModelConfig,
    inputs: Mapping[str, Any],
    counted_BT: jax.Array | None = None,
) -> dict[str, jax.Array]:
    """``sum of x x^T`` over the inputs x of kernels.

    With them the error of other weights follows without the data:
    ``||X (W - V)||^2 = tr((W - V)^T (X^T X) (W - V))``. Under ``jit`` only those are
    computed that are used.

    Args:
      config: the model.
      inputs: from ``kernel_inputs``.
      counted_BT: boolean, which positions are summed; None: all.

    Returns:
      Float32 [I, I] by the same paths; an expert's kernel, [E, I, I], counts the tokens
      that the expert took.

    Source: Frantar et al., "GPTQ" (2022), section 3.1: the Hessian is twice this.
    """
    return {
        name: _expert_moments(x, counted_BT, config.experts)
        if isinstance(x, tuple)
        else moment(x, counted_BT)
        for name, x in inputs.items()
    }


def final_inputs(config: ModelConfig, params: Params, x_BTD: jax.Array) -> jax.Array:
    """What the output layer sees: what leaves the last layer, behind the final norm."""
    norm: Any = Norm(config)
    return norm.apply({"params": params.get("final_norm", {})}, x_BTD)


def moment(x_BTD: jax.Array, counted_BT: jax.Array | None = None) -> jax.Array:
    """``sum of x x^T`` over positions, of those counted: float32 [D, D]."""
    counted_N = None if counted_BT is None else counted_BT.reshape(-1)
    return _moment(x_BTD.reshape(-1, x_BTD.shape[-1]), counted_N)


def layer_params(config: ModelConfig, params: Params, layer: int) -> Params:
    """The parameters of one layer.

    Raises:
      ValueError: there is no such layer, or the parameters have adapters.
    """
    _require_merged(params)
    if not 0 <= layer < config.layers:
        raise ValueError(f"layer is {layer}, must be 0 to {config.layers - 1}.")
    return params[f"layer_{layer}"]


def without_layer(
    config: ModelConfig, params: Params, layer: int
) -> tuple[ModelConfig, Params]:
    """The model with a layer taken out, the later ones moved up.

    Args:
      config: a model of two layers or more.
      params: from ``init``.
      layer: which, from 0.

    Returns:
      ``(config, params)`` of one layer less.

    Raises:
      ValueError: there is no such layer, it is the only one, or there are adapters.
    """
    layer_params(config, params, layer)
    if config.layers == 1:
        raise ValueError("A model of 1 layer cannot do without it.")
    fewer = dataclasses.replace(config, layers=config.layers - 1)
    layers = [params[f"layer_{i}"] for i in range(config.layers) if i != layer]
    rest = {name: x for name, x in params.items() if not name.startswith("layer_")}
    return fewer, rest | {f"layer_{i}": x for i, x in enumerate(layers)}


def _run(config, params, layer, x_BTD, segments_BT, known, **options):
    """What the module gives; known inputs take the place of dense kernels' own."""

    def replaced(call, args, kwargs, context):
        name = "/".join((*context.module.path, "kernel"))
        linear = isinstance(context.module, Linear)
        if linear and context.method_name == "__call__" and name in known:
            args = (known[name],)
        return call(*args, **kwargs)

    module: Any = Block(config)
    variables = {"params": layer_params(config, params, layer)}
    with nn.intercept_methods(replaced):
        return module.apply(variables, x_BTD, segments_BT, **options)


def _moment(x_NI, counted_N):
    x_NI = x_NI.astype(jnp.float32)
    if counted_N is not None:
        x_NI = x_NI * counted_N.astype(jnp.float32)[:, None]
    return jnp.matmul(x_NI.T, x_NI, precision="highest")


def _expert_moments(sown: tuple[jax.Array, Places], counted_BT, experts):
    """Free places and those of tokens not counted are left out."""
    x_PSI, places = sown
    choices, tokens = places.place.size, places.place.shape[1]
    counted_S = places.choice < choices
    if counted_BT is not None:
        counted_S &= counted_BT.reshape(-1)[places.choice % tokens]
    counted_PS = counted_S.reshape(x_PSI.shape[:2])
    moments_PII = jax.vmap(_moment)(x_PSI, counted_PS)
    if places.expert is None:
        return moments_PII
    return jax.ops.segment_sum(moments_PII, places.expert, experts)


def _require_merged(params: Params) -> None:
    if "lora" in params:
        raise ValueError("The parameters have adapters; merge them first.")
