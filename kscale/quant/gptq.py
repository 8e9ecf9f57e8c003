"""GPTQ of a whole model, layer by layer, from a sample of its texts.

Axes: N sequences, T positions, D width, I inputs, E experts; batches of R rows.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale.models import layerwise
from kscale.models.config import ModelConfig
from kscale.quant.gptq_matrix import Solution, solve
from kscale.quant.scheme import GptqOptions, Scheme
from kscale.quant.weights import (
    dequantize,
    is_table,
    map_weights,
    pack_weight,
    quantize_weight,
    require_finite,
)
from kscale.trees import leaves_by_path, nest, overlay

# In the order of the forward pass: each sees what came out of those before.
_ORDER = (
    "attention/qkv/kernel",
    "attention/out/kernel",
    "mlp/router/kernel",
    "mlp/up/kernel",
    "mlp/down/kernel",
)
# Inputs that are kept until the layer is done, as they are slow to compute again.
_KEPT = ("attention/out/kernel", "mlp/down/kernel")
_TOKENS = 4096  # of a batch


class Report(NamedTuple):
    """How one weight was rounded.

    Attributes:
      error: `||X (W - V)||^2` of the weights taken, summed over counted tokens.
      nearest_error: the same, had all been rounded to the nearest.
      nearest_share: of its channels, how many were rounded to the nearest, as GPTQ
        would have been worse there.
      damp: the greatest that a factorization needed, relative to the mean diagonal.
    """

    error: float
    nearest_error: float
    nearest_share: float
    damp: float


def quantize_gptq(
    config: ModelConfig,
    params: Any,
    scheme: Scheme,
    tokens_NT: Any,
    segments_NT: Any = None,
    **options: Any,
) -> tuple[Any, dict[str, Report]]:
    """Rounds weights so that layers still give nearly the same on a sample of texts.

    Layer after layer, and in a layer kernel after kernel (queries, keys and values; the
    attention's output; the router; up; down), each from the inputs that come out of
    what is rounded already. An output table comes last, from the final inputs; if tied
    it comes first, from the final inputs of the unrounded model, so that the layers
    make up for what is looked up too. An embedding table that is not tied has no inputs
    but tokens and is rounded to the nearest. Each channel takes GPTQ's codes or the
    nearest ones, whichever are better on the sample (`gptq_matrix.solve`).

    Args:
      config, params: the model, without adapters.
      scheme: which weights and how.
      tokens_NT: int, the sample (the paper: 1000 biographies).
      segments_NT: the document of each position, as in `models.apply`; positions of
        a negative document are padding and not counted.
      **options: fields of `GptqOptions`.

    Returns:
      `(tree, reports)`: the tree as from `quantize`, and a report by the path of
      each weight that GPTQ rounded.

    Raises:
      ValueError: as `quantize`; there are adapters, no text, or a token or option out
        of range; a weight's inputs are not finite.

    Source: Frantar et al., "GPTQ" (2022).
    """
    how = GptqOptions(**options)
    if "lora" in params:
        raise ValueError("The parameters have adapters; merge them first.")
    chosen: list[str] = []

    def choose(path: str, weight: Any) -> None:
        require_finite(path, weight, "weights")
        chosen.append(path)

    map_weights(params, scheme, choose)
    if not chosen:
        return params, {}
    texts = _batches(config.vocab, tokens_NT, segments_NT)
    solver = functools.partial(solve, scheme=scheme, options=how)
    output = "embed/table" if config.tied else "head/table"
    found: dict[str, Solution] = {}

    def round_output(batches: list[_Batch]) -> None:
        if output in chosen:
            parts = (_final_moment(config, params, batch) for batch in batches)
            total = functools.reduce(jnp.add, parts)
            require_finite(output, total, "inputs")
            found[output] = solver(leaves_by_path(params)[output].T, total)

    start = [_embed(params, text) for text in texts]
    early = config.tied or not how.sequential
    if early and output in chosen:
        round_output(_round_layers(config, params, (), start, None, False)[1])
    new = {path: pack_weight(*x[:3], True, scheme) for path, x in found.items()}
    if "embed/table" in chosen and not config.tied:
        table = params["embed"]["table"]
        new["embed/table"] = quantize_weight(table, "embed/table", scheme)
    if "embed/table" in new and how.sequential:
        rounded = {"embed": {"table": dequantize(new["embed/table"])}}
        start = [_embed(rounded, text) for text in texts]
    layers, end = _round_layers(config, params, chosen, start, solver, how.sequential)
    if not early:
        round_output(end)
    found |= layers
    new |= {p: pack_weight(*x[:3], is_table(p), scheme) for p, x in found.items()}
    for path, solution in found.items():
        require_finite(path, solution.scales, "scales in float16")
    reports = {
        path: Report(
            float(jnp.sum(solution.error)),
            float(jnp.sum(solution.nearest_error)),
            float(jnp.mean(solution.nearest)),
            float(jnp.max(solution.damp)),
        )
        for path, solution in found.items()
    }
    return map_weights(params, scheme, lambda path, weight: new[path]), reports


class _Batch(NamedTuple):
    """Rows at some stage of the model: tokens, or what enters a layer."""

    x: Any
    segments: Any
    counted: Any
    known: Any = {}  # noqa: RUF012 (inputs of the layer's kernels, never changed)


def _batches(vocab: int, tokens_NT: Any, segments_NT: Any) -> list[_Batch]:
    """Cuts the sample into batches of one shape; rows that fill the last count not."""
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


def _round_layers(config, params, chosen, batches, solver, sequential):
    """Returns solutions by path, and the batches as they leave the last layer."""
    solutions: dict[str, Solution] = {}
    for i in range(config.layers):
        layer = params[f"layer_{i}"]
        names = [name for name in _ORDER if f"layer_{i}/{name}" in chosen]
        for group in [(name,) for name in names] if sequential else [tuple(names)]:
            totals, batches = _measure(config, layer, batches, group)
            for name in group:
                path = f"layer_{i}/{name}"
                require_finite(path, totals[name], "inputs")
                weight = leaves_by_path(layer)[name]
                experts = weight.ndim > 2
                run = jax.vmap(solver) if experts else solver
                solutions[path] = run(weight, totals[name])
                if sequential:
                    layer = overlay(layer, nest({name: solutions[path].points}))
        batches = [b._replace(x=_leave(config, layer, b), known={}) for b in batches]
    return solutions, batches


def _measure(config, layer, batches, names):
    """Sums moments of these kernels; the batches keep the inputs of `_KEPT`."""
    if not names:
        return {}, batches
    totals: Any = None
    after = []
    for batch in batches:
        found, kept = _moments(config, layer, batch, names)
        totals = found if totals is None else jax.tree.map(jnp.add, totals, found)
        after.append(batch._replace(known=batch.known | kept))
    return totals, after


@jax.jit
def _embed(params, text: _Batch) -> _Batch:
    return text._replace(x=layerwise.embed_tokens(params, text.x))


@functools.partial(jax.jit, static_argnames=("config", "names"))
def _moments(config, layer, batch: _Batch, names):
    x_BTD, segments_BT, counted_BT, known = batch
    inputs = layerwise.kernel_inputs(config, layer, x_BTD, segments_BT, known)
    inputs = {name: inputs[name] for name in names}
    # Experts' inputs are not kept: they come in places, not in rows.
    kept = {n: x for n, x in inputs.items() if n in _KEPT and not isinstance(x, tuple)}
    return layerwise.second_moments(config, inputs, counted_BT), kept


@functools.partial(jax.jit, static_argnames="config")
def _leave(config, layer, batch: _Batch):
    x_BTD, segments_BT, _, known = batch
    return layerwise.apply_layer(config, layer, x_BTD, segments_BT, known)


@functools.partial(jax.jit, static_argnames="config")
def _final_moment(config, params, batch: _Batch):
    inputs_BTD = layerwise.final_inputs(config, params, batch.x)
    return layerwise.second_moment(inputs_BTD, batch.counted)
