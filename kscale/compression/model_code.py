"""A model's weights as bytes: the first part of a two-part code.

Numbers are coded in blocks of 64. Within a kind (codes of so many bits, and the high
and the low bytes of float16 scales and of float16 leaves that are not rounded) a symbol
s of A has the weight 2 n_s + 1, n_s how often it came in the blocks before
(Krichevsky & Trofimov 1981), so that no table of frequencies is sent. Shapes and scheme
are known to both sides, as the config is.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from kscale.compression.range_coder import Decoder, Encoder
from kscale.quant import Quantized, cast_rest, is_quantized
from kscale.quant.grid import pack, unpack
from kscale.trees import leaves_by_path, nest

_BLOCK = 64


class _Symbols(NamedTuple):
    kind: str
    alphabet: int
    numbers: np.ndarray  # flat


def encode_model(tree: Any) -> bytes:
    """Returns a rounded model as bytes; what is not rounded is cast to float16.

    Args:
      tree: from `quant.quantize` or `quant.quantize_gptq`; a plain dict of parameters
        is one of which nothing is rounded.

    Raises:
      ValueError: a number that float16 cannot hold.

    Example:
      >>> tree = quant.quantize(params, quant.Scheme(bits=4))
      >>> 8 * len(encode_model(tree)) < quant.stored_bits(tree)
      True
    """
    encoder, counts = Encoder(), _Counts()
    for leaf in _leaves(cast_rest(tree)).values():
        for kind, alphabet, numbers in _split(leaf):
            for start in range(0, len(numbers), _BLOCK):
                block = numbers[start : start + _BLOCK]
                encoder.write(block, counts.weights(kind, alphabet, len(block)))
                counts.add(kind, block)
    return encoder.finish()


def decode_model(data: bytes, like: Any) -> dict[str, Any]:
    """Returns the model that `encode_model` was given, as `quant.load_quantized` does.

    Args:
      data: from `encode_model`.
      like: a tree of the same shapes and scheme; its numbers do not matter.
    """
    decoder, counts, found = Decoder(data), _Counts(), {}
    for path, leaf in _leaves(like).items():
        parts = []
        for kind, alphabet, numbers in _split(leaf):
            read = np.zeros(len(numbers), np.uint8)
            for start in range(0, len(numbers), _BLOCK):
                size = min(_BLOCK, len(numbers) - start)
                block = decoder.read(counts.weights(kind, alphabet, size))
                read[start : start + size] = block
                counts.add(kind, block)
            parts.append(read)
        found[path] = _join(leaf, parts)
    return nest(found)


class _Counts:
    """How often each symbol of each kind came."""

    def __init__(self):
        self._weights: dict[str, np.ndarray] = {}

    def weights(self, kind: str, alphabet: int, rows: int) -> np.ndarray:
        """Returns the weights of the next symbols of a kind, a row each."""
        found = self._weights.setdefault(kind, np.ones(alphabet, np.int64))
        return np.tile(found, (rows, 1))

    def add(self, kind: str, block: np.ndarray) -> None:
        """Counts the symbols of a block."""
        found = self._weights[kind]
        found += 2 * np.bincount(block, minlength=len(found))


def _leaves(tree: Any) -> dict[str, Any]:
    return dict(sorted(leaves_by_path(tree, is_quantized).items()))


def _split(leaf: Any) -> Iterator[_Symbols]:
    """Yields what a leaf is made of, in an order that shapes alone decide."""
    if not is_quantized(leaf):
        yield from _split_halves("rest", np.asarray(leaf, np.float32).astype("<f2"))
        return
    bits = leaf.scheme.bits
    codes = np.asarray(unpack(leaf.codes, bits, leaf.shape))
    yield _Symbols(f"codes {bits}", 2**bits, codes.ravel())
    yield from _split_halves("scales", np.asarray(leaf.scales).astype("<f2"))
    if not leaf.scheme.symmetric:
        zeros = np.asarray(unpack(leaf.zeros, bits, leaf.scales.shape))
        yield _Symbols(f"zeros {bits}", 2**bits, zeros.ravel())


def _split_halves(kind: str, numbers: np.ndarray) -> Iterator[_Symbols]:
    halves = numbers.ravel().view(np.uint8).reshape(-1, 2)
    yield _Symbols(f"{kind}, high", 256, halves[:, 1])
    yield _Symbols(f"{kind}, low", 256, halves[:, 0])


def _join(leaf: Any, parts: list[np.ndarray]) -> Any:
    """Returns a leaf of the shape of another from its parts."""

    def floats(high: np.ndarray, low: np.ndarray) -> np.ndarray:
        return np.stack([low, high], axis=1).reshape(-1).view("<f2")

    if not is_quantized(leaf):
        return floats(*parts).reshape(np.shape(leaf)).astype(np.float32)
    codes, high, low, *zeros = parts
    bits = leaf.scheme.bits
    scales = jnp.asarray(floats(high, low).reshape(leaf.scales.shape))
    empty = jnp.zeros((0,), jnp.uint8)
    return Quantized(
        pack(jnp.asarray(codes), bits),
        scales,
        pack(jnp.asarray(zeros[0]), bits) if zeros else empty,
        leaf.shape,
        leaf.table,
        leaf.scheme,
    )
