"""Arithmetic codes: any predictor compresses to within two bits of its loss.

Intervals are exact fractions: a code word that is wrong in the last place is another
message. A source is a mapping of symbols to probabilities in the order of the alphabet,
or a function of the symbols so far that returns one, as a language model is.
"""

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from kscale.theory.checks import check_domain
from kscale.theory.coding.prefix_codes import Probabilities, exact_shares, least_bits

Source = Probabilities | Callable[[Sequence[Hashable]], Probabilities]
_MOST_MESSAGES = 100_000


class Code(NamedTuple):
    """The arithmetic code of one message.

    Attributes:
      low, high: ends of its interval, exact; high - low is the message's probability.
      point: shortest binary fraction inside, the digits after "0.": the paper's rule.
      dyadic: shortest word whose every continuation lies inside: prefix-free.
      ideal_bits: -log2 of the probability.
    """

    low: Fraction
    high: Fraction
    point: str
    dyadic: str
    ideal_bits: float


class ExpectedLengths(NamedTuple):
    """Lengths of `arithmetic_code` over all messages of n symbols.

    Attributes:
      n: symbols in a message.
      entropy: bits in a message, the lower bound for decodable codes.
      point: expected length of the paper's rule; it may lie below the entropy, since
        the words are no code unless their ends are marked.
      dyadic: expected length of the prefix-free words.
      overhead_point, overhead_dyadic: the most bits by which a word exceeds its ideal
        length; below 2 for the prefix-free words.
      kraft_point, kraft_dyadic: sum of 2^-length; above 1 there is no decoder.
    """

    n: int
    entropy: float
    point: float
    dyadic: float
    overhead_point: float
    overhead_dyadic: float
    kraft_point: float
    kraft_dyadic: float


def arithmetic_code(message: Sequence[Hashable], source: Source) -> Code:
    """Returns the interval, shortest point and prefix-free word of a message.

    Each symbol narrows the interval, first [0, 1), to its share of it. One that is
    unknown or has no probability is refused.

    Example:
      >>> code = arithmetic_code("AB", {"A": "1/2", "B": "3/10", "C": "1/5"})
      >>> float(code.low), float(code.high), code.point, code.dyadic
      (0.25, 0.4, '01', '010')

    Source: Pan et al. 2025, example A.1, whose rule ("01") is not uniquely decodable:
    "01" begins the words of other messages. A whole dyadic interval inside makes it so.
    """
    following = _following(source)
    low, width = Fraction(0), Fraction(1)
    for i, symbol in enumerate(message):
        shares = following(message[:i])
        if not shares.get(symbol):
            known = ", ".join(str(other) for other, share in shares.items() if share)
            rule = f"must be one of {known}: extend the source"
            raise ValueError(f"message[{i}]={symbol!r} {rule}")
        for other, share in shares.items():
            if other == symbol:
                width *= share
                break
            low += width * share
    ends = low, low + width
    return Code(*ends, shortest_point(*ends), dyadic_word(*ends), _bits(width))


@check_domain({"length": "integer [0, inf)"})
def arithmetic_decode(word: str, length: int, source: Source) -> tuple:
    """Returns the message of `length` symbols that was encoded with the same source.

    The word, digits 0 and 1 after "0.", may be that of either rule: any fraction in the
    interval of the message.

    Example:
      >>> arithmetic_decode("010", 2, {"A": "1/2", "B": "3/10", "C": "1/5"})
      ('A', 'B')

    Source: Pan et al. 2025, appendix A.
    """
    if set(word) - {"0", "1"}:
        raise ValueError(f"word={word!r} must be digits 0 and 1: drop all others")
    value = Fraction(int(word or "0", 2), 2 ** len(word))
    message: tuple = ()
    following = _following(source)
    for _ in range(length):
        for symbol, share in following(message).items():
            if value < share:
                value /= share
                message += (symbol,)
                break
            value -= share
    return message


def shortest_point(low: Fraction, high: Fraction) -> str:
    """Returns the digits of the shortest binary fraction in [low, high) of [0, 1).

    Of several shortest fractions it is the least.

    Example:
      >>> shortest_point(Fraction(1, 4), Fraction(2, 5))
      '01'

    Source: Pan et al. 2025, example A.1.
    """
    return _shortest(low, high, open_end=True)


def dyadic_word(low: Fraction, high: Fraction) -> str:
    """Returns the shortest word w such that all fractions 0.w... lie in [low, high).

    Words of disjoint intervals are prefix-free. A word has less than two bits more than
    -log2(high - low): of width 2^-k, every interval that holds two such steps holds
    one between multiples of 2^-k. The word is empty for [0, 1).

    Example:
      >>> dyadic_word(Fraction(1, 4), Fraction(2, 5))
      '010'

    Source: P. Elias, in N. Abramson, Information Theory and Coding, 1963.
    """
    return _shortest(low, high, open_end=False)


@check_domain({"n": "integer [0, inf)"})
def expected_lengths(source: Source, n: int) -> ExpectedLengths:
    """Returns the lengths of the two rules over all messages of n symbols.

    Beyond 100,000 messages it is a `ValueError`.

    Example:
      >>> expected_lengths({"A": "1/2", "B": "3/10", "C": "1/5"}, 2).dyadic
      3.45

    Source: Pan et al. 2025, example A.1, over all messages.
    """
    widths, words = [], []
    for low, width in _messages(source, n):
        widths.append(width)
        words.append((shortest_point(low, low + width), dyadic_word(low, low + width)))
    ideal = list(map(_bits, widths))
    entropy = math.fsum(float(w) * bits for w, bits in zip(widths, ideal, strict=True))
    rules = [list(map(len, rule)) for rule in zip(*words, strict=True)]
    means = [float(sum(map(operator.mul, widths, lengths))) for lengths in rules]
    over = [max(map(operator.sub, lengths, ideal)) for lengths in rules]
    kraft = [float(sum(Fraction(1, 2**k) for k in lengths)) for lengths in rules]
    return ExpectedLengths(n, entropy, *means, *over, *kraft)


def _messages(source: Source, n: int) -> Iterable[tuple[Fraction, Fraction]]:
    """Returns (low, width) of every message of n symbols that can occur."""
    following = _following(source)
    front: list[tuple[tuple, Fraction, Fraction]] = [((), Fraction(0), Fraction(1))]
    for _ in range(n):
        longer = []
        for message, low, width in front:
            for symbol, share in following(message).items():
                if share:
                    longer.append(((*message, symbol), low, width * share))
                low += width * share
            if len(longer) > _MOST_MESSAGES:
                rule = f"must leave {_MOST_MESSAGES} messages at most: take fewer"
                raise ValueError(f"n={n} {rule} symbols")
        front = longer
    return ((low, width) for _, low, width in front)


def _following(source: Source) -> Callable[[Sequence[Hashable]], dict[Any, Fraction]]:
    """Returns the exact probabilities of the next symbol, after any message."""
    if callable(source):
        return lambda message: exact_shares(source(message))
    shares = exact_shares(source)
    return lambda message: shares


def _shortest(low: Fraction, high: Fraction, open_end: bool) -> str:
    """Returns the first grid point, or grid interval unless `open_end`, inside."""
    if not 0 <= low < high <= 1:
        raise ValueError(f"[{low}, {high}) must be an interval in [0, 1): widen it")
    # a dyadic interval inside is no wider than the whole; a point can be short by luck
    bits = 1 if open_end else least_bits(high - low)
    while True:
        k = math.ceil(low * 2**bits)
        if k < high * 2**bits if open_end else k + 1 <= high * 2**bits:
            return f"{k:0{bits}b}" if bits else ""
        bits += 1


def _bits(share: Fraction) -> float:
    """Returns -log2 of a fraction that a float may not hold."""
    return math.log2(share.denominator) - math.log2(share.numerator)
