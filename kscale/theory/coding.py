"""Word lengths of prefix codes: what Kraft allows and what the best reach."""

import heapq
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kscale.theory.domain import inside, whole

Probabilities = Mapping[Any, Any]


def kraft_sum(lengths: ArrayLike, radix: int = 2) -> float:
    """sum_i radix^-length_i: a uniquely decodable code has at most 1.

    Args:
      lengths: of the words, at least 0; they need not be whole.
      radix: size of the code's alphabet.

    Returns:
      The sum.

    Raises:
      ValueError: for a negative length or a radix below 2.

    Example:
      >>> kraft_sum([1, 2, 3, 3])
      1.0

    Source: Kraft 1949, McMillan 1956; paper 000, section 2.
    """
    inside("lengths", lengths, "[0, inf]")
    whole("radix", radix, "[2, inf)")
    return math.fsum(np.ravel(float(radix) ** -np.asarray(lengths, float)))


def shannon_lengths(probabilities: Iterable[Any]) -> list[int]:
    """ceil(-log2 p_i), exactly: within one bit of the ideal, and Kraft's sum holds.

    Args:
      probabilities: above 0, sum to 1; fractions, strings such as "3/10", or numbers,
        which are read as the decimals they print as.

    Returns:
      Bits, whole, in the order given.

    Raises:
      ValueError: where they are no distribution or one of them is 0.

    Example:
      >>> shannon_lengths(["1/2", "3/10", "1/5"])
      [1, 2, 3]

    Source: Shannon 1948; T. Cover, J. Thomas, Elements of Information Theory, 2006,
    section 5.4.
    """
    shares = exact_shares(dict(enumerate(probabilities))).values()
    if not all(shares):
        raise ValueError("probabilities must be above 0: no word can be infinite")
    return [least_bits(share) for share in shares]


def optimal_lengths(probabilities: Iterable[Any]) -> list[int]:
    """Word lengths of an optimal prefix code (Huffman's).

    Args:
      probabilities: as in `shannon_lengths`; 0 is allowed.

    Returns:
      Bits, whole, in the order given.

    Raises:
      ValueError: where they are no distribution.

    Example:
      >>> optimal_lengths(["1/2", "3/10", "1/5"])
      [1, 2, 2]

    Source: D. Huffman 1952.
    """
    shares = list(exact_shares(dict(enumerate(probabilities))).values())
    lengths = [0] * len(shares)
    heap = [(share, i, [i]) for i, share in enumerate(shares)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (p, i, left), (q, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (p + q, i, left + right))
    return lengths


def exact_shares(probabilities: Probabilities) -> dict[Any, Fraction]:
    """Fractions that sum to 1 exactly: decimals taken at their word, then scaled."""
    shares = {symbol: _exact(p) for symbol, p in probabilities.items()}
    total = sum(shares.values())
    if min(shares.values(), default=-1) < 0 or abs(total - 1) > Fraction(1, 10**6):
        listed = ", ".join(f"{s!r}: {p}" for s, p in probabilities.items())
        raise ValueError(f"probabilities must be at least 0 and sum to 1, got {listed}")
    return {symbol: share / total for symbol, share in shares.items()}


def _exact(probability: Any) -> Fraction:
    try:
        return Fraction(str(probability))
    except (ValueError, ZeroDivisionError):
        rule = "must be numbers or fractions such as '3/10'"
        raise ValueError(f"probabilities {rule}, got {probability!r}") from None


def least_bits(share: Fraction) -> int:
    """ceil(-log2 share), exactly."""
    return (math.ceil(1 / share) - 1).bit_length()
