"""The person of each visit, by address: draws from a law without a list of them."""

import functools
from collections.abc import Callable

import numpy as np

from kscale.worlds.chinese_restaurant import Restaurant
from kscale.worlds.counter_rng import keyed_hash
from kscale.worlds.frequency import Law

_BITS = 53  # of a uniform number
_MAX_GUIDE = 22
_BLOCK = 2**15


class Visits:
    """Visits 0 to total-1 of a law; made by `draw_visits`.

    Attributes:
      people: N, how many can be visited.
      total: how many visits there are.
    """

    def __init__(
        self,
        people: int,
        total: int,
        draw: Callable[[np.ndarray], np.ndarray],
        frequencies: np.ndarray | None,
    ):
        self.people, self.total = people, total
        self._draw, self._frequencies = draw, frequencies

    def __call__(self, index: np.ndarray) -> np.ndarray:
        """Returns int64 [n], 0 to people-1: the person of each visit 0 to total-1.

        They are the same in whatever batches they are asked for.
        """
        index = np.asarray(index)
        if index.size and not (index.min() >= 0 and index.max() < self.total):
            raise ValueError(
                f"visit {index.min()}..{index.max()} is outside 0..{self.total - 1}"
            )
        return self._draw(index)

    def counts(self) -> np.ndarray:
        """Returns int64 [people]: how often each person is visited, exactly."""
        return self._counts.copy()

    @property
    def frequencies(self) -> np.ndarray:
        """float64 [people], of sum 1: the chances; a restaurant's are its counts'."""
        if self._frequencies is None:
            return self._counts / self.total
        return self._frequencies

    @functools.cached_property
    def _counts(self) -> np.ndarray:
        counts = np.zeros(self.people, np.int64)
        for first in range(0, self.total, _BLOCK):
            people = self._draw(np.arange(first, min(first + _BLOCK, self.total)))
            np.add.at(counts, people, 1)
        return counts


def draw_visits(
    law: Law,
    people: int,
    total: int,
    seed: int,
    key: int,
    subset: np.ndarray | None = None,
) -> Visits:
    """Draws visits to the people of a world by a law.

    Args:
      law, people, seed: of the world; the seed is of the Pitman-Yor weights.
      total: how many visits, at least 1.
      key: of the draws, from `derive_key`.
      subset: int [n], the people who can be visited; everybody by default. Their
        chances are divided by the sum, and a visit gives the place in `subset`.

    Returns:
      Visits. "exact" takes people in turn. In a restaurant they are numbered in the
      order of their first visit. Weights are kept for all who can be visited (24 bytes
      each), a restaurant's tables for all visits; "exact" keeps nothing.

    Raises:
      ValueError: nobody of the subset has a chance to be visited; a restaurant has more
        tables than people.

    Example:
      >>> draw_visits(Law(), people=3, total=7, seed=0, key=0).counts().tolist()
      [3, 2, 2]
    """
    if total < 1:
        raise ValueError(f"total={total} visits: it must be at least 1")
    number = people if subset is None else len(subset)
    if law.kind == "restaurant":
        restaurant = Restaurant(law.discount, law.concentration, total, key, number)
        return Visits(number, total, restaurant, None)
    if law.kind == "exact":
        chances = np.full(number, 1 / number)
        return Visits(number, total, lambda v: v.astype(np.int64) % number, chances)
    chances = law.frequencies(people, seed)
    assert chances is not None, "only a restaurant has no frequencies"
    if subset is not None:
        chances = chances[subset]
        if not chances.any():
            raise ValueError(
                f"law.kind={law.kind} must give one of the {number} people of the"
                f" subset a weight above 0: none of them can be visited"
            )
        chances = chances / chances.sum()
    return Visits(number, total, _InverseTable(chances, key), chances)


class _InverseTable:
    """The inverse of a distribution function, tabulated in 53 bits.

    A guide says where the search may begin for each value of the uppermost bits, so a
    draw costs about two look-ups whatever the number of people. A person of chance
    below 2^-54 may never be drawn.
    """

    def __init__(self, chances: np.ndarray, key: int):
        self._key = key
        ends = np.cumsum(chances)
        self._ends = np.rint(ends / ends[-1] * 2.0**_BITS).astype(np.int64)
        bits = min(len(chances).bit_length(), _MAX_GUIDE)
        self._shift = np.uint64(_BITS - bits)
        starts = np.arange(2**bits + 1) << (_BITS - bits)
        guide = np.searchsorted(self._ends, starts, side="right")
        self._guide = np.minimum(guide, len(chances) - 1)

    def __call__(self, index: np.ndarray) -> np.ndarray:
        """Returns the first person whose end lies above the visit's uniform number."""
        point = keyed_hash(self._key, index) >> np.uint64(64 - _BITS)
        bucket = (point >> self._shift).astype(np.int64)
        point = point.astype(np.int64)
        low, high = self._guide.take(bucket), self._guide.take(bucket + 1)
        (undecided,) = np.nonzero(low < high)
        while undecided.size:
            middle = (low[undecided] + high[undecided]) >> 1
            above = self._ends.take(middle) > point[undecided]
            high[undecided[above]] = middle[above]
            low[undecided[~above]] = middle[~above] + 1
            undecided = undecided[low[undecided] < high[undecided]]
        return low
