"""Worlds that fill a model to a stated share, and models for a world.

A world of N people holds `N log2(N0/N) + N value_bits + K D (log2 T^L - log2 D)` bits;
a model of P parameters, bits_per_param P at most. "Trained to x % of its capacity" is
the world whose bits are x % of the model's. Measure bits_per_param by the same training
on a world that is larger than the model.
"""

import dataclasses
import math
from collections.abc import Mapping

from kscale.worlds import Counts


def people_for_bits(counts: Counts, bits: float) -> int:
    """Returns the largest number of people whose world holds at most so many bits.

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
      >>> people_for_bits(Counts(1, 160_000_000, 6, 47.59162367189112), 5_823_548)
      100000

    Source: Allen-Zhu & Li 2024, Definitions 4.1 and 4.3.
    """

    def held(people: int) -> float:
        return dataclasses.replace(counts, people=people).bits_max().total

    most = counts.name_space
    # In logarithms: 2^value_bits need not fit a float.
    turn = math.log(most) + counts.value_bits * math.log(2.0) - 1
    if turn < math.log(most):
        most = max(1, math.floor(math.exp(turn)))
    least_bits, most_bits = held(1), held(most)
    if not least_bits <= bits <= most_bits:
        raise ValueError(
            f"people_for_bits: bits={bits:.6g}, but a world of this law holds from "
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
        if held(middle) <= bits:
            enough = middle
        else:
            too_many = middle
    return enough


def world_for_model(
    counts: Counts, parameters: int, bits_per_param: float, share: float = 1.0
) -> int:
    """Returns how many people fill a model to a share of its capacity.

    Args:
      counts: of a world of this law; its number of people does not matter.
      parameters: P.
      bits_per_param: R, what a model that is trained alike holds at most.
      share: of the capacity R P, above 0; 1.2 is a fifth more than it can hold.

    Returns:
      `people_for_bits(counts, share R P)`.

    Raises:
      ValueError: P, R or the share is not above 0, or no world of this law has so few
        or so many bits.

    Example:
      >>> law = Counts(1, 160_000_000, 6, 47.59162367189112)
      >>> [world_for_model(law, 29_000, 2.0, share) for share in (0.5, 1.0, 1.2)]
      [438, 891, 1074]

    Source: Pan et al. 2025, table 2 (50, 90, 100 and 120 % of a model's capacity).
    """
    numbers = (parameters, bits_per_param, share)
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        raise ValueError(
            f"world_for_model: parameters={parameters}, bits_per_param="
            f"{bits_per_param}, share={share} must be finite and above 0"
        )
    return people_for_bits(counts, share * bits_per_param * parameters)


def model_for_world(
    counts: Counts,
    candidates: Mapping[str, int],
    bits_per_param: float = 2.0,
    share: float = 1.0,
) -> str:
    """Returns the smallest model that a world fills to a share of its capacity at most.

    Args:
      counts: of the world.
      candidates: P of each model by its name.
      bits_per_param: R, what models that are trained alike hold at most: about 2 after
        1000 exposures, 1 after 100.
      share: of the capacity R P, above 0.

    Returns:
      The name of the smallest candidate with `share R P >= bits`; of equals, the first.

    Raises:
      ValueError: no candidate is large enough.

    Example:
      >>> law = Counts(1000, 160_000_000, 6, 47.59162367189112)
      >>> model_for_world(law, {"s": 20_000, "m": 40_000, "l": 80_000})
      'm'

    Source: Allen-Zhu & Li 2024, Result 1.
    """
    least = counts.bits_max().total / (share * bits_per_param)
    enough = {name: size for name, size in candidates.items() if size >= least}
    if not enough:
        raise ValueError(
            f"model_for_world: the world needs {math.ceil(least)} parameters at "
            f"share={share:g} of bits_per_param={bits_per_param:g}, the largest "
            f"candidate has {max(candidates.values(), default=0)}: take fewer people or"
            f" offer a larger model"
        )
    return min(enough, key=lambda name: enough[name])
