"""Word lengths of prefix codes: what Kraft allows and what the best reach."""

import heapq
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kscale.theory.checks import check_domain

Probabilities = Mapping[Any, Any]


@check_domain({"lengths": "[0, inf] of [...]", "radix": "integer [2, inf)"})
def kraft_sum(lengths: ArrayLike, radix: int = 2) -> float:
    """Returns sum_i radix^-length_i: at most 1 for a uniquely decodable code.

    The lengths of the words need not be whole; the radix is the size of the alphabet.

    Example:
      >>> kraft_sum([1, 2, 3, 3])
      1.0

    Source: Kraft 1949, McMillan 1956; Pan et al. 2025, section 2.
    """
    return math.fsum(np.ravel(float(radix) ** -np.asarray(lengths, float)))


def shannon_lengths(probabilities: Iterable[Any]) -> list[int]:
    """Returns ceil(-log2 p_i), exactly: lengths that satisfy Kraft's inequality.

    Args:
      probabilities: above 0, sum to 1; fractions, strings such as "3/10", or numbers,
        which are read as the decimals they print as.

    Example:
      >>> shannon_lengths(["1/2", "3/10", "1/5"])
      [1, 2, 3]

    Source: Shannon 1948.
    """
    shares = exact_shares(dict(enumerate(probabilities))).values()
    if not all(shares):
        raise ValueError("probabilities must be above 0: drop what never occurs")
    return [least_bits(share) for share in shares]


def optimal_lengths(probabilities: Iterable[Any]) -> list[int]:
    """Returns the word lengths of an optimal prefix code (Huffman's), in bits.

    Probabilities are as in `shannon_lengths`; 0 is allowed.

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
    """Returns fractions that sum to 1 exactly, of decimals taken at their word."""
    shares = {symbol: _exact(p) for symbol, p in probabilities.items()}
    total = sum(shares.values())
    if min(shares.values(), default=-1) < 0 or abs(total - 1) > Fraction(1, 10**6):
        raise ValueError(
            f"probabilities of sum {float(total):.7g} must sum to 1, and each be at"
            f" least 0: divide them by their sum"
        )
    return {symbol: share / total for symbol, share in shares.items()}


def _exact(probability: Any) -> Fraction:
    """Returns the fraction that a number or a text such as "3/10" is."""
    try:
        return Fraction(str(probability))
    except (ValueError, ZeroDivisionError):
        rule = "must be a number or a fraction: write it as 0.3 or '3/10'"
        raise ValueError(f"probability={probability!r} {rule}") from None


def least_bits(share: Fraction) -> int:
    """Returns ceil(-log2 share), exactly."""
    return (math.ceil(1 / share) - 1).bit_length()
