"""Which labels make a piece: a name, the value of an attribute, a derived fact."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kscale.scores.table import ScoreTable

VALUE = ("value1", "value")  # the kinds of labels that a value is made of


class Label(Protocol):
    """What is read of a corpus' label: its kind and whose attribute it is."""

    @property
    def name(self) -> str:
        """What the label is called: "employer"."""
        ...

    @property
    def kind(self) -> str:
        """One of "text", "name", "value1" (first chunk), "value", "derived"."""
        ...

    @property
    def attribute(self) -> int:
        """Index of the attribute in the world's order."""
        ...


def columns(labels: Sequence[Label], *kinds: str) -> list[int]:
    """Indices of the labels of these kinds."""
    return [i for i, label in enumerate(labels) if label.kind in kinds]


def pieces(labels: Sequence[Label], *kinds: str) -> dict[str, list[int]]:
    """Columns of each piece: a bioD value has two, its first chunk and the others."""
    grouped: dict[str, list[int]] = {}
    for i in columns(labels, *kinds):
        grouped.setdefault(labels[i].name, []).append(i)
    return grouped


def rightness(
    labels: Sequence[Label], table: ScoreTable, *kinds: str
) -> dict[str, np.ndarray]:
    """For each piece of these kinds, who is greedily right.

    Returns:
      float64 [n] by piece: 1 where every token of it is right, 0 where one is not, NaN
      where the person's document does not state it. Pieces that no document states are
      left out.
    """
    found = {}
    for piece, which in pieces(labels, *kinds).items():
        written = table.counts[:, which].any(axis=1)
        if written.any():
            right = np.all(table.correct[:, which], axis=1)
            found[piece] = np.where(written, right, np.nan)
    return found


# What cannot be the score of a world is refused, with the reason.
if TYPE_CHECKING:
    from kscale.worlds.entropy import Counts

ROUNDING_NATS = 1e-3  # a float32 softmax loses 1e-6 a token; a wrong score, far more
_FEW = 30  # below so many people a standard error says little


def unasked(people: int, population: int) -> float:
    """Finite population correction `sqrt(1 - n/N)`: 0 once everybody was asked."""
    return math.sqrt(1 - people / population)


def mean_error(values: np.ndarray, rest: float = 1.0) -> float:
    """Standard error of the mean of [n] values, times `rest`; nan for one value."""
    if not rest:
        return 0.0
    n = len(values)
    return rest * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan


def check_table(
    counts: "Counts", labels: Sequence[Label], table: ScoreTable, what: str
) -> None:
    """Refuses what cannot be a score of this world, in the name of `what`."""
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
    _check_losses(labels, table, what)


def check_labels(labels: Sequence[Label], table: ScoreTable, what: str) -> None:
    """Refuses labels that are not the table's."""
    if tuple(label.name for label in labels) != table.labels:
        raise ValueError(
            f"{what}: the table's labels {table.labels} are not the corpus' "
            f"{tuple(label.name for label in labels)}: score with this corpus"
        )


def check_each(what: str, name: str, values: np.ndarray, people: int) -> None:
    """Refuses anything but one finite number, at least 0, for each person scored."""
    if values.shape != (people,):
        raise ValueError(
            f"{what}: {name} has shape {values.shape}; {people} people scored need "
            f"{(people,)}: take those of table.people, in its order"
        )
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        raise ValueError(
            f"{what}: {name}[{wrong.argmax()}]={values[wrong.argmax()]}; must be "
            "finite and at least 0"
        )


def _check_losses(labels: Sequence[Label], table: ScoreTable, what: str) -> None:
    """Every piece of knowledge must have been written, and have a finite loss."""
    for piece, which in pieces(labels, "name", *VALUE).items():
        unwritten = np.flatnonzero(~table.counts[:, which].any(1))
        if len(unwritten):
            raise ValueError(
                f"{what}: {piece} is never written in the document of person "
                f"{table.people[unwritten[0]]} (and {len(unwritten) - 1} others), so "
                "its bits would be counted as known: score documents that state it"
            )
        infinite = np.flatnonzero(~np.isfinite(table.nats[:, which]).all(1))
        if len(infinite):
            raise ValueError(
                f"{what}: the loss of {piece} of person "
                f"{table.people[infinite[0]]} is not finite: the model gave the truth "
                "probability 0 or broke down; look at its logits"
            )


def check_bound(losses: tuple[np.ndarray, np.ndarray, np.ndarray], people: int) -> None:
    """Refuses p1 < ln N and p2, p3 < 0, which no model can reach (Gibbs' inequality).

    So R <= R_max holds part by part. A sample of the world may by chance hold the names
    that the model likes best: six standard errors are allowed there.

    Args:
      losses: (p1, p2, p3) of each person scored, nats, [n] each.
      people: N.

    Raises:
      ValueError: a mean is too small by more than rounding and sampling explain.
    """
    n, chance = len(losses[0]), 0.0
    if n < people:
        error = mean_error(losses[0], unasked(n, people))
        chance = 6 * error if n >= _FEW else math.inf
    lowest = (math.log(people) - chance, 0.0, 0.0)
    for which, loss, least in zip(("p1", "p2", "p3"), losses, lowest, strict=True):
        if loss.mean() < least - ROUNDING_NATS:
            raise ValueError(
                f"capacity: {which}={loss.mean():.6g} nats is below {least:.6g}, the "
                "least that any model can reach, so R would exceed R_max: the score is "
                "wrong. Likely the probabilities do not sum to 1, or the text before a "
                "piece gives it away"
            )
