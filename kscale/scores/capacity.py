"""From a score table to bits: the capacity ratio of a model and how sure it is.

Symbols are those of Allen-Zhu & Li 2024; axes: n people in the table.
"""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from kscale.corpora import Label
from kscale.scores.known_bits import bits_from_losses, loss_units
from kscale.scores.labels import COST, VALUE, check_labels, columns, pieces, rightness
from kscale.scores.table import ScoreTable
from kscale.worlds import Bits, Counts

PARTS = ("name", "value", "diversity", "total")
_ROUNDING_NATS = 1e-3  # a float32 softmax loses 1e-6 a token; a wrong score, far more
_FEW = 30  # below so many people a standard error says little


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
        attribute's value (bioD). A fact told before the value that it gives away (the
        employer's city) is a part of what the value costs.
      p3: mean nats of a value's first chunk (bioD), 0 otherwise.
      bits: bits held, by part; may be negative.
      bits_max: bits in the world, by part.
      sampling_error: standard errors of `bits` as estimates of what the whole world's
        table would say in the same wordings: 0 for a whole world. The wording is left
        out: a person is scored in one text, and another `score.seed` draws another. To
        tell the two apart each person would be scored twice, in twice the time.
      people_error: standard errors of `bits` as estimates over worlds drawn by the
        same law, this one's people being the sample. It bounds what wording does: texts
        are drawn for each person apart, so over seeds the bits of the whole world have
        the variance sum_i Var(b_i | i), b_i in `bits_per_person`, and this error is the
        root of N Var(b), which has the differences of people besides. Of a mini model
        of 15,417 bits: sd 49 over 64 seeds, this error 105.
      bits_per_person: float64 [n], each person's share; N times its mean is
        `bits.total`. Negative where the model is confidently wrong; never clipped.
      accuracy: share of people whose whole piece is greedily right given the true text
        before it (memorizable accuracy): "name", each attribute, each derived fact.
        Of an attribute told by forms of reference (the pronoun), any form of the true
        value is right; a derived fact is judged where it is told before its attribute.
      accuracy_error: of `accuracy` from sampling, `share_error`: 0 for a whole world
        alone.
    """

    parameters: int
    people: int
    population: int
    p1: float
    p2: float
    p3: float
    bits: Bits
    bits_max: Bits
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
        """Returns what belongs in a result row, as plain finite numbers."""
        row: dict[str, Any] = {
            "bits_per_param": self.bits_per_param,
            "max_bits_per_param": self.max_bits_per_param,
        }
        for what in ("parameters", "people", "population", "p1", "p2", "p3"):
            row[what] = getattr(self, what)
        for what in ("bits", "bits_max", "sampling_error", "people_error"):
            bits = getattr(self, what)
            row[what] = {part: float(getattr(bits, part)) for part in PARTS}
        for what in ("accuracy", "accuracy_error"):
            row[what] = dict(getattr(self, what))
        return row


def measure_capacity(
    counts: Counts, labels: Sequence[Label], table: ScoreTable, parameters: int
) -> Capacity:
    """Measures the capacity ratio `R = bits/P` of the model that made a score table.

    The bits are `bits_from_losses` of the mean losses. It is affine in them, so the
    delta method is exact: with b_i what person i's losses alone would make of the
    world's bits, the standard error of `bits` is sd(b)/sqrt(n), times sqrt(1 - n/N)
    where the n people estimate their own world of N.

    Args:
      counts: the world's counts.
      labels: the corpus' labels, in the table's order.
      table: the scores of the whole world, or of a random sample of it.
      parameters: P, at least 1.

    Returns:
      Capacity; see there for units.

    Raises:
      ValueError: an empty table; labels that do not fit the table or the world; a piece
        of knowledge that was never written; losses that are not finite, or below 0;
        more bits than the world has, which no model can hold: the score is wrong.

    Warns:
      UserWarning: a bioD world with D > N C, whose formula credits strings that were
        never shown.

    Example:
      >>> known = measure_capacity(world.counts, corpus.labels, table, 62_900)
      >>> known.bits_per_param, known.max_bits_per_param

    Source: Allen-Zhu & Li 2024, Definitions 4.1 and 4.3; accuracy as in appendix A.2.
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

    def nats(*kinds: str) -> np.ndarray:
        return table.nats[:, columns(labels, *kinds)].sum(axis=1)

    values = nats(*COST) / loss_units(counts)
    losses = nats("name"), values, nats("value1") / counts.attributes
    p1, p2, p3 = (float(loss.mean()) for loss in losses)
    _check_bound(losses[0], counts.people)
    each = bits_from_losses(counts, *losses)
    right = {
        piece: hit[~np.isnan(hit)]
        for piece, hit in rightness(labels, table, "name", *VALUE, "derived").items()
    }
    rest = _rest(len(table.people), counts.people)
    return Capacity(
        parameters=parameters,
        people=len(table.people),
        population=counts.people,
        p1=p1,
        p2=p2,
        p3=p3,
        bits=bits_from_losses(counts, p1, p2, p3),
        bits_max=counts.bits_max(),
        sampling_error=_errors(each, rest),
        people_error=_errors(each, 1.0),
        bits_per_person=np.asarray(each.total) / counts.people,
        accuracy={what: float(hit.mean()) for what, hit in right.items()},
        accuracy_error={
            what: share_error(hit, _rest(len(hit), counts.people))
            for what, hit in right.items()
        },
    )


def mean_error(values: np.ndarray, rest: float = 1.0) -> float:
    """Returns the standard error of the mean of [n] values; NaN for one value.

    Args:
      values: float [n].
      rest: the finite population correction that multiplies it, 0 to 1.
    """
    if not rest:
        return 0.0
    n = len(values)
    return rest * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan


def share_error(
    right: np.ndarray, rest: float = 1.0, weights: np.ndarray | None = None
) -> float:
    """Returns how well the share p of right ones is known from those of [n] people.

    Half the width of Wilson's interval at one standard error: with m = n / rest^2,

        sqrt(p (1 - p)/m + 1/(4 m^2)) / (1 + 1/m)

    so nobody right of a sample leaves 1/(2 (m + 1)), where `mean_error` is sure. Of
    shares s_i = w_i / sum(w) and numbers x_i, p (1 - p)/m stands for
    `rest^2 sum s_i^2 (x_i - p)^2` and n for `1 / sum s_i^2`.

    Args:
      right: x, 0 to 1; at least one.
      rest: as of `mean_error`.
      weights: w, at least 0 and not all 0; None weighs people alike.

    Example:
      >>> share_error(np.zeros(49))
      0.01

    Source: E. B. Wilson 1927.
    """
    weights = np.ones(len(right)) if weights is None else weights
    shares = weights / weights.sum()
    small = rest**2 * float(shares @ shares)  # 1/m
    off = rest * shares * (right - shares @ right)
    return math.sqrt(float(off @ off) + small**2 / 4) / (1 + small)


def check_table(
    counts: Counts, labels: Sequence[Label], table: ScoreTable, what: str
) -> None:
    """Checks that a table is of this world and says everything that bits are made of.

    Args:
      counts: the world's counts.
      labels: the corpus' labels.
      table: of losses.
      what: opens the error's message.

    Raises:
      ValueError: nobody in the table, labels of another corpus, another world, a piece
        of knowledge without tokens or with a loss that is not finite, or a loss below 0
        of anybody's anything.
    """
    if not len(table.people):
        raise ValueError(
            f"{what}: 0 people scored; the table needs at least 1: score somebody"
        )
    check_labels(labels, table, what)
    known = pieces(labels, *VALUE)
    if len(known) != counts.attributes or table.population != counts.people:
        raise ValueError(
            f"{what}: {len(known)} labelled attributes of {table.population} people; "
            f"the world has {counts.attributes} of {counts.people}: give the counts of "
            "the corpus' own world"
        )
    for piece, which in (pieces(labels, "name") | known).items():
        unwritten = np.flatnonzero(table.counts[:, which[0]] == 0)
        if len(unwritten):
            raise ValueError(
                f"{what}: {piece} is never written in the document of person "
                f"{table.people[unwritten[0]]} (and {len(unwritten) - 1} others), so "
                "its bits would be counted as known: score documents that state it"
            )
        infinite = np.flatnonzero(~np.isfinite(table.nats[:, which]).all(1))
        if len(infinite):
            raise ValueError(
                f"{what}: the loss of {piece} of person {table.people[infinite[0]]} is "
                "not finite: the model gave the truth probability 0 or broke down; "
                "look at its logits"
            )
    negative = np.argwhere(table.nats < -_ROUNDING_NATS)
    if len(negative):
        row, column = negative[0]
        raise ValueError(
            f"{what}: the loss of {labels[column].name} of person {table.people[row]} "
            f"is {table.nats[row, column]:.6g} nats, below 0 (and {len(negative) - 1} "
            "others), a probability above 1: the score is wrong. Likely the "
            "probabilities do not sum to 1: give logits, or log-probabilities"
        )


def _check_bound(names: np.ndarray, people: int) -> None:
    """Checks that the names' nats [n] are ln N or more on average (Gibbs' inequality).

    As no loss is below 0, R <= R_max holds part by part. A sample of the world may by
    chance hold the names that the model likes best: six standard errors are allowed.
    """
    n, chance = len(names), 0.0
    if n < people:
        error = mean_error(names, _rest(n, people))
        chance = 6 * error if n >= _FEW else math.inf
    least = math.log(people) - chance
    if names.mean() < least - _ROUNDING_NATS:
        raise ValueError(
            f"capacity: p1={names.mean():.6g} nats is below {least:.6g}, the least "
            "that any model can reach, so R would exceed R_max: the score is wrong. "
            "Likely the probabilities do not sum to 1, or what comes before a name "
            "gives it away"
        )


def _rest(people: int, population: int) -> float:
    """Finite population correction `sqrt(1 - n/N)`: 0 once everybody was scored."""
    return math.sqrt(1 - people / population)


def _errors(each: Bits, rest: float) -> Errors:
    """Standard errors of per-person bits, by part."""
    bits = {part: np.asarray(getattr(each, part)) for part in PARTS}
    shape = bits["total"].shape
    return Errors(
        **{k: mean_error(np.broadcast_to(b, shape), rest) for k, b in bits.items()}
    )
