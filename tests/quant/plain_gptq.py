"""GPTQ as it reads in the paper: NumPy, float64, one weight at a time, no blocks."""

import numpy as np


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
