"""GPTQ of a whole model, layer by layer, from a sample of its texts.

Axes: N sequences, T positions, D width, I inputs, E experts; batches of R rows.
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale.models import layerwise
from kscale.models.config import ModelConfig
from kscale.quant.gptq_matrix import Solution, solve
from kscale.quant.quantize import (
    dequantize,
    from_codes,
    is_table,
    map_matrices,
    nearest,
    require_finite,
)
from kscale.quant.scheme import Scheme
from kscale.trees import leaves_by_path, nest, overlay

# In the order of the forward pass: each sees what came out of those before.
_ORDER = (
    "attention/qkv/kernel",
    "attention/out/kernel",
    "mlp/router/kernel",
    "mlp/up/kernel",
    "mlp/down/kernel",
)
# Kept from when they are measured until the layer is done, as what led to them is dear.
_KEPT = ("attention/out/kernel", "mlp/down/kernel")
_TOKENS = 4096  # of a batch


class Report(NamedTuple):
    """How one weight was rounded.

    Attributes:
      error: ``||X (W - V)||^2`` of the weights taken, summed over counted tokens.
      nearest_error: the same, had all been rounded to the nearest.
      nearest_share: of its channels, how many were rounded to the nearest, as GPTQ
        would have been worse there.
      damp: the greatest that a factorization needed, relative to the mean diagonal.
    """

    error: float
    nearest_error: float
    nearest_share: float
    damp: float


def require_options(damp: float = 0.01, block: int = 128, **_: Any) -> None:
    """Refuses options of ``gptq`` that are out of range.

    Raises:
      ValueError: a damp that is negative or not finite, or a block of no inputs.
    """
    if block < 1:
        raise ValueError(f"block is {block}, must be 1 or more inputs.")
    if not 0 <= damp < math.inf:
        raise ValueError(f"damp is {damp}, must be 0 or more and finite.")


def gptq(*args: Any, **options: Any) -> Any:
    """``calibrated`` without its reports: the tree alone."""
    return calibrated(*args, **options)[0]


def calibrated(
    config: ModelConfig,
    params: Any,
    scheme: Scheme,
    tokens_NT: Any,
    segments_NT: Any = None,
    *,
    damp: float = 0.01,
    act_order: bool = True,
    block: int = 128,
    sequential: bool = True,
) -> tuple[Any, dict[str, Report]]:
    """Rounds weights so that layers still give nearly the same on a sample of texts.

    Layer after layer, and in a layer kernel after kernel (queries, keys and values; the
    attention's output; the router; up; down), each from the inputs that come out of
    what is rounded already. An output table comes last, from the final inputs; if tied
    it comes first, from the final inputs of the unrounded model, so that the layers
    make up for what is looked up too. An embedding table that is not tied has no inputs
    but tokens and is rounded to the nearest. Each channel takes GPTQ's codes or the
    nearest ones, whichever are better on the sample (``solver.solve``).

    Args:
      config: the model, without adapters.
      params: its parameters.
      scheme: which weights and how.
      tokens_NT: int, the sample (the paper: 1000 biographies).
      segments_NT: the document of each position, as in ``models.apply``; positions of
        a negative document are padding and not counted.
      damp, act_order, block: as in ``solver.solve``.
      sequential: False takes all inputs from the unrounded model.

    Returns:
      ``(tree, reports)``: the tree as from ``quantize``, and a report by the path of
      each weight that GPTQ rounded.

    Raises:
      ValueError: a pattern matches no kernel or table; the parameters have adapters;
        there is no text, or a token out of range; a damp or block out of range; a
        weight, its scales in float16 or its inputs are not finite.

    Source: Frantar et al., "GPTQ" (2022); AutoGPTQ's defaults.
    """
    require_options(damp, block)
    chosen: list[str] = []

    def choose(name: str, weight: Any) -> None:
        require_finite(name, weight, "weights")
        chosen.append(name)

    map_matrices(params, scheme, choose)
    if not chosen:
        return params, {}
    texts = _texts(config.vocab, tokens_NT, segments_NT)
    solver = functools.partial(
        solve, scheme=scheme, damp=damp, act_order=act_order, block=block
    )
    output = "embed/table" if config.tied else "head/table"
    found: dict[str, Solution] = {}

    def round_output(batches: list[_Batch]) -> None:
        if output in chosen:
            parts = (_final_moment(config, params, batch) for batch in batches)
            total = functools.reduce(jnp.add, parts)
            require_finite(output, total, "inputs")
            found[output] = solver(leaves_by_path(params)[output].T, total)

    start = [_embedded(config, params, text) for text in texts]
    early = config.tied or not sequential
    if early and output in chosen:
        round_output(_through(config, params, start))
    new = {name: from_codes(*x[:3], True, scheme) for name, x in found.items()}
    if "embed/table" in chosen and not config.tied:
        new["embed/table"] = nearest(params["embed"]["table"], "embed/table", scheme)
    if "embed/table" in new and sequential:
        known = {"embed": {"table": dequantize(new["embed/table"])}}
        start = [_embedded(config, known, text) for text in texts]
    layers, end = _rounded_layers(config, params, chosen, start, solver, sequential)
    if not early:
        round_output(end)
    found |= layers
    new |= {n: from_codes(*x[:3], is_table(n), scheme) for n, x in found.items()}
    for name, solution in found.items():
        require_finite(name, solution.scales, "scales in float16")
    reports = {name: _report(solution) for name, solution in found.items()}
    return map_matrices(params, scheme, lambda name, weight: new[name]), reports


class _Batch(NamedTuple):
    """Rows at some stage of the model: tokens, or what enters a layer."""

    x: Any
    segments: Any
    counted: Any
    known: Any = {}  # noqa: RUF012 (inputs of the layer's kernels, never changed)


def _texts(vocab: int, tokens_NT: Any, segments_NT: Any) -> list[_Batch]:
    """The sample in batches of equal shape; rows that fill the last are not counted."""
    tokens_NT = np.asarray(tokens_NT, np.int32)
    if tokens_NT.ndim != 2 or not tokens_NT.size:
        raise ValueError(
            f"tokens_NT has shape {tokens_NT.shape}, must be [N, T], N > 0."
        )
    for token in (tokens_NT.min(), tokens_NT.max()):
        if not 0 <= token < vocab:
            raise ValueError(f"tokens_NT holds {token}, must be in [0, {vocab}).")
    count, length = tokens_NT.shape
    rows = min(count, max(1, _TOKENS // length))

    def cut(array: np.ndarray) -> np.ndarray:
        filled = np.pad(array, ((0, -count % rows), (0, 0)))
        return filled.reshape(-1, rows, length)

    tokens = cut(tokens_NT)
    if segments_NT is None:
        counted = cut(np.ones(tokens_NT.shape, bool))
        return [_Batch(x, None, c) for x, c in zip(tokens, counted, strict=True)]
    segments_NT = np.asarray(segments_NT, np.int32)
    parts = tokens, cut(segments_NT), cut(segments_NT >= 0)
    return [_Batch(*part) for part in zip(*parts, strict=True)]


def _rounded_layers(config, params, chosen, batches, solver, sequential):
    """Solutions by path, and what leaves the last layer."""
    one = dataclasses.replace(config, layers=1)
    solutions: dict[str, Solution] = {}
    for i in range(config.layers):
        prefix = f"layer_{i}"
        names = [name for name in _ORDER if f"{prefix}/{name}" in chosen]
        layer = layerwise.layer_params(config, params, i)
        solved: dict[str, Solution] = {}
        for group in [(name,) for name in names] if sequential else [tuple(names)]:
            totals, batches = _measured(one, layer, batches, group)
            for name in group:
                require_finite(f"{prefix}/{name}", totals[name], "inputs")
                weight = leaves_by_path(layer)[name]
                solved[name] = _solved(solver, weight, totals[name])
                if sequential:
                    layer = overlay(layer, nest({name: solved[name].points}))
        solutions |= {f"{prefix}/{name}": x for name, x in solved.items()}
        batches = [b._replace(x=_block(one, layer, b), known={}) for b in batches]
    return solutions, batches


def _through(config, params, batches):
    """What leaves the last layer."""
    return _rounded_layers(config, params, (), batches, None, False)[1]


def _measured(config, layer, batches, names):
    """Moments of these kernels, and the batches with what is kept of their inputs."""
    if not names:
        return {}, batches
    totals: Any = None
    after = []
    for batch in batches:
        found, kept = _moments(config, layer, batch, names)
        totals = found if totals is None else jax.tree.map(jnp.add, totals, found)
        after.append(batch._replace(known=batch.known | kept))
    return totals, after


def _solved(solver, weight, moments):
    """The solution of a kernel, or of the kernels of all experts."""
    return (solver if weight.ndim == 2 else jax.vmap(solver))(weight, moments)


@functools.partial(jax.jit, static_argnames="config")
def _embedded(config, params, text: _Batch) -> _Batch:
    return text._replace(x=layerwise.embedded(config, params, text.x))


@functools.partial(jax.jit, static_argnames=("config", "names"))
def _moments(config, layer, batch: _Batch, names):
    x_BTD, segments_BT, counted_BT, known = batch
    inputs = layerwise.kernel_inputs(
        config, {"layer_0": layer}, 0, x_BTD, segments_BT, known
    )
    inputs = {name: inputs[name] for name in names}
    # Experts' inputs are not kept: they come in places, not in rows.
    kept = {n: x for n, x in inputs.items() if n in _KEPT and not isinstance(x, tuple)}
    return layerwise.moments(config, inputs, counted_BT), kept


@functools.partial(jax.jit, static_argnames="config")
def _block(config, layer, batch: _Batch):
    x_BTD, segments_BT, _, known = batch
    return layerwise.block(config, {"layer_0": layer}, 0, x_BTD, segments_BT, known)


@functools.partial(jax.jit, static_argnames="config")
def _final_moment(config, params, batch: _Batch):
    return layerwise.moment(
        layerwise.final_inputs(config, params, batch.x), batch.counted
    )


def _report(solution: Solution) -> Report:
    return Report(
        float(jnp.sum(solution.error)),
        float(jnp.sum(solution.nearest_error)),
        float(jnp.mean(solution.nearest)),
        float(jnp.max(solution.damp)),
    )
