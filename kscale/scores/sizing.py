"""Worlds that fill a model to a stated share, and models for a world.

A world of N people holds `N log2(N0/N) + N value_bits + K D (log2 T^L - log2 D)` bits;
a model of P parameters, bits_per_param P at most. "Trained to x % of its capacity" is
the world whose bits are x % of the model's. Measure bits_per_param by the same training
on a world that is larger than the model.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kscale.scores.known_bits import parameters_for

if TYPE_CHECKING:
    from kscale.worlds.entropy import Counts

_LN2 = math.log(2.0)


def people_for(counts: "Counts", bits: float) -> int:
    """The largest number of people whose world holds at most so many bits.

    One more person adds `log2(N0/N) + value_bits - log2 e` bits, to first order, so the
    bits rise up to N0 2^value_bits/e people, and names run out at N0: the answer is
    bisected below both.

    Args:
      counts: of a world of this law; its number of people does not matter.
      bits: what the world shall hold, by the maxima of Definitions 4.1 and 4.3.

    Returns:
      N, at least 1: N people hold at most `bits`, N + 1 hold more.

    Raises:
      ValueError: one person already holds more, or all the people that the name space
        has room for hold less.

    Example:
      >>> people_for(Counts(1, 160_000_000, 6, 47.59162367189112), bits=5_823_548)
      100000

    Source: paper 002, Definitions 4.1 and 4.3.
    """
    most = _most_people(counts)
    least_bits, most_bits = world_bits(counts, 1), world_bits(counts, most)
    if not least_bits <= bits <= most_bits:
        raise ValueError(
            f"people_for: bits={bits:.6g}, but a world of this law holds from "
            f"{least_bits:.6g} (1 person) to {most_bits:.6g} ({most} people): "
            + (
                "take a larger model or a smaller law"
                if bits < least_bits
                else "lengthen the lists of names or values"
            )
        )
    enough, too_many = 1, most + 1
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if world_bits(counts, middle) <= bits:
            enough = middle
        else:
            too_many = middle
    return enough


def world_bits(counts: "Counts", people: int) -> float:
    """Bits of the world of these counts with another number of people."""
    return dataclasses.replace(counts, people=people).bits_max().total


def world_for_model(
    counts: "Counts", parameters: int, bits_per_param: float, share: float = 1.0
) -> int:
    """How many people fill a model to a share of its capacity.

    Args:
      counts: of a world of this law; its number of people does not matter.
      parameters: P.
      bits_per_param: R, what a model that is trained alike holds at most.
      share: of the capacity R P, above 0; 1.2 is a fifth more than it can hold.

    Returns:
      `people_for(counts, share R P)`.

    Raises:
      ValueError: P, R or the share is not above 0, or no world of this law has so few
        or so many bits.

    Example:
      >>> law = Counts(1, 160_000_000, 6, 47.59162367189112)
      >>> [world_for_model(law, 29_000, 2.0, share) for share in (0.5, 1.0, 1.2)]
      [438, 891, 1074]

    Source: paper 000, table 2 (50, 90, 100 and 120 % of a model's capacity).
    """
    _check_above_zero("world_for_model", parameters, bits_per_param, share)
    return people_for(counts, share * bits_per_param * parameters)


def share_of_capacity(
    counts: "Counts", parameters: int, bits_per_param: float
) -> float:
    """Which share of a model's capacity R P the bits of a world are.

    Args:
      counts: of the world.
      parameters: P.
      bits_per_param: R, what a model that is trained alike holds at most.

    Returns:
      The share; above 1 the world does not fit.

    Raises:
      ValueError: P or R is not above 0.

    Example:
      >>> law = Counts(891, 160_000_000, 6, 47.59162367189112)
      >>> round(share_of_capacity(law, 29_000, 2.0), 2)
      1.0
    """
    _check_above_zero("share_of_capacity", parameters, bits_per_param)
    return counts.bits_max().total / (bits_per_param * parameters)


def model_for_world(
    counts: "Counts",
    bits_per_param: float,
    share: float,
    candidates: Mapping[str, int],
) -> str:
    """The smallest model of which a world takes no more than a share of the capacity.

    Args:
      counts: of the world.
      bits_per_param: R, what models that are trained alike hold at most.
      share: of the capacity R P, above 0.
      candidates: P of each model by its name.

    Returns:
      The name of the smallest candidate with `share R P >= bits`; of equals, the first.

    Raises:
      ValueError: no candidate is large enough, or a number is not above 0.

    Example:
      >>> law = Counts(1000, 160_000_000, 6, 47.59162367189112)
      >>> model_for_world(law, 2.0, 1.0, {"s": 20_000, "m": 40_000, "l": 80_000})
      'm'
    """
    _check_above_zero("model_for_world", bits_per_param, share, *candidates.values())
    bits = counts.bits_max().total
    least = parameters_for(bits, share * bits_per_param)
    enough = {name: size for name, size in candidates.items() if size >= least}
    if not enough:
        largest = max(candidates.values(), default=0)
        raise ValueError(
            f"model_for_world: {bits:.6g} bits at {share:g} of {bits_per_param:g} bits "
            f"per parameter need {math.ceil(least)} parameters; the largest of "
            f"{len(candidates)} candidates has {largest}: take fewer people or offer a "
            "larger model"
        )
    return min(enough, key=lambda name: enough[name])


def _most_people(counts: "Counts") -> int:
    """Up to so many people, each adds bits."""
    # In logarithms: 2^value_bits need not fit a float.
    turn = math.log(counts.name_space) + counts.value_bits * _LN2 - 1
    if turn >= math.log(counts.name_space):
        return counts.name_space
    return max(1, math.floor(math.exp(turn)))


def _check_above_zero(what: str, *numbers: float) -> None:
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        raise ValueError(
            f"{what}: parameters, bits per parameter and shares must be finite and "
            f"above 0, got {', '.join(f'{number:g}' for number in numbers)}"
        )
