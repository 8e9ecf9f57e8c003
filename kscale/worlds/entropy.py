"""The bits that a world holds, from the numbers that the capacity formulas need.

Source: Allen-Zhu & Li 2024, Proposition 2.3 and Definitions 4.1 and 4.3.
"""

import dataclasses
import math

_LN2 = math.log(2.0)


@dataclasses.dataclass(frozen=True)
class Bits:
    """Bits of knowledge by part: who exists, what is true of them, from which strings.

    Attributes:
      name: bits that say which N of the N0 possible names exist.
      value: bits that say every attribute of every person.
      diversity: bits that say which D strings each attribute draws from (bioD); 0
        where the lists of values are given.
    """

    name: float
    value: float
    diversity: float

    @property
    def total(self) -> float:
        """Sum of the three parts."""
        return self.name + self.value + self.diversity


@dataclasses.dataclass(frozen=True)
class Counts:
    """The counts of a world that Definitions 4.1 and 4.3 speak of.

    Attributes:
      people: N.
      name_space: N0, the number of possible names.
      attributes: K, the number of attributes that count as knowledge.
      value_bits: bits of all attributes of one person: `log2 S0` (bioS, 47.59 with
        the published lists) or `K C log2 D` (bioD).
      diversity: D, the number of strings that each attribute of a bioD world draws
        from; 0 where the lists are given and cost nothing.
      chunks: C, strings in one bioD value; 0 where the lists are given.
      string_bits: `L log2 T`, the bits of one freely chosen bioD string.
    """

    people: int
    name_space: int
    attributes: int
    value_bits: float
    diversity: int = 0
    chunks: int = 0
    string_bits: float = 0.0

    def bits_max(self, exact: bool = False) -> Bits:
        """Returns the bits that describe the whole world.

        Args:
          exact: False gives the maxima of Definitions 4.1 and 4.3,
            `N log2(N0/N) + N value_bits + K D (L log2 T - log2 D)`, the numerator of
            R_max. True gives Proposition 2.3,
            `log2 binom(N0, N) + N value_bits + K log2 binom(T^L, D)`: the length of
            a list in which neither names nor strings have an order. It is
            larger by about `(N + K D) log2 e`, which the approximation drops.
        """
        value = self.people * self.value_bits
        if exact:
            name = log2_binomial(math.log(self.name_space), self.people)
            strings = log2_binomial(self.string_bits * _LN2, self.diversity)
        else:
            name = self.people * math.log2(self.name_space / self.people)
            each = self.string_bits - math.log2(self.diversity or 1)
            strings = self.diversity * each
        return Bits(name, value, self.attributes * strings)


def log2_binomial(ln_n: float, k: int) -> float:
    """Returns `log2 binom(n, k)` for an `n` given as its logarithm.

    Beyond 2^52 the factors n, n-1, ..., n-k+1 are equal to n in float64 as long as k^2
    is far below n, which the correction `-k(k-1)/2n` keeps right to first order.

    Args:
      ln_n: natural logarithm of n; `k <= n`.
      k: a whole number of at least 0.
    """
    if k == 0:
        return 0.0
    if ln_n < 36.0:  # n is a whole number that float64 holds exactly
        n = float(round(math.exp(ln_n)))
        nats = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        if k < 1e-3 * n:  # the two large terms cancel: expand them by Stirling's series
            m = n - k
            stirling = (1 / n - 1 / m) / 12 - (1 / n**3 - 1 / m**3) / 360
            falling = k * math.log(n) - (m + 0.5) * math.log1p(-k / n) - k + stirling
            nats = falling - math.lgamma(k + 1)
        return nats / _LN2
    shrink = k * (k - 1) / 2 * math.exp(-ln_n)
    return (k * ln_n - shrink - math.lgamma(k + 1)) / _LN2
