"""Which labels make a piece: a name, the value of an attribute, a derived fact."""

from collections.abc import Sequence
from typing import Protocol

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
