"""Weights rounded to the nearest point of a grid, and trees of them.

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

from kscale.quant.grid import decode, encode, fit, grouped, pack, unpack
from kscale.quant.scheme import Scheme
from kscale.trees import leaves_by_path, map_by_path, matches, require_matches

MATRICES = ("kernel", "table")


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["codes", "scales", "zeros"],
    meta_fields=["shape", "table", "scheme"],
)
@dataclasses.dataclass(frozen=True)
class Quantized:
    """A weight whose numbers are codes of ``scheme.bits`` bits.

    Attributes:
      codes: uint8, packed (``packing.pack``) in the order [..., I, O].
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
    """Rounds the weights that the scheme names to the nearest point of their grids.

    Args:
      params: nested dict of float32 arrays.
      scheme: which weights and how; 0 bits: nothing is done.

    Returns:
      The same nested dict with a ``Quantized`` for each weight that is rounded.

    Raises:
      ValueError: a pattern matches no kernel or table; a weight that is not finite or
        too large for float16 scales (under ``jit`` its group becomes NaN or infinite).
    """
    return map_matrices(params, scheme, lambda name, w: nearest(w, name, scheme))


def dequantize(tree: Any) -> Any:
    """Float32 parameters from what ``quantize`` or ``gptq`` gave, paths as before."""
    return jax.tree.map(
        lambda x: _dequantized(x) if is_quantized(x) else x, tree, is_leaf=is_quantized
    )


def fake(params: Any, scheme: Scheme) -> Any:
    """``dequantize(quantize(params))`` whose gradient passes straight through.

    For training with rounded weights: the loss sees the rounded ones, the gradient is
    taken as if they were not. Compiles into the step; arguments as in ``quantize``. A
    weight that no grid can hold leaves its group NaN or infinite: training stops.

    Source: Bengio, Leonard & Courville (2013), the straight-through estimator.
    """
    return map_matrices(
        params, scheme, lambda name, w: _straight(w, is_table(name), scheme)
    )


def stored_bits(tree: Any, rest: int = 16) -> int:
    """Bits that a model takes: codes, scales, zero points, other leaves at ``rest``.

    Args:
      tree: from ``quantize`` or ``gptq``, or plain parameters.
      rest: bits of a number that is not rounded.

    Example:
      >>> kernel = {"layer_0": {"mlp": {"up": {"kernel": jnp.ones((64, 10))}}}}
      >>> stored_bits(quantize(kernel, Scheme(bits=4, group=32)))   # 640 * 4 + 20 * 16
      2880
    """

    def one(leaf: Any) -> int:
        if not is_quantized(leaf):
            return leaf.size * rest
        zeros = 0 if leaf.scheme.symmetric else leaf.scales.size * leaf.scheme.bits
        codes = math.prod(leaf.shape) * leaf.scheme.bits
        return codes + leaf.scales.size * 16 + zeros

    return sum(one(leaf) for leaf in jax.tree.leaves(tree, is_leaf=is_quantized))


def is_quantized(leaf: Any) -> bool:
    """Whether a leaf of a tree is a rounded weight."""
    return isinstance(leaf, Quantized)


def map_matrices(
    params: Any, scheme: Scheme, change: Callable[[str, jax.Array], Any]
) -> Any:
    """Replaces each weight that the scheme names by ``change(path, weight)``.

    Raises:
      ValueError: a pattern matches no kernel or table; with 0 bits none has to.
    """
    if not scheme.bits:
        return params
    matrices = [x for x in leaves_by_path(params) if x.split("/")[-1] in MATRICES]
    require_matches(scheme.leaves, matrices, "Scheme.leaves", "kernel or table")
    chosen = {path for path in matrices if matches(path, scheme.leaves)}
    return map_by_path(
        lambda path, leaf: change(path, leaf) if path in chosen else leaf, params
    )


def turned(weight: jax.Array, table: bool) -> jax.Array:
    """A kernel as it is; a table turned over, to [..., I, O] and back."""
    return weight.swapaxes(-1, -2) if table else weight


def is_table(name: str) -> bool:
    """Whether the output channels of the weight at a path are its rows."""
    return name.split("/")[-1] == "table"


def nearest(weight: jax.Array, name: str, scheme: Scheme) -> Quantized:
    """One weight rounded to the nearest points; its path's end gives its layout.

    Raises:
      ValueError: as ``quantize``.
    """
    require_finite(name, weight, "weights")
    found = _nearest(weight, is_table(name), scheme)
    require_finite(name, found.scales, "scales in float16")
    return found


def require_finite(name: str, numbers: jax.Array, what: str) -> None:
    """Refuses numbers of a weight that are not finite; traced ones are not looked at.

    Raises:
      ValueError: one is not; the message names the weight.
    """
    if not isinstance(numbers, Tracer) and not jnp.isfinite(numbers).all():
        raise ValueError(
            f"{name} cannot be rounded: its {what} must be finite, and some are not."
        )


def from_codes(
    codes_IO: jax.Array,
    scales_GO: jax.Array,
    zeros_GO: jax.Array,
    table: bool,
    scheme: Scheme,
) -> Quantized:
    """A rounded weight from its codes, and a grid for each group of inputs.

    Args:
      codes_IO: uint8 [..., I, O].
      scales_GO, zeros_GO: [..., groups, O].
      table: whether the weight is a table.
      scheme: how it was rounded.
    """
    zeros = jnp.zeros((0,), jnp.uint8)
    if not scheme.symmetric:
        zeros = pack(zeros_GO, scheme.bits)
    shape = turned(codes_IO, table).shape
    packed = pack(codes_IO, scheme.bits)
    return Quantized(packed, scales_GO, zeros, shape, table, scheme)


def grids(
    w_IO: jax.Array, bits: Any, group: int, symmetric: bool
) -> tuple[jax.Array, jax.Array]:
    """Scales and zero points of the groups of a weight: [..., groups, O]."""
    scales, zeros = fit(grouped(w_IO, group), bits, symmetric)
    return scales[..., 0, :], zeros[..., 0, :]


def by_input(
    scales_GO: jax.Array, zeros_GO: jax.Array, inputs: int, group: int
) -> tuple[jax.Array, jax.Array]:
    """The grids of groups, repeated for each of their inputs: [..., I, O]."""

    def repeated(x_GO: jax.Array) -> jax.Array:
        return jnp.repeat(x_GO, group or inputs, axis=-2)[..., :inputs, :]

    return repeated(scales_GO), repeated(zeros_GO)


@functools.partial(jax.jit, static_argnames=("table", "scheme"))
def _nearest(weight, table, scheme):
    codes_IO, scales_GO, zeros_GO = _rounded(weight, table, scheme)
    return from_codes(codes_IO, scales_GO, zeros_GO, table, scheme)


def _rounded(weight, table, scheme):
    w_IO = turned(weight, table).astype(jnp.float32)
    scales, zeros = grids(w_IO, scheme.bits, scheme.group, scheme.symmetric)
    wide = by_input(scales, zeros, w_IO.shape[-2], scheme.group)
    return encode(w_IO, *wide, scheme.bits), scales, zeros


def _points(codes_IO, scales_GO, zeros_GO, scheme):
    wide = by_input(scales_GO, zeros_GO, codes_IO.shape[-2], scheme.group)
    return decode(codes_IO, *wide)


@jax.jit
def _dequantized(q):
    *lead, rows, columns = q.shape
    shape = (*lead, columns, rows) if q.table else q.shape
    bits = q.scheme.bits
    codes_IO = unpack(q.codes, bits, shape)
    if q.scheme.symmetric:
        zeros_GO = jnp.full(q.scales.shape, 2 ** (bits - 1), jnp.uint8)
    else:
        zeros_GO = unpack(q.zeros, bits, q.scales.shape)
    return turned(_points(codes_IO, q.scales, zeros_GO, q.scheme), q.table)


def _forward(weight, table, scheme):
    # Not packed: the codes would be unpacked at once.
    codes_IO, scales_GO, zeros_GO = _rounded(weight, table, scheme)
    points = _points(codes_IO, scales_GO, zeros_GO, scheme)
    return turned(points, table).astype(weight.dtype)


_straight: Any = jax.custom_jvp(_forward, nondiff_argnums=(1, 2))
_straight.defjvp(
    lambda table, scheme, primals, tangents: (
        _straight(primals[0], table, scheme),
        tangents[0],
    )
)
