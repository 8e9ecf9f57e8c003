"""Bits of knowledge from losses, in float64.

The losses are the paper's own and stand in nats:

    p1  mean over people of -ln p(name), the name right after the end-of-text token
        (and the domain token, where documents open with one)
    p2  where the lists of values are given (bioS): mean over people of the sum over
        attributes of -ln p(value | name, attribute); where each attribute draws its
        own strings (bioD, `counts.diversity > 0`): mean over (person, attribute)
    p3  bioD only: mean over (person, attribute) for the first chunk of the value

Every formula is affine in the losses, so arrays with one loss per person are welcome:
the mean of the result is the result of the means. Nothing is clipped: a confidently
wrong model knows fewer than 0 bits.

Source: Allen-Zhu & Li 2024, sections 3 and 4.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from kscale.worlds import Bits, Counts

_LN2 = math.log(2.0)


def loss_units(counts: Counts) -> int:
    """Returns how many values of one person `p2` averages over: K for bioD, else 1."""
    return counts.attributes if counts.diversity else 1


def bits_from_losses(counts: Counts, p1: Any, p2: Any, p3: Any = 0.0) -> Bits:
    """Returns the bits of the world that a model with these losses holds, by part.

    With `k = loss_units(counts)`, `V` the bits of one person's values and `S` the bits
    of one free string:

        name      = N (log2 N0 - p1/ln 2)
        value     = N (V - k p2/ln 2)
        diversity = K D (S - log2 D - p3/ln 2)      0 where the lists are given

    Args:
      counts: the world's counts.
      p1: nats, float or [n]; at least ln N on average over the world.
      p2: nats, float or [n]; at least 0.
      p3: nats, float or [n]; at least 0, unused where the lists are given.

    Returns:
      Bits by part; arrays where the losses are arrays.

    Example:
      >>> world = Counts(100_000, 160_000_000, 6, 47.59162367189112)
      >>> bits_from_losses(world, p1=12.5, p2=3.3).total
      5205053.869005703

    Source: Allen-Zhu & Li 2024, Definitions 4.1 and 4.3.
    """
    name = counts.people * (math.log2(counts.name_space) - p1 / _LN2)
    value = counts.people * (counts.value_bits - loss_units(counts) * p2 / _LN2)
    drawn = math.log2(counts.diversity) if counts.diversity else 0.0
    free = counts.string_bits - drawn - p3 / _LN2
    return Bits(name, value, counts.attributes * counts.diversity * free)


def lower_bound_bits(counts: Counts, p1: Any, p2: Any, p3: Any = 0.0) -> Bits:
    """Returns the bits that any model with these losses must at least have, by part.

    `bits_from_losses` with N0 - N for N0 and T^L - D for T^L, the terms that vanish
    relative to the rest (`o(1)`, `o(K D)`) left out. It presumes N at least of order
    D log N.

    Args:
      counts: the world's counts. Where N = N0 or D = T^L the theorem says nothing of
        that part, and its bound is -inf.
      p1, p2, p3: nats, as in `bits_from_losses`.

    Source: Allen-Zhu & Li 2024, Theorem 3.2.
    """
    bits = bits_from_losses(counts, p1, p2, p3)
    # log2(N0 - N) - log2 N0, and the same for T^L and D: T^L itself may not fit a float
    name = counts.people * _log2_rest(counts.people / counts.name_space)
    strings = counts.attributes * counts.diversity
    if strings:
        strings *= _log2_rest(counts.diversity * 2.0**-counts.string_bits)
    return Bits(bits.name + name, bits.value, bits.diversity + strings)


def no_error_bits(counts: Counts) -> Bits:
    """Returns `lower_bound_bits` of a model without error: p1 = ln N, p2 = p3 = 0.

    Source: Allen-Zhu & Li 2024, Corollary 3.3.
    """
    return lower_bound_bits(counts, math.log(counts.people), 0.0, 0.0)


def partial_memorizer(
    counts: Counts, q_name: float, q_value: float, delta: float
) -> tuple[float, float, float]:
    """Returns the losses of a model that knows a part of a bioD world and guesses on.

    It gives the mass q_name evenly to the q_name N names that it knows and the rest
    evenly to all other names of the name space. Of the (person, attribute) pairs it
    knows the share q_value: there the true value has probability 1 - delta and all
    others share delta evenly. Elsewhere it guesses evenly. So

        p1 = q ln N + (1-q) ln((N0 - q N)/(1-q))                       q = q_name
        p2 = -q ln(1-delta) + (1-q) C ln D                             q = q_value
        p3 = -q ln(1-delta + delta (D^(C-1)-1)/(D^C-1)) + (1-q) ln D   q = q_value

    Args:
      counts: counts of a bioD world.
      q_name: share of the names known, 0 to 1.
      q_value: share of the values known, 0 to 1.
      delta: probability of a wrong value where it knows; 0 <= delta < 1.

    Returns:
      (p1, p2, p3) in nats.

    Raises:
      ValueError: the world has no strings of its own, or an argument is out of range.
    """
    strings, chunks = counts.diversity, counts.chunks
    if not strings or not chunks:
        raise ValueError(
            f"partial_memorizer: diversity={strings}, chunks={chunks}; both must be at "
            "least 1: give the counts of a bioD world"
        )
    if not (0 <= q_name <= 1 and 0 <= q_value <= 1 and 0 <= delta < 1):
        raise ValueError(
            f"partial_memorizer: q_name={q_name}, q_value={q_value}, delta={delta}; "
            "the shares lie in [0, 1] and delta in [0, 1)"
        )
    if delta and strings < 2:
        raise ValueError(
            f"partial_memorizer: delta={delta} with D={strings}; with one string there "
            "is no wrong value: give delta=0"
        )
    p1 = q_name * math.log(counts.people)
    if q_name < 1:
        others = counts.name_space - q_name * counts.people
        p1 += (1 - q_name) * math.log(others / (1 - q_name))
    shrink = float(strings) ** (1 - chunks)  # D^(1-C): D^C itself may overflow
    lucky = delta * (1 - shrink) / (strings - shrink) if delta else 0.0
    guess = (1 - q_value) * math.log(strings)
    p2 = -q_value * math.log1p(-delta) + chunks * guess
    return p1, p2, -q_value * math.log1p(lucky - delta) + guess


class TextBits(NamedTuple):
    """Bits of one biography that are no knowledge of the world.

    Attributes:
      templates: bits of the choice of sentence templates.
      order: bits of the order of the sentences.
      person: bits of the choice of the person.
    """

    templates: float
    order: float
    person: float

    @property
    def given_person(self) -> float:
        """Bits once the person is known: what a model cannot get below."""
        return self.templates + self.order


def irreducible_text_bits(templates: Sequence[int], people: int = 1) -> TextBits:
    """Returns the entropy of one biography once all knowledge is known, by part.

    `sum log2(templates of sentence i)`, `log2(number of sentences!)` and `log2 N`.

    Args:
      templates: for each sentence, the number of distinct templates; at least 1 each.
      people: N, at least 1.

    Example:
      >>> irreducible_text_bits([50] * 6).given_person
      43.35499023497802
    """
    if people < 1 or any(count < 1 for count in templates):
        raise ValueError(
            f"irreducible_text_bits: people={people}, templates={list(templates)}; all "
            "must be at least 1"
        )
    chosen = math.fsum(math.log2(count) for count in templates)
    order = math.log2(math.factorial(len(templates)))
    return TextBits(chosen, order, math.log2(people))


def _log2_rest(share: float) -> float:
    """`log2(1 - share)`; -inf where nothing is left, up to rounding."""
    return math.log1p(-share) / _LN2 if share < 1 - 1e-12 else -math.inf
