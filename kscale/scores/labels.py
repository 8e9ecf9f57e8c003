"""Pieces, made of labels: a name, the value of an attribute, a derived fact."""

from collections.abc import Sequence

import numpy as np

from kscale.corpora import Label
from kscale.scores.table import ScoreTable

VALUE = ("value1", "value", "form")  # the kinds of labels that a value is made of
ATTRIBUTE = ("value1", "value")  # of a value that a sentence of its own tells
COST = (*VALUE, "derived")  # what is paid for a value: also a fact told before it


def columns(labels: Sequence[Label], *kinds: str) -> list[int]:
    """Returns the indices of the labels of these kinds."""
    return [i for i, label in enumerate(labels) if label.kind in kinds]


def pieces(labels: Sequence[Label], *kinds: str) -> dict[str, list[int]]:
    """Returns each piece's columns.

    A bioD value has two, first chunk and rest; a value that follows from others, such
    as the employer's city, is preceded by theirs: where one is told before the value,
    it is a part of what the value costs.
    """
    grouped: dict[str, list[int]] = {}
    for i in columns(labels, *kinds):
        grouped.setdefault(labels[i].name, []).append(i)
        if labels[i].kind == "value":
            grouped[labels[i].name] += [
                fact
                for fact in columns(labels, "derived")
                if labels[fact].attribute == labels[i].attribute
            ]
    return grouped


def rightness(
    labels: Sequence[Label], table: ScoreTable, *kinds: str
) -> dict[str, np.ndarray]:
    """Returns for each piece of these kinds who is greedily right.

    Returns:
      float64 [n] by piece: 1 where every token of it is right, 0 where one is not, NaN
      where the person's document does not state it. Pieces that no document states are
      left out.
    """
    found = {}
    for piece, which in pieces(labels, *kinds).items():
        stated = table.counts[:, which[:1]].any(axis=1)
        if stated.any():
            right = np.all(table.correct[:, which], axis=1)
            found[piece] = np.where(stated, right, np.nan)
    return found


def person_accuracy(labels: Sequence[Label], table: ScoreTable) -> np.ndarray:
    """Returns the share of a person's values that is greedily right: float64 [n].

    Names, derived facts and what forms of reference tell (the pronoun) do not count;
    NaN for a person of whom no value is written.
    """
    right = rightness(labels, table, *ATTRIBUTE)
    hits = np.array(list(right.values())).reshape(len(right), len(table.people))
    stated = (~np.isnan(hits)).sum(axis=0)
    return np.where(stated > 0, np.nansum(hits, axis=0) / np.maximum(stated, 1), np.nan)


def check_labels(labels: Sequence[Label], table: ScoreTable, what: str) -> None:
    """Checks that the labels are the table's; `what` opens the error's message."""
    names = tuple(label.name for label in labels)
    if names != table.labels:
        raise ValueError(
            f"{what}: the table's labels {table.labels} are not the corpus' {names}: "
            "score with this corpus"
        )
