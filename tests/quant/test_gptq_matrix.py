"""GPTQ of one matrix: against plain NumPy, and never worse than the nearest points."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.quant.gptq_matrix import solve
from kscale.quant.scheme import GptqOptions, Scheme


def grid(weights, bits, symmetric):
    """Scale and zero point of some weights."""
    low, high = min(weights.min(), 0.0), max(weights.max(), 0.0)
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    step = (high - low) / (2**bits - 1) or 1.0
    scale = np.float16(step)
    if float(scale) < step:
        scale = np.nextafter(scale, np.float16(np.inf))
    zero = 2 ** (bits - 1) if symmetric else round(-low / float(scale))
    return float(scale), zero


def nearest_points(weights, scheme):
    """Each weight at the nearest point of its group's grid."""
    points = np.empty(weights.shape)
    size = scheme.group or len(weights)
    for start in range(0, len(weights), size):
        for o, part in enumerate(weights[start : start + size].astype(float).T):
            scale, zero = grid(part, scheme.bits, scheme.symmetric)
            codes = np.clip(np.round(part / scale) + zero, 0, 2**scheme.bits - 1)
            points[start : start + size, o] = scale * (codes - zero)
    return points


def codes_of(weights, moment, scheme, act_order, damp=0.01):
    """GPTQ's codes, [inputs, outputs]."""
    inputs, outputs = weights.shape
    size = scheme.group or inputs
    parts = {i: weights[i : i + size].copy() for i in range(0, inputs, size)}
    diagonal = np.diag(moment)
    weights = np.where(diagonal[:, None] == 0, 0.0, weights)
    hessian = moment + damp * diagonal.mean() * np.eye(inputs)
    hessian += np.diag(np.where(diagonal == 0, 1.0, 0.0))
    order = np.argsort(-diagonal, kind="stable") if act_order else np.arange(inputs)
    left = weights[order]
    inverse = np.linalg.inv(hessian[np.ix_(order, order)])
    upper = np.linalg.cholesky(inverse).T
    codes = np.zeros((inputs, outputs), int)
    for at, i in enumerate(order):
        start = i - i % size
        if scheme.group and not act_order and i == start:
            parts[start] = left[at : at + size].copy()
        for o in range(outputs):
            scale, zero = grid(parts[start][:, o], scheme.bits, scheme.symmetric)
            code = np.round(left[at, o] / scale) + zero
            codes[i, o] = min(max(code, 0), 2**scheme.bits - 1)
            error = left[at, o] - scale * (codes[i, o] - zero)
            left[at:, o] -= error / upper[at, at] * upper[at, at:]
    return codes


def problem(seed, inputs=24, outputs=6, rows=60):
    """Weights, and correlated inputs of which one is always 0; float32 numbers."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, inputs)) @ draw.normal(size=(inputs, inputs))
    x[:, 3 % inputs] = 0
    w = draw.normal(size=(inputs, outputs))
    return w.astype(np.float32), x.astype(np.float32)


def moment_of(x):
    return x.astype(float).T @ x.astype(float)


def solved(w, x, scheme, **options):
    # One shape and block for all: bits are traced, all else compiles anew.
    options = GptqOptions(**({"block": 8} | options))
    return solve(jnp.asarray(w), jnp.float32(moment_of(x)), scheme, options)


# Group, symmetric, act order: all pairs, and groups that are fitted when reached.
CASES = [(0, True, True), (0, False, False), (5, True, False), (5, False, True)]
CASES += [(5, False, False)]


@pytest.mark.parametrize(("group", "symmetric", "act_order"), CASES)
def test_codes_are_those_of_plain_numpy(group, symmetric, act_order):
    w, x = problem(0)
    for bits in (2, 4):
        scheme = Scheme(bits, group, symmetric)
        found = solved(w, x, scheme, act_order=act_order)
        plain = codes_of(w.astype(float), moment_of(x), scheme, act_order)
        ours = ~np.asarray(found.nearest)
        assert ours.sum() >= 3
        np.testing.assert_array_equal(np.asarray(found.codes)[:, ours], plain[:, ours])


def test_a_literal_example():
    """Two like inputs: the second takes over the error of the first."""
    w = np.array([[0.3], [1.5]], np.float32)
    x = np.array([[1, 1], [1, 1], [1, 0.999]], np.float32)
    found = solved(w, x, Scheme(bits=2), act_order=False)
    np.testing.assert_array_equal(found.scales, [[1.0]])  # 3 / (2^2 - 1)
    # Nearest: 0 and 1 (1.5 ends the grid), in sum 0.8 off. GPTQ cannot mend the end.
    np.testing.assert_array_equal(np.asarray(found.codes)[:, 0] - 2, [0, 1])
    down = solved(w[::-1], x, Scheme(bits=2), act_order=False)
    # 1.5 first, 0.5 short: the other goes from 0.3 to 0.8, and up to 1.
    np.testing.assert_array_equal(np.asarray(down.codes)[:, 0] - 2, [1, 1])
    assert not down.nearest[0]
    assert down.error[0] < 0.2 < down.nearest_error[0]


def test_blocks_change_nothing_and_inputs_may_be_zero_or_not_correlate():
    w, x = problem(2)
    found = solved(w, x, Scheme(4))
    for block in (5, 128):
        codes = solved(w, x, Scheme(4), block=block).codes
        np.testing.assert_array_equal(codes, found.codes)
    ours = ~np.asarray(found.nearest)
    assert ours.any()
    np.testing.assert_array_equal(np.asarray(found.points)[3, ours], 0.0)
    near = nearest_points(w, Scheme(4))
    found = solved(w, np.diag(np.arange(1.0, 25.0)), Scheme(4))
    np.testing.assert_array_equal(found.points, near)
    found = solved(w, 0 * x, Scheme(4))
    assert np.all(found.nearest)
    np.testing.assert_array_equal(found.points, near)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from((2, 3, 4, 8)), st.sampled_from(CASES))
def test_no_channel_is_worse_than_the_nearest_points(seed, bits, case):
    group, symmetric, act = case
    scheme = Scheme(bits, group, symmetric)
    w, x = problem(seed, rows=30)
    found = solved(w, x, scheme, act_order=act)
    near = nearest_points(w, scheme)
    error, near_error, slack = (
        np.sum((x.astype(float) @ (w - np.asarray(v))) ** 2, axis=0)
        for v in (found.points, near, 0 * near)
    )
    slack = 1e-4 * slack
    assert np.all(error <= near_error * (1 + 1e-4) + 1e-3 * slack)
    np.testing.assert_allclose(found.error, error, rtol=1e-2, atol=slack.max())


def test_damp_grows_until_the_factorization_works():
    w, x = problem(4, rows=5)  # rank 5 of 24 inputs
    found = solved(w, 1e3 * x, Scheme(4), damp=0.0)
    assert 0 < found.damp < 0.01
    assert np.all(np.isfinite(found.points))
    assert np.all(found.error <= found.nearest_error)
    assert solved(w, x, Scheme(4)).damp == np.float32(0.01)
