"""Weights whose numbers are codes of few bits, and trees of them.

Axes: I inputs, O output channels (the last axis of a kernel, the rows of a table).
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from kscale.quant.grid import decode, encode, fit_groups, pack, repeat_groups, unpack
from kscale.quant.scheme import Scheme
from kscale.trees import leaves_by_path, map_by_path, matches, require_matches


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["codes", "scales", "zeros"],
    meta_fields=["shape", "table", "scheme"],
)
@dataclasses.dataclass(frozen=True)
class Quantized:
    """A weight whose numbers are codes of `scheme.bits` bits.

    Attributes:
      codes: uint8, packed (`grid.pack`) in the order [..., I, O].
      scales: float16 [..., groups, O].
      zeros: the zero points, packed like codes; empty where symmetric.
      shape: of the weight.
      table: whether its output channels are rows (a table) or the last axis (a kernel).
      scheme: how it was rounded.
    """

    codes: jax.Array
    scales: jax.Array
    zeros: jax.Array
    shape: tuple[int, ...]
    table: bool
    scheme: Scheme


def quantize(params: Any, scheme: Scheme) -> Any:
    """Rounds the weights that the scheme names to the nearest points of their grids.

    Returns:
      The nested dict `params` with a `Quantized` for each weight that is rounded.

    Raises:
      ValueError: a pattern matches no kernel or table; a weight that is not finite or
        too large for float16 scales (under `jit` its group becomes NaN or infinite).
    """
    return map_weights(params, scheme, lambda path, w: quantize_weight(w, path, scheme))


def dequantize(tree: Any) -> Any:
    """Returns float32 parameters from what `quantize` or `quantize_gptq` returned."""
    return jax.tree.map(
        lambda x: _dequantize(x) if is_quantized(x) else x, tree, is_leaf=is_quantized
    )


def fake_quantize(params: Any, scheme: Scheme) -> Any:
    """Returns `dequantize(quantize(params))` whose gradient passes straight through.

    For training with rounded weights: the loss sees the rounded ones, the gradient is
    taken as if they were not. Compiles into the step; arguments as in `quantize`. A
    weight that no grid can hold leaves its group NaN or infinite: training stops.

    Source: Bengio, Leonard & Courville (2013), the straight-through estimator.
    """
    return map_weights(
        params, scheme, lambda path, w: _fake_quantize(w, is_table(path), scheme)
    )


def stored_bits(tree: Any, rest: int = 16) -> int:
    """Counts the bits of codes, scales, zero points, and other leaves at `rest` each.

    Example:
      >>> kernel = {"layer_0": {"mlp": {"up": {"kernel": jnp.ones((64, 10))}}}}
      >>> stored_bits(quantize(kernel, Scheme(bits=4, group=32)))   # 640 * 4 + 20 * 16
      2880
    """

    def count(leaf: Any) -> int:
        if not is_quantized(leaf):
            return leaf.size * rest
        zeros = 0 if leaf.scheme.symmetric else leaf.scales.size * leaf.scheme.bits
        codes = math.prod(leaf.shape) * leaf.scheme.bits
        return codes + leaf.scales.size * 16 + zeros

    return sum(count(leaf) for leaf in jax.tree.leaves(tree, is_leaf=is_quantized))


def is_quantized(leaf: Any) -> bool:
    """Checks whether a leaf of a tree is a rounded weight."""
    return isinstance(leaf, Quantized)


def is_table(path: str) -> bool:
    """Checks whether the output channels of the weight at a path are its rows."""
    return path.split("/")[-1] == "table"


def map_weights(
    params: Any, scheme: Scheme, change: Callable[[str, jax.Array], Any]
) -> Any:
    """Replaces each weight that the scheme names by `change(path, weight)`."""
    if not scheme.bits:
        return params
    kinds = ("kernel", "table")
    weights = [path for path in leaves_by_path(params) if path.split("/")[-1] in kinds]
    require_matches(scheme.leaves, weights, "Scheme.leaves", "kernel or table")
    chosen = {path for path in weights if matches(path, scheme.leaves)}
    return map_by_path(
        lambda path, leaf: change(path, leaf) if path in chosen else leaf, params
    )


def quantize_weight(weight: jax.Array, path: str, scheme: Scheme) -> Quantized:
    """Rounds one weight as `quantize`; the end of its path gives its layout."""
    require_finite(path, weight, "weights")
    found = _quantize(weight, is_table(path), scheme)
    require_finite(path, found.scales, "scales in float16")
    return found


def require_finite(path: str, numbers: jax.Array, what: str) -> None:
    """Raises a `ValueError` if a number of a weight is not finite and not traced."""
    if not isinstance(numbers, Tracer) and not jnp.isfinite(numbers).all():
        raise ValueError(
            f"{path} cannot be rounded: its {what} must be finite, and some are not."
        )


def pack_weight(
    codes_IO: jax.Array,
    scales_GO: jax.Array,
    zeros_GO: jax.Array,
    table: bool,
    scheme: Scheme,
) -> Quantized:
    """Returns a rounded weight from its codes and the grid of each group of inputs."""
    zeros = jnp.zeros((0,), jnp.uint8)
    if not scheme.symmetric:
        zeros = pack(zeros_GO, scheme.bits)
    shape = _swap_table(codes_IO, table).shape
    packed = pack(codes_IO, scheme.bits)
    return Quantized(packed, scales_GO, zeros, shape, table, scheme)


def _swap_table(weight: jax.Array, table: bool) -> jax.Array:
    """Swaps the last axes of a table, to [..., I, O] and back; a kernel stays."""
    return weight.swapaxes(-1, -2) if table else weight


@functools.partial(jax.jit, static_argnames=("table", "scheme"))
def _quantize(weight, table, scheme):
    return pack_weight(*_nearest_codes(weight, table, scheme), table, scheme)


def _nearest_codes(weight, table, scheme):
    w_IO = _swap_table(weight, table).astype(jnp.float32)
    scales, zeros = fit_groups(w_IO, scheme.bits, scheme.group, scheme.symmetric)
    wide = repeat_groups(scales, zeros, w_IO.shape[-2], scheme.group)
    return encode(w_IO, *wide, scheme.bits), scales, zeros


def _points(codes_IO, scales_GO, zeros_GO, scheme):
    wide = repeat_groups(scales_GO, zeros_GO, codes_IO.shape[-2], scheme.group)
    return decode(codes_IO, *wide)


@jax.jit
def _dequantize(q):
    *lead, rows, columns = q.shape
    shape = (*lead, columns, rows) if q.table else q.shape
    bits = q.scheme.bits
    codes_IO = unpack(q.codes, bits, shape)
    if q.scheme.symmetric:
        zeros_GO = jnp.full(q.scales.shape, 2 ** (bits - 1), jnp.uint8)
    else:
        zeros_GO = unpack(q.zeros, bits, q.scales.shape)
    return _swap_table(_points(codes_IO, q.scales, zeros_GO, q.scheme), q.table)


def _round(weight, table, scheme):
    # Not packed: the codes would be unpacked at once.
    points = _points(*_nearest_codes(weight, table, scheme), scheme)
    return _swap_table(points, table).astype(weight.dtype)


_fake_quantize: Any = jax.custom_jvp(_round, nondiff_argnums=(1, 2))
_fake_quantize.defjvp(
    lambda table, scheme, primals, tangents: (
        _fake_quantize(primals[0], table, scheme),
        tangents[0],
    )
)
