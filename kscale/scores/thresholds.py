"""How often a person must be met to be known: accuracy against count, and its steps.

Accuracy rises with the count, whatever the model; so it is fitted by the best rising
step function, without any other shape. Axes: n people.
"""

from typing import TypedDict

import numpy as np
from scipy import optimize

from kscale.scores.by_frequency import check_each
from kscale.scores.capacity import share_error

_MARGIN = 0.05  # above a blind guess: up to there, answers are called guessed
_BINS = 16  # of the curve
_TIE = 1e-12  # pooled means that are equal but for rounding


class Threshold(TypedDict):
    """Where people begin to be known, and the curve that shows it.

    Attributes:
      share: accuracy that counts as learnt.
      learnt: the smallest count at which the rising accuracy is `share` or more; None
        if it never is.
      floor: accuracy below which answers are as good as guessed.
      guessed: the hallucination threshold, the largest count below which the rising
        accuracy stays under the floor: answers about people met fewer times are
        guesses. None if it stays under the floor for all counts.
      visits: mean count of each bin of the curve, rising.
      accuracy: mean accuracy of each bin, as measured: not made to rise.
      people: how many are in each bin.
      error: of each bin's accuracy, half of Wilson's interval (`share_error`).
    """

    share: float
    learnt: float | None
    floor: float
    guessed: float | None
    visits: list[float]
    accuracy: list[float]
    people: list[int]
    error: list[float]


def find_threshold(
    visits: np.ndarray, right: np.ndarray, share: float = 0.5, *, ignorant: float = 0.0
) -> Threshold:
    """Finds the smallest count learnt, and the count below which all is guessed.

    The accuracy that rises is `rising_accuracy`. The bins of the curve are geometric:
    those never seen, then 16 of equal width in the logarithm; empty ones are left out.

    Args:
      visits: [n], how often each person was seen, at least 0; of one table's people, or
        of several tables'.
      right: [n], whether a person's knowledge is right, or which share of it; as
        `person_accuracy(labels, table)`.
      share: accuracy that counts as learnt, above 0, at most 1.
      ignorant: accuracy of a model that has met nobody, 0 to 1: for several attributes
        the mean of their best guesses. Up to 0.05 more is called guessing.

    Raises:
      ValueError: nobody, arrays of different lengths, or a number out of range.

    Example:
      >>> found = find_threshold([1, 2, 3, 4], [0, 1, 0, 1])
      >>> found["learnt"], found["guessed"]
      (2.0, 2.0)

    Source: Pan et al. 2025, figure 2a (a model's threshold frequency).
    """
    visits, right = np.asarray(visits, np.float64), np.asarray(right, np.float64)
    counts, rising = rising_accuracy(visits, right)
    if not (0 < share <= 1 and 0 <= ignorant <= 1):
        raise ValueError(
            f"find_threshold: share={share}, ignorant={ignorant} must lie in (0, 1] "
            "and [0, 1]"
        )
    floor = ignorant + _MARGIN
    found: Threshold = {
        "share": share,
        "learnt": _first(counts, rising, share),
        "floor": floor,
        "guessed": _first(counts, rising, floor),
        "visits": [],
        "accuracy": [],
        "people": [],
        "error": [],
    }
    place = _bin(visits)
    for number in np.unique(place):
        of = place == number
        found["visits"].append(float(visits[of].mean()))
        found["accuracy"].append(float(right[of].mean()))
        found["people"].append(int(of.sum()))
        found["error"].append(share_error(right[of]))
    return found


def rising_accuracy(
    visits: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fits the rising function of the count that is nearest to people's accuracies.

    Least squares over all functions that never fall (pool adjacent violators). At each
    count c it is `max over a <= c of min over b >= c` of the mean of `right` over the
    people met a to b times.

    Args:
      visits: float [n], how often each person was seen.
      right: float [n], whether, or which share, each person's knowledge is right.

    Returns:
      (counts, accuracy): the distinct counts, rising, and the function there.

    Raises:
      ValueError: nobody, arrays of different lengths, or a number out of range.

    Example:
      >>> rising_accuracy(np.array([1, 2, 3, 4]), np.array([0, 1, 0, 1]))
      (array([1, 2, 3, 4]), array([0. , 0.5, 0.5, 1. ]))

    Source: M. Ayer et al. 1955.
    """
    if not visits.size:
        raise ValueError(
            "find_threshold: nobody was given; it takes the counts and accuracies of "
            "at least one person"
        )
    check_each("find_threshold", "visits", visits, visits.size)
    check_each("find_threshold", "right", right, visits.size)
    if (right > 1).any():
        raise ValueError(
            f"find_threshold: right reaches {right.max()}; it is a share of a "
            "person's knowledge, at most 1"
        )
    counts, place = np.unique(visits, return_inverse=True)
    people = np.bincount(place)
    mean = np.bincount(place, right) / people
    fitted = optimize.isotonic_regression(mean, weights=people.astype(np.float64))
    return counts, fitted.x


def _first(counts: np.ndarray, rising: np.ndarray, level: float) -> float | None:
    """The smallest count at which the rising function reaches a level."""
    reached = np.flatnonzero(rising >= level - _TIE)
    return float(counts[reached[0]]) if len(reached) else None


def _bin(visits: np.ndarray) -> np.ndarray:
    """int [n]: 0 for those never seen, else 1 to `_BINS`, even in the logarithm."""
    met = visits > 0
    place = np.zeros(len(visits), np.int64)
    if met.any():
        log = np.log(visits[met])
        width = (log.max() - log.min()) / _BINS or 1.0
        place[met] = 1 + np.minimum((log - log.min()) / width, _BINS - 1).astype(int)
    return place
