"""From a score table to bits: the capacity ratio of a model and how sure it is.

Symbols are those of paper 002; axes: n people in the table.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kscale.scores.known_bits import (
    bits_from_losses,
    loss_units,
    lower_bound_bits,
)
from kscale.scores.labels import (
    VALUE,
    Label,
    check_bound,
    check_table,
    columns,
    mean_error,
    rightness,
    unasked,
)
from kscale.scores.table import ScoreTable

if TYPE_CHECKING:
    from kscale.worlds.entropy import Bits, Counts


@dataclasses.dataclass(frozen=True)
class Errors:
    """Standard errors in bits, of each part and of their sum (the parts covary)."""

    name: float
    value: float
    diversity: float
    total: float


@dataclasses.dataclass(frozen=True, eq=False)
class Capacity:
    """How much of a world a model holds.

    Attributes:
      parameters: P, every trainable parameter once, the embedding for usable tokens.
      people: n, people scored.
      population: N, people in the world.
      p1: mean nats of a name.
      p2: mean nats of a person's values, summed over attributes (bioS), or of one
        attribute's value (bioD).
      p3: mean nats of a value's first chunk (bioD), 0 otherwise.
      bits: bits held, by part; may be negative.
      bits_max: bits in the world, by part.
      lower_bound: bits that the model must at least have by Theorem 3.2, by part.
      sampling_error: standard errors of `bits` as estimates of what the whole world's
        table would say: 0 for a whole world.
      people_error: standard errors of `bits` as estimates over worlds drawn by the
        same law, this one's people being the sample.
      bits_per_person: float64 [n], each person's share; N times its mean is
        `bits.total`. Negative where the model is confidently wrong; never clipped.
      accuracy: share of people whose whole piece is greedily right given the true text
        before it (memorizable accuracy): "name", each attribute, each derived fact.
      accuracy_error: standard errors of `accuracy` from sampling.
    """

    parameters: int
    people: int
    population: int
    p1: float
    p2: float
    p3: float
    bits: "Bits"
    bits_max: "Bits"
    lower_bound: "Bits"
    sampling_error: Errors
    people_error: Errors
    bits_per_person: np.ndarray
    accuracy: dict[str, float]
    accuracy_error: dict[str, float]

    @property
    def bits_per_param(self) -> float:
        """R, the capacity ratio."""
        return self.bits.total / self.parameters

    @property
    def max_bits_per_param(self) -> float:
        """R_max, the ratio of a model that knows everything."""
        return self.bits_max.total / self.parameters

    def summary(self) -> dict[str, Any]:
        """What belongs in a result row, as plain finite numbers."""
        parts = ("name", "value", "diversity", "total")
        row: dict[str, Any] = {
            "bits_per_param": self.bits_per_param,
            "max_bits_per_param": self.max_bits_per_param,
        }
        for what in ("parameters", "people", "population", "p1", "p2", "p3"):
            row[what] = getattr(self, what)
        for what in ("bits", "bits_max", "sampling_error", "people_error"):
            row[what] = {
                part: float(getattr(getattr(self, what), part)) for part in parts
            }
        return row | {
            "accuracy": dict(self.accuracy),
            "accuracy_error": dict(self.accuracy_error),
        }


def measure_capacity(
    counts: "Counts", labels: Sequence[Label], table: ScoreTable, parameters: int
) -> Capacity:
    """The capacity ratio `R = bits/P` of the model that made a score table.

    The bits are `bits_from_losses` of the mean losses. It is affine in them, so the
    delta method is exact: with b_i what person i's losses alone would make of the
    world's bits, the standard error of `bits` is sd(b)/sqrt(n), times sqrt(1 - n/N)
    where the n people estimate their own world of N.

    Args:
      counts: the world's counts.
      labels: the corpus' labels, in the table's order.
      table: whom the model was scored on: the whole world, or a random sample of it.
      parameters: P, at least 1.

    Returns:
      Capacity; see there for units.

    Raises:
      ValueError: an empty table; labels that do not fit the table or the world; a piece
        of knowledge that was never written; losses that are not finite; more bits than
        the world has, which no model can hold: the score is wrong.

    Warns:
      UserWarning: a bioD world with D > N C, whose formula credits strings that were
        never shown.

    Example:
      >>> known = measure_capacity(world.counts, corpus.labels, table, 62_900)
      >>> known.bits_per_param, known.max_bits_per_param

    Source: paper 002, Definitions 4.1 and 4.3; accuracy as in appendix A.2.
    """
    if parameters < 1:
        raise ValueError(
            f"capacity: parameters={parameters}; must be at least 1: give P of the "
            "model that was scored"
        )
    check_table(counts, labels, table, "measure_capacity")
    if counts.diversity > counts.people * counts.chunks:
        warnings.warn(
            f"D={counts.diversity} strings per attribute, but only N C="
            f"{counts.people * counts.chunks} are drawn: the bits credit strings that "
            "were never shown; read the diversity part with care",
            stacklevel=2,
        )
    losses = _losses(counts, labels, table)
    p1, p2, p3 = (float(loss.mean()) for loss in losses)
    check_bound(losses, counts.people)
    each = bits_from_losses(counts, *losses)
    right = {
        piece: hit[~np.isnan(hit)]
        for piece, hit in rightness(labels, table, "name", *VALUE, "derived").items()
    }
    rest = unasked(len(table.people), counts.people)
    return Capacity(
        parameters=parameters,
        people=len(table.people),
        population=counts.people,
        p1=p1,
        p2=p2,
        p3=p3,
        bits=bits_from_losses(counts, p1, p2, p3),
        bits_max=counts.bits_max(),
        lower_bound=lower_bound_bits(counts, p1, p2, p3),
        sampling_error=_errors(each, rest),
        people_error=_errors(each, 1.0),
        bits_per_person=np.asarray(each.total) / counts.people,
        accuracy={what: float(hit.mean()) for what, hit in right.items()},
        accuracy_error={what: mean_error(hit, rest) for what, hit in right.items()},
    )


def _losses(
    counts: "Counts", labels: Sequence[Label], table: ScoreTable
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each person's p1, p2, p3: float64 [n] each."""

    def total(*kinds: str) -> np.ndarray:
        return table.nats[:, columns(labels, *kinds)].sum(axis=1)

    values = total(*VALUE) / loss_units(counts)
    return total("name"), values, total("value1") / counts.attributes


def _errors(each: "Bits", rest: float) -> Errors:
    """Standard errors of per-person bits, by part."""
    parts = ("name", "value", "diversity", "total")
    bits = {part: np.asarray(getattr(each, part)) for part in parts}
    n = len(bits["total"])
    spread = {k: mean_error(np.broadcast_to(b, (n,)), rest) for k, b in bits.items()}
    return Errors(**spread)
