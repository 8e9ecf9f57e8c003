"""A model layer by layer: what enters each layer and each of its matrices.

The parameters are without adapters (`merge_adapters`), and `layer` are those of one
layer, `params["layer_0"]`.

Axes: B rows, T positions, D width, I inputs of a matrix, E experts, P parts of the
experts' work (`routing.Places`), S places of a part.
"""

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


def embed_tokens(params: Params, tokens_BT: jax.Array) -> jax.Array:
    """Returns what enters the first layer: the tokens' rows of the table, [B, T, D]."""
    return jnp.take(params["embed"]["table"], tokens_BT, axis=0)


def apply_layer(
    config: ModelConfig,
    layer: Params,
    x_BTD: jax.Array,
    segments_BT: jax.Array | None = None,
    known: Mapping[str, jax.Array] = _NOTHING,
) -> jax.Array:
    """Returns what leaves a layer; experts have their room as when a model is scored.

    Args:
      config, layer, segments_BT: as in `apply`, of one layer; positions of a negative
        document are padding, which no expert takes.
      x_BTD: float32, from `embed_tokens` or the layer before.
      known: of `kernel_inputs` of this layer, inputs of dense kernels that are taken
        as they are. Under `jit` what led to them is not computed again.
    """
    return _apply(config, layer, x_BTD, segments_BT, known)[0]


def kernel_inputs(
    config: ModelConfig,
    layer: Params,
    x_BTD: jax.Array,
    segments_BT: jax.Array | None = None,
    known: Mapping[str, jax.Array] = _NOTHING,
) -> dict[str, Any]:
    """Returns what enters every kernel of a layer; arguments as in `apply_layer`.

    Returns:
      [B, T, I] by the kernel's path inside the layer, such as
      `"attention/qkv/kernel"`; of an expert's kernels a pair: the inputs at all
      places, and the `routing.Places`.
    """
    _, state = _apply(config, layer, x_BTD, segments_BT, known, mutable=["inputs"])
    sown = leaves_by_path(state["inputs"], is_leaf=lambda x: isinstance(x, tuple))
    return {path: value[-1] for path, value in sown.items()}


def final_inputs(config: ModelConfig, params: Params, x_BTD: jax.Array) -> jax.Array:
    """Returns what the output layer sees of what leaves the last layer."""
    norm: Any = Norm(config)
    return norm.apply({"params": params.get("final_norm", {})}, x_BTD)


def second_moments(
    config: ModelConfig, inputs: Mapping[str, Any], counted_BT: jax.Array | None = None
) -> dict[str, jax.Array]:
    """Sums `x x^T` over the inputs x of each kernel.

    With them the error of other weights follows without the data:
    `||X (W - V)||^2 = tr((W - V)^T (X^T X) (W - V))`.

    Args:
      config: gives the number of experts.
      inputs: from `kernel_inputs`.
      counted_BT: boolean, which positions are summed; None: all.

    Returns:
      Float32 [I, I] by the same paths; of an expert's kernel, [E, I, I], over the
      tokens that each expert took.

    Source: Frantar et al., "GPTQ" (2022), section 3.1: the Hessian is twice this.
    """
    return {
        path: _expert_moments(x, counted_BT, config.experts)
        if isinstance(x, tuple)
        else second_moment(x, counted_BT)
        for path, x in inputs.items()
    }


def second_moment(x_BTD: jax.Array, counted_BT: jax.Array | None = None) -> jax.Array:
    """Sums `x x^T` over positions, over those counted: float32 [D, D]."""
    counted_N = None if counted_BT is None else counted_BT.reshape(-1)
    return _moment(x_BTD.reshape(-1, x_BTD.shape[-1]), counted_N)


def _apply(config, layer, x_BTD, segments_BT, known, **options):
    """Runs the module; known inputs take the place of dense kernels' own."""

    def replace_known(call, args, kwargs, context):
        path = "/".join((*context.module.path, "kernel"))
        linear = isinstance(context.module, Linear)
        if linear and context.method_name == "__call__" and path in known:
            args = (known[path],)
        return call(*args, **kwargs)

    module: Any = Block(config)
    counted_BT = None if segments_BT is None else segments_BT >= 0
    inputs = (x_BTD, segments_BT, None, None, counted_BT)
    with nn.intercept_methods(replace_known):
        return module.apply({"params": layer}, *inputs, **options)


def _moment(x_NI, counted_N):
    x_NI = x_NI.astype(jnp.float32)
    if counted_N is not None:
        x_NI = x_NI * counted_N.astype(jnp.float32)[:, None]
    return jnp.matmul(x_NI.T, x_NI, precision="highest")


def _expert_moments(sown: tuple[jax.Array, Places], counted_BT, experts):
    """Leaves out free places and those of tokens that are not counted."""
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
