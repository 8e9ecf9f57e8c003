"""What a model holds of each class of people, and of each piece.

Losses, bits and accuracies as rows, plain dicts for result rows. People may be met
unequally often: a plain mean weighs people alike, a weighted one weighs a person by how
often it is seen, so it is what validation text drawn by the same law shows. Axes: n
people in the table.
"""

import math
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from kscale.corpora import Label
from kscale.scores.capacity import check_table, mean_error, share_error
from kscale.scores.known_bits import bits_from_losses, loss_units
from kscale.scores.labels import (
    ATTRIBUTE,
    COST,
    VALUE,
    check_labels,
    columns,
    person_accuracy,
    pieces,
    rightness,
)
from kscale.scores.table import ScoreTable
from kscale.worlds import Counts

_LN2 = math.log(2.0)


class Means(TypedDict):
    """Losses and accuracies of some people, plain and weighted.

    Errors are those of a sample of the people who might have been: standard errors, NaN
    for a single person, and of accuracies half of Wilson's interval (`share_error`).
    Weighted numbers are NaN where nobody has a weight.

    Attributes:
      people: how many of the table.
      loss_bits: mean bits lost, -log2 p of what was asked, summed over its tokens.
      loss_bits_error: its standard error.
      visit_loss_bits: weighted mean of the bits lost.
      visit_loss_bits_error: its standard error.
      accuracy: share that is greedily right; where several pieces were asked, the mean
        of their shares.
      accuracy_error: its error.
      visit_accuracy: the weighted share.
      visit_accuracy_error: its error.
    """

    people: int
    loss_bits: float
    loss_bits_error: float
    visit_loss_bits: float
    visit_loss_bits_error: float
    accuracy: float
    accuracy_error: float
    visit_accuracy: float
    visit_accuracy_error: float


class ClassRow(Means):
    """One class of people; losses and accuracies are those of the attributes' values.

    Attributes:
      frequency_class: its number, 0 the most frequent.
      mass: sum of the people's weights.
      visits: how often a person of the class was seen, on average; NaN if not given.
      bits: bits of values that the model holds of the class, scaled from the table to
        the world: over all classes they sum to `measure_capacity(...).bits.value`.
      accuracy_by_piece: plain accuracy of the name, each attribute, each derived fact.
      visit_accuracy_by_piece: the weighted accuracy of each.
    """

    frequency_class: int
    mass: float
    visits: float
    bits: float
    accuracy_by_piece: dict[str, float]
    visit_accuracy_by_piece: dict[str, float]


class PieceRow(Means):
    """One piece: the name, an attribute's value, a derived fact.

    Attributes:
      piece: its name.
      kind: "name", "value", "form" (told by how the person is referred to, such as the
        pronoun) or "derived".
    """

    piece: str
    kind: str


def summarize_classes(
    counts: Counts,
    labels: Sequence[Label],
    table: ScoreTable,
    classes: np.ndarray,
    weights: np.ndarray,
    visits: np.ndarray | None = None,
) -> list[ClassRow]:
    """Returns the losses, bits and accuracies of each class of people.

    Args:
      counts: the world's counts.
      labels: the corpus' labels, in the table's order.
      table: the people's scores.
      classes: int [n], the class of each person of the table, 0 the most frequent; as
        `theory.model_scaling.frequency_classes(p)[table.people]`.
      weights: float [n], how often each is seen, in any unit; as `p[table.people]`.
      visits: float [n], how often each was seen in training.

    Returns:
      A row for each class that somebody of the table is in, ascending.

    Raises:
      ValueError: a table of another world or without anybody, as in `measure_capacity`;
        classes, weights or visits that are not one number, at least 0, a person.

    Example:
      >>> p = world.law.frequencies(world.people, world.seed)
      >>> which = theory.model_scaling.frequency_classes(p, classes=4).astype(int)
      >>> rows = scores.summarize_classes(world.counts, corpus.labels, table, which, p)
      >>> [row["visit_loss_bits"] for row in rows]

    Source: Pan et al. 2025, figures 1a, 2b, 4b and 5b (quartiles of the people).
    """
    check_table(counts, labels, table, "summarize_classes")
    classes, weights = np.asarray(classes), np.asarray(weights, np.float64)
    met = np.full(len(weights), np.nan)
    if visits is not None:
        met = np.asarray(visits, np.float64)
        check_each("summarize_classes", "visits", met, len(table.people))
    check_each("summarize_classes", "weights", weights, len(table.people))
    check_each("summarize_classes", "classes", classes, len(table.people))
    if not np.array_equal(classes, classes.astype(np.int64)):
        raise ValueError(
            f"summarize_classes: classes of type {classes.dtype} must be whole "
            "numbers; 0 is the most frequent class"
        )
    nats = table.nats[:, columns(labels, *COST)].sum(axis=1)
    held = np.asarray(bits_from_losses(counts, 0.0, nats / loss_units(counts)).value)
    right = rightness(labels, table, "name", *VALUE, "derived")
    each = person_accuracy(labels, table)
    rows = []
    for number in np.unique(classes):
        of = classes == number
        shares = {piece: _means(hit[of], weights[of]) for piece, hit in right.items()}
        row: ClassRow = {
            "frequency_class": int(number),
            "mass": float(weights[of].sum()),
            "visits": float(met[of].mean()),
            "bits": float(held[of].sum() / len(held)),
            **_losses(nats[of] / _LN2, each[of], weights[of]),
            "accuracy_by_piece": {piece: m[0] for piece, m in shares.items()},
            "visit_accuracy_by_piece": {piece: m[2] for piece, m in shares.items()},
        }
        rows.append(row)
    return rows


def summarize_pieces(
    labels: Sequence[Label], table: ScoreTable, weights: np.ndarray
) -> list[PieceRow]:
    """Returns loss and accuracy of each piece: name, attributes, derived facts.

    Args:
      labels: the corpus' labels, in the table's order.
      table: the people's scores.
      weights: float [n], how often each is seen, in any unit.

    Returns:
      A row for each piece that some document of the table states, over the people whose
      document states it, in the labels' order.

    Raises:
      ValueError: labels of another corpus, or weights that are not one number, at least
        0, a person.

    Example:
      >>> alike = np.ones(len(table.people))
      >>> rows = scores.summarize_pieces(corpus.labels, table, alike)
      >>> {row["piece"]: row["accuracy"] for row in rows}

    Source: Pan et al. 2025, figure 7.
    """
    weights = np.asarray(weights, np.float64)
    check_labels(labels, table, "summarize_pieces")
    check_each("summarize_pieces", "weights", weights, len(table.people))
    kinds = {
        "name": ("name",),
        "value": ATTRIBUTE,
        "form": ("form",),
        "derived": ("derived",),
    }
    rows: list[PieceRow] = []
    for kind, of_kind in kinds.items():
        right = rightness(labels, table, *of_kind)
        for piece, which in pieces(labels, *of_kind).items():
            if piece in right:
                stated = ~np.isnan(right[piece])
                bits = table.nats[stated][:, which].sum(axis=1) / _LN2
                means = _losses(bits, right[piece][stated], weights[stated])
                rows.append({"piece": piece, "kind": kind, **means})
    return rows


def check_each(what: str, name: str, values: np.ndarray, people: int) -> None:
    """Checks that `values` is one finite number, at least 0, for each person scored."""
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


def _losses(bits: np.ndarray, right: np.ndarray, weights: np.ndarray) -> Means:
    loss, loss_error, visit_loss, visit_loss_error = _means(bits, weights)
    share, share_error, visit_share, visit_share_error = _means(right, weights, True)
    return {
        "people": len(bits),
        "loss_bits": loss,
        "loss_bits_error": loss_error,
        "visit_loss_bits": visit_loss,
        "visit_loss_bits_error": visit_loss_error,
        "accuracy": share,
        "accuracy_error": share_error,
        "visit_accuracy": visit_share,
        "visit_accuracy_error": visit_share_error,
    }


def _means(
    values: np.ndarray, weights: np.ndarray, shares: bool = False
) -> tuple[float, float, float, float]:
    """(mean, its error, weighted mean, its error) of the values that are not NaN.

    A weighted mean is a ratio of two sums over people; its error is that of the ratio
    to first order, and that of the plain mean where all weights are equal. Errors of
    shares, which lie between 0 and 1, are `share_error`.
    """
    there = ~np.isnan(values)
    values, weights = values[there], weights[there]
    n, total = len(values), weights.sum()
    mean = float(values.mean()) if n else math.nan
    error = share_error(values) if shares and n else mean_error(values)
    if not total:
        return mean, error, math.nan, math.nan
    share = weights / total
    weighted, weighted_error = float(share @ values), math.nan
    if shares:
        weighted_error = share_error(values, weights=weights)
    elif n > 1:
        off = share * (values - weighted)
        weighted_error = math.sqrt(n / (n - 1) * float(off @ off))
    return mean, error, weighted, weighted_error
