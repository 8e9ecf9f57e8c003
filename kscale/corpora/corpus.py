"""What a corpus is: documents made of spans, and labels that say what each span tells.

A document is a row of pieces; a piece is a few spans of text, each with a label. Pieces
are few and fixed, so they are tokenized once, and labels travel with the tokens.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from kscale.worlds import World

TEXT = 0  # the label of everything that is not counted
NAME = 1


class Span(NamedTuple):
    """A stretch of text and the index of its label in `Corpus.labels`."""

    text: str
    label: int


Piece = tuple[Span, ...]


@dataclasses.dataclass(frozen=True)
class Label:
    """What a token can be part of.

    Attributes:
      name: "name", "birth_date", "ID 3", ...
      kind: "text", "name", "value1" (the first chunk of a bioD value), "value" (a
        value, or its other chunks), "form" (a value told by how the person is referred
        to, such as the pronoun), "derived" (a fact that gives an attribute's value
        away, told before it: a part of what the value costs).
      attribute: index into `World.attributes`, -1 where there is none.
    """

    name: str
    kind: str
    attribute: int = -1


class Corpus(Protocol):
    """Documents about a world, each made from (person, address) alone."""

    @property
    def world(self) -> World:
        """The people and what is true of them."""
        ...

    @property
    def labels(self) -> tuple[Label, ...]:
        """labels[0] is text, labels[1] the name, then the attributes."""
        ...

    @property
    def pieces(self) -> Sequence[Piece]:
        """All pieces that documents consist of; pieces[0] is empty."""
        ...

    @property
    def forms(self) -> Sequence[tuple[str, int]]:
        """Words that tell the value of an attribute without a sentence, and which.

        (" He", 0), (" His", 0), (" She", 1), (" Her", 1); empty where there is none.
        """
        ...

    @property
    def num_people(self) -> int:
        """How many people have documents: N, less those left out."""
        ...

    @property
    def documents_per_exposure(self) -> int:
        """How many documents one exposure of a person takes: 1, or one per question."""
        ...

    def people(self, index: np.ndarray) -> np.ndarray:
        """Returns the person of each index 0 to num_people-1."""
        ...

    def plan(self, people: np.ndarray, address: np.ndarray) -> np.ndarray:
        """Returns int32 [n, slots]: the pieces of each document, 0 for an empty slot.

        The address, of at least 0, says which text of the person: with n documents per
        exposure, document `address % n` of exposure `address // n`.
        """
        ...

    def score_plan(self, people: np.ndarray, seed: int = 0) -> np.ndarray:
        """Returns int32 [n, slots]: the document in which each person is scored.

        Every name and attribute stands in it once. A fact that gives a value away (the
        employer's city) carries its label where it stands before the value, and is text
        after it: the code length of what is told of the value is the sum of both.
        """
        ...


def build_labels(world: World) -> tuple[Label, ...]:
    """Builds the labels of a world: text, name, each attribute, the derived facts.

    A bioD attribute has two, the first chunk's ("value1") and the other chunks'
    ("value"), since the diversity term of Definition 4.1 of Allen-Zhu & Li 2024 asks
    for the first alone.

    Raises:
      ValueError: the world needs more than 255 labels.
    """
    labels = [Label("text", "text"), Label("name", "name")]
    for i, attribute in enumerate(world.attributes):
        kind = "value" if attribute.name in world.sentences else "form"
        if world.diversity:
            labels.append(Label(attribute.name, "value1", i))
        if not world.diversity or len(attribute.columns) > 1:
            labels.append(Label(attribute.name, kind, i))
    for i, attribute in enumerate(world.attributes):
        labels += [Label(fact.name, "derived", i) for fact in attribute.derived]
    if len(labels) > 255:
        raise ValueError(
            f"the world's {len(world.attributes)} attributes need {len(labels)} labels"
            f" (their facts and first chunks included), and there are 255: take fewer"
            f" attributes"
        )
    return tuple(labels)


def compose_document(corpus: Corpus, row: np.ndarray) -> list[Span]:
    """Composes the spans of one document, neighbors of one label joined.

    Args:
      corpus: where the pieces are.
      row: int array [slots], a row of `plan`.

    Returns:
      Spans whose texts, put together, are the document.
    """
    spans: list[Span] = []
    for index in row:
        for span in corpus.pieces[index]:
            if spans and spans[-1].label == span.label:
                spans[-1] = Span(spans[-1].text + span.text, span.label)
            else:
                spans.append(span)
    return spans
