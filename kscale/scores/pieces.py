"""Which labels make a piece: a name, the value of an attribute, a derived fact."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from kscale.scores.table import ScoreTable

VALUE = ("value1", "value")  # the kinds of labels that a value is made of


class Label(Protocol):
    """What `capacity` reads of a corpus' label: its kind and whose attribute it is."""

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
