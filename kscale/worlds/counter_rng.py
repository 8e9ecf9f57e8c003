"""Randomness by address: hashes and permutations evaluated at an index.

Nothing here has a state. The value for (key, index) is the same on every machine, in
every order and for every batch size, so a world of a hundred million people or an order
of ten billion visits is never stored, and workers agree without talking.
"""

import hashlib
import math
import operator

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_HALF = np.uint64(32)
_ROUNDS = 6


def mix64(x: np.ndarray) -> np.ndarray:
    """Scatters every bit of uint64 words: SplitMix64's finalizer, a bijection."""
    x = x ^ (x >> np.uint64(30))
    x *= _MIX_1
    x ^= x >> np.uint64(27)
    x *= _MIX_2
    x ^= x >> np.uint64(31)
    return x


def derive_key(*words: int | str) -> int:
    """Derives a hash key below 2^64 from whole numbers and names.

    Words are seeds (NumPy's numbers, too) and purposes ("visits"); different words give
    unrelated keys.
    """
    python = tuple(w if isinstance(w, str) else operator.index(w) for w in words)
    digest = hashlib.blake2b(repr(python).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def keyed_hash(key: int, *counters: np.ndarray | int) -> np.ndarray:
    """Hashes every combination of counters to a uniform 64-bit word.

    Args:
      key: from `derive_key`.
      *counters: integer arrays, such as people and exposures, that broadcast to the
        shape of the words, uint64.
    """
    shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
    word = np.full(1, key, np.uint64)
    for counter in counters:
        address = np.atleast_1d(np.asarray(counter)).astype(np.uint64) + np.uint64(1)
        word = mix64(address * _GOLDEN + word)
    return word.reshape(shape)


def scale_to_range(words: np.ndarray, n: np.ndarray | int) -> np.ndarray:
    """Scales uniform 64-bit words to uniform whole numbers in [0, n).

    Args:
      words: uint64 array; the upper half of each word is used.
      n: 1 to 2^32, one for all or an array that broadcasts.

    Returns:
      int64 array; no value is more likely than another by more than a share n/2^32.
    """
    scaled = (words >> _HALF) * np.asarray(n).astype(np.uint64)
    return (scaled >> _HALF).astype(np.int64)


class KeyedPermutation:
    """A pseudo-random bijection of {0, ..., n-1}, evaluated at any index.

    A Feistel network of six rounds permutes a x b numbers, with a the root of n rounded
    up and a x b less than n + a. The few that leave [0, n) walk on until they return,
    so neither cost nor memory depends on n.

    Args:
      n: size, 1 to 2^62.
      key: from `derive_key`.

    Example:
      >>> sorted(KeyedPermutation(5, key=1)(np.arange(5)).tolist())
      [0, 1, 2, 3, 4]

    Source: Black & Rogaway 2002, "Ciphers with Arbitrary Finite Domains".
    """

    def __init__(self, n: int, key: int):
        if not 1 <= n <= 2**62:
            raise ValueError(f"a permutation of n={n} elements: n must be 1 to 2^62")
        self.n = n
        low = math.isqrt(n - 1) + 1
        self._low, self._high = np.uint64(low), np.uint64(-(-n // low))
        self._keys = list(keyed_hash(key, np.arange(_ROUNDS)))

    def __call__(self, index: np.ndarray | int) -> np.ndarray:
        """Returns where each index goes: int64, of the shape of `index`."""
        index = np.asarray(index)
        if index.size and (index.min() < 0 or index.max() >= self.n):
            raise ValueError(
                f"index {index.min()}..{index.max()} is outside the permutation's"
                f" range 0..{self.n - 1}"
            )
        x = self._permute(index.astype(np.uint64).ravel())
        (outside,) = np.nonzero(x >= np.uint64(self.n))
        while outside.size:
            x[outside] = self._permute(x[outside])
            outside = outside[x[outside] >= np.uint64(self.n)]
        return x.astype(np.int64).reshape(index.shape)

    def _permute(self, x: np.ndarray) -> np.ndarray:
        """Permutes all a x b numbers: each round adds a hash of one half to the other.

        Unsigned numbers wrap, so the smaller of x and x - size is x modulo size for any
        x below 2 size.
        """
        high = x // self._low
        low = x - high * self._low
        for i in range(_ROUNDS):
            if i % 2:
                high += self._hash_half(low, i, self._high)
                np.minimum(high, high - self._high, out=high)
            else:
                low += self._hash_half(high, i, self._low)
                np.minimum(low, low - self._low, out=low)
        return high * self._low + low

    def _hash_half(self, half: np.ndarray, i: int, size: np.uint64) -> np.ndarray:
        """Hashes one half to numbers below the size of the other."""
        word = half ^ self._keys[i]
        word *= _MIX_1
        word ^= word >> np.uint64(29)
        word *= _MIX_2
        word >>= _HALF
        word *= size
        word >>= _HALF
        return word
