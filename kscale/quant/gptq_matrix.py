"""GPTQ of one matrix: rounding that later inputs make up for.

Axes: I inputs, O output channels, G groups of inputs.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from kscale.quant.grid import decode, encode, fit, fit_groups, repeat_groups
from kscale.quant.scheme import GptqOptions, Scheme

_LARGEST_DAMP = 1e4


class Solution(NamedTuple):
    """A rounded matrix and how well it does.

    Attributes:
      codes: uint8 [I, O].
      scales, zeros: the grid of each group, [G, O].
      points: the rounded weights, float32 [I, O].
      damp: what was added to the diagonal in the end, relative to its mean.
      error: [O], `||X (w - v)||^2` of each channel, of these weights.
      nearest_error: [O], the same of weights rounded to the nearest.
      nearest: [O], where the latter were better and were taken.
    """

    codes: jax.Array
    scales: jax.Array
    zeros: jax.Array
    points: jax.Array
    damp: jax.Array
    error: jax.Array
    nearest_error: jax.Array
    nearest: jax.Array


def solve(
    w_IO: jax.Array, moment_II: jax.Array, scheme: Scheme, options: GptqOptions
) -> Solution:
    """Rounds by GPTQ, or to the nearest points in the channels where these do better.

    Input after input is rounded; the inputs still to come take over its error as well
    as they can, given how the inputs correlate. GPTQ is greedy and may end above
    rounding to the nearest (seldom, with few inputs or many bits); the better of the
    two is taken channel by channel. Channels do not depend on each other. Inputs that
    are always 0 get weights of 0 from GPTQ.

    Args:
      w_IO: float32 weights.
      moment_II: sum of `x x^T`, float32.
      scheme, options: bits, groups, symmetry; damp, act_order, block.

    Source: Frantar et al., "GPTQ" (2022), algorithm 1; AutoGPTQ, `gptq.py`.
    """
    form = scheme.group, scheme.symmetric, options.act_order, options.block
    return _solve(w_IO, moment_II, jnp.asarray(scheme.bits), options.damp, *form)


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _solve(w_IO, moment_II, bits, damp, group, symmetric, act_order, block):
    # Bits are traced: one program serves all of them.
    inputs = w_IO.shape[0]
    scales_GO, zeros_GO = fit_groups(w_IO, bits, group, symmetric)
    wide = repeat_groups(scales_GO, zeros_GO, inputs, group)
    near_IO = encode(w_IO, *wide, bits)
    near_error_O = _error(w_IO, decode(near_IO, *wide), moment_II)

    upper_II, damp = _inverse_factor(moment_II, damp, act_order)
    order_I = _order(moment_II, act_order)
    live_I1 = (jnp.diagonal(moment_II) > 0)[:, None]
    start = jnp.where(live_I1, w_IO, 0.0), *wide
    start = jax.tree.map(lambda x: x[order_I], start)
    refit = 0 if act_order else group
    done = _sweep(start, upper_II, bits, symmetric, refit, block)
    codes_IO, *wide = (x[jnp.argsort(order_I)] for x in done)
    error_O = _error(w_IO, decode(codes_IO, wide[0], wide[1]), moment_II)

    nearest_O = ~(error_O < near_error_O)
    pick = functools.partial(jnp.where, nearest_O[None])
    step = group or inputs
    codes_IO = pick(near_IO, codes_IO)
    scales_GO = pick(scales_GO, wide[0][::step])
    zeros_GO = pick(zeros_GO, wide[1][::step])
    wide = repeat_groups(scales_GO, zeros_GO, inputs, group)
    error_O = jnp.where(nearest_O, near_error_O, error_O)
    grid = scales_GO, zeros_GO, decode(codes_IO, *wide)
    return Solution(codes_IO, *grid, damp, error_O, near_error_O, nearest_O)


def _error(w_IO, points_IO, moment_II):
    """Computes `||X (w - v)||^2` of each channel."""
    off_IO = w_IO - points_IO
    return jnp.sum(off_IO * jnp.matmul(moment_II, off_IO, precision="highest"), axis=0)


def _order(moment_II, act_order):
    """Returns the inputs in the order in which they are rounded."""
    if not act_order:
        return jnp.arange(moment_II.shape[0])
    return jnp.argsort(-jnp.diagonal(moment_II))


def _inverse_factor(moment_II, damp, act_order):
    """Returns upper U, `U^T U` the inverse of the damped moment, and the damp it took.

    With J the reversal, `J H J = L L^T` gives `H = R R^T` with the upper
    `R = J L J`, so that `U = R^-1`: one factorization and no inverse of H.
    """
    inputs = moment_II.shape[0]
    order_I = _order(moment_II, act_order)
    mean = jnp.mean(jnp.diagonal(moment_II))
    scaled_II = moment_II[order_I][:, order_I] / jnp.where(mean > 0, mean, 1.0)
    dead_I = jnp.diagonal(scaled_II) <= 0
    eye_II = jnp.eye(inputs)
    scaled_II = scaled_II + jnp.diag(dead_I.astype(jnp.float32))

    def factor(damp):
        return jnp.linalg.cholesky((scaled_II + damp * eye_II)[::-1, ::-1])

    def failed(state):
        damp, lower = state
        return ~jnp.all(jnp.isfinite(lower)) & (damp < _LARGEST_DAMP)

    def again(state):
        damp = jnp.maximum(10 * state[0], 1e-6)
        return damp, factor(damp)

    damp = jnp.asarray(damp, jnp.float32)
    damp, lower = jax.lax.while_loop(failed, again, (damp, factor(damp)))
    upper_II = jax.scipy.linalg.solve_triangular(lower[::-1, ::-1], eye_II)
    return upper_II, damp


def _sweep(start, upper_II, bits, symmetric, refit, block):
    """Returns codes, scales and zero points of all inputs, block after block."""
    w_IO, scales_IO, zeros_IO = start
    inputs, outputs = w_IO.shape
    size = min(block, inputs)
    if refit:
        size = refit * max(1, size // refit)
    pad = -inputs % size
    fill = functools.partial(jnp.pad, pad_width=((0, pad), (0, 0)))
    arrays = (fill(w_IO), fill(scales_IO, constant_values=1), fill(zeros_IO))
    upper_II = jnp.pad(upper_II, ((0, pad), (0, pad)))
    upper_II = upper_II + jnp.diag((jnp.arange(inputs + pad) >= inputs) * 1.0)
    codes_IO = jnp.zeros((inputs + pad, outputs), jnp.uint8)

    def one(b, state):
        w_IO, scales_IO, zeros_IO, codes_IO = state
        rows = [
            jax.lax.dynamic_slice_in_dim(x, b * size, size)
            for x in (w_IO, scales_IO, zeros_IO, upper_II)
        ]
        square = jax.lax.dynamic_slice_in_dim(rows[3], b * size, size, axis=1)
        codes, scales, zeros, errors = _within(rows[:3], square, bits, symmetric, refit)
        w_IO = w_IO - jnp.matmul(rows[3].T, errors, precision="highest")
        put = functools.partial(
            jax.lax.dynamic_update_slice_in_dim, start_index=b * size, axis=0
        )
        return w_IO, put(scales_IO, scales), put(zeros_IO, zeros), put(codes_IO, codes)

    blocks = (inputs + pad) // size
    _, scales, zeros, codes = jax.lax.fori_loop(0, blocks, one, (*arrays, codes_IO))
    return codes[:inputs], scales[:inputs], zeros[:inputs]


def _within(rows, upper_BB, bits, symmetric, refit):
    """Rounds each input of a block, its error spread over the block's later ones."""

    def one(i, state):
        w_BO, codes, scales, zeros, errors = state
        if refit:
            scales, zeros = jax.lax.cond(
                i % refit == 0, fit_anew, lambda *x: x[1:3], w_BO, scales, zeros, i
            )
        row = functools.partial(
            jax.lax.dynamic_slice_in_dim, start_index=i, slice_size=1
        )
        weight, scale, zero = row(w_BO), row(scales), row(zeros)
        code = encode(weight, scale, zero, bits)
        upper_1B = row(upper_BB)
        diagonal = row(upper_1B[0], start_index=i)[None]
        error = (weight - decode(code, scale, zero)) / diagonal
        w_BO = w_BO - upper_1B.T * error
        codes, errors = codes.at[i].set(code[0]), errors.at[i].set(error[0])
        return w_BO, codes, scales, zeros, errors

    def fit_anew(w_BO, scales, zeros, i):
        rows = jax.lax.dynamic_slice_in_dim(w_BO, i, refit)
        scale, zero = fit(rows, bits, symmetric)
        shape = (refit, w_BO.shape[1])
        return tuple(
            jax.lax.dynamic_update_slice_in_dim(old, jnp.broadcast_to(x, shape), i, 0)
            for old, x in ((scales, scale), (zeros, zero))
        )

    w_BO, scales_BO, zeros_BO = rows
    codes, errors = jnp.zeros(w_BO.shape, jnp.uint8), jnp.zeros(w_BO.shape)
    start = (w_BO, codes, scales_BO, zeros_BO, errors)
    _, codes, scales, zeros, errors = jax.lax.fori_loop(0, w_BO.shape[0], one, start)
    return codes, scales, zeros, errors
