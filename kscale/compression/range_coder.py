"""Symbols to bytes by range coding, with the library `constriction` (0.5.0).

It is imported where it is used: nothing else of kscale needs it.
"""

from typing import Any

import numpy as np

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
        """Codes symbols, each among K of integer weights; see `intervals`."""
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


def _import_stream() -> Any:
    import constriction

    return constriction.stream  # pyright: ignore[reportAttributeAccessIssue]
