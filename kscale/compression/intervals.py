"""Shares of an interval of 2^24, from integer weights.

Of weights w_0 .. w_(n-1) with sums W_i = w_0 + .. + w_(i-1) symbol i has the share from

    c_i = i + floor(W_i s),   s = (2^24 - n) / W_n,   c_n = 2^24,

so each has at least 1 and all have 2^24. It is the rule of `constriction` 0.5.0 for
`Categorical(perfect=False)`; here it counts bits. The W_i are exact in float64, s is
one rounded division and W_i s one rounded product, which every processor rounds alike.
"""

import numpy as np

PRECISION = 24


def code_bits(symbols_N: np.ndarray, weights_NK: np.ndarray) -> np.ndarray:
    """Returns what each symbol costs, `24 - log2(c_(i+1) - c_i)`: float64 [N].

    Example:
      >>> code_bits(np.array([0, 1]), np.array([[1, 0], [1, 0]])).round(6).tolist()
      [0.0, 24.0]
    """
    n = weights_NK.shape[1]
    rows, after = np.arange(len(symbols_N)), symbols_N + 1
    ends_NK = np.cumsum(weights_NK, axis=1, dtype=np.float64)
    scale_N = (2**PRECISION - n) / ends_NK[:, -1]
    starts = np.where(symbols_N > 0, ends_NK[rows, symbols_N - 1], 0.0)
    low = symbols_N + np.floor(starts * scale_N)
    high = after + np.floor(ends_NK[rows, symbols_N] * scale_N)
    return PRECISION - np.log2(np.where(after == n, 2.0**PRECISION, high) - low)
