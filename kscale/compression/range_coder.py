"""Symbols to bytes by range coding, and what each costs, from integer weights.

Of weights w_0 .. w_(n-1) with sums W_i = w_0 + .. + w_(i-1) symbol i has the share from

    c_i = i + floor(W_i s),   s = (2^24 - n) / W_n,   c_n = 2^24,

so each has at least 1 and all have 2^24. It is the rule of `constriction` 0.5.0 for
`Categorical(perfect=False)`; `code_bits` counts by it. The W_i are exact in float64, s
is one rounded division and W_i s one rounded product, which every processor rounds
alike.

The library is imported where it is used: nothing else of kscale needs it.
"""

from typing import Any

import numpy as np

PRECISION = 24
_WORD = np.dtype("<u4")


class Encoder:
    """Takes symbols in their order; `finish` gives the bytes.

    Example:
      >>> encoder = Encoder()
      >>> encoder.write(np.array([1]), np.array([[3, 1]]))
      >>> Decoder(encoder.finish()).read(np.array([[3, 1]]))
      array([1], dtype=int32)
    """

    def __init__(self):
        stream = _import_stream()
        self._coder = stream.queue.RangeEncoder()
        self._family = stream.model.Categorical(perfect=False)

    def write(self, symbols_N: np.ndarray, weights_NK: np.ndarray) -> None:
        """Codes symbols, each among K of integer weights."""
        weights = weights_NK.astype(np.float64, order="C")
        self._coder.encode(symbols_N.astype(np.int32), self._family, weights)

    def finish(self) -> bytes:
        """Returns what was written: at most 64 bits more than its `code_bits`."""
        return self._coder.get_compressed().astype(_WORD).tobytes()


class Decoder:
    """Gives the symbols back, to calls with the same weights in the same order.

    Args:
      data: from `Encoder.finish`.
    """

    def __init__(self, data: bytes):
        stream = _import_stream()
        words = np.frombuffer(data, _WORD).astype(np.uint32)
        self._coder = stream.queue.RangeDecoder(words)
        self._family = stream.model.Categorical(perfect=False)

    def read(self, weights_NK: np.ndarray) -> np.ndarray:
        """Returns the next N symbols: int32 [N]."""
        weights = weights_NK.astype(np.float64, order="C")
        return self._coder.decode(self._family, weights)


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


def _import_stream() -> Any:
    import constriction

    return constriction.stream  # pyright: ignore[reportAttributeAccessIssue]
