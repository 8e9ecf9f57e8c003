"""The score table: what a model knows of every person, piece by piece.

It is the one result of a model: everything the papers plot is computed from it and the
world. Axes: n people,
labels as in `corpus.labels` (label 0 is text that is no knowledge).
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from kscale import files

_ARRAYS = {"people": "int64", "nats": "float64", "correct": "bool", "counts": "int32"}


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreTable:
    """Summed losses and greedy correctness per person and label.

    Attributes:
      people: int64 [n], the people scored, strictly ascending.
      nats: float64 [n, labels], the sum (never the mean) of -ln p over the label's
        tokens in the person's document, and of the end of a value that begins others.
      correct: bool [n, labels], whether every token of the label is the most probable
        one given the true text before it, and no longer value would follow; True where
        the label has no tokens.
      counts: int32 [n, labels], tokens of the label in the person's document.
      labels: the labels' names, in order.
      population: N, people in the corpus; n of them are in the table.
      sample_seed: the seed that drew the people; None if they are no sample.

    Raises:
      ValueError: shapes that do not agree, people not ascending or not of the world.
    """

    people: np.ndarray
    nats: np.ndarray
    correct: np.ndarray
    counts: np.ndarray
    labels: tuple[str, ...]
    population: int
    sample_seed: int | None = None

    def __post_init__(self) -> None:
        n, labels = len(self.people), len(self.labels)
        for what in ("nats", "correct", "counts"):
            shape = getattr(self, what).shape
            if shape != (n, labels):
                raise ValueError(
                    f"ScoreTable: {what} has shape {shape}; {n} people and {labels} "
                    f"labels need {(n, labels)}"
                )
        if n and (np.diff(self.people) <= 0).any():
            raise ValueError(
                "ScoreTable: people are not strictly ascending: sort them, name "
                "nobody twice"
            )
        if n > self.population or (n and self.people[0] < 0):
            raise ValueError(
                f"ScoreTable: {n} people from {self.people[0]} on are not among the "
                f"{self.population} of the corpus"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table as one npz file, whole or not at all.

        Args:
          path: the file; one of that name is replaced.

        Raises:
          ValueError: the file cannot be written; one that existed stays as it was.
        """
        seed = [] if self.sample_seed is None else [self.sample_seed]
        arrays = {what: getattr(self, what) for what in _ARRAYS} | {
            "labels": np.array(self.labels, dtype=np.str_),
            "population": np.int64(self.population),
            "sample_seed": np.array(seed, dtype=np.int64),
        }
        files.write_arrays(Path(path), arrays, "Scores ", compress=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ScoreTable":
        """Reads what `save` wrote.

        Raises:
          ValueError: there is no such file, or it is not a score table.
        """
        stored = files.read_arrays(Path(path), "Scores ")
        try:
            seed = stored["sample_seed"]
            return cls(
                **{what: stored[what].astype(t) for what, t in _ARRAYS.items()},
                labels=tuple(stored["labels"].tolist()),
                population=int(stored["population"]),
                sample_seed=int(seed[0]) if len(seed) else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{os.fspath(path)} is not a score table ({error}): score the model "
                "again"
            ) from error


def sum_by_label(
    nats: np.ndarray, correct: np.ndarray, labels: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums tokens over (row, label), in float64.

    Args:
      nats: float [n, T], -ln p of each token.
      correct: bool [n, T], whether each token is the most probable one.
      labels: int [n, T]; tokens whose label is `size` or more do not count.
      size: number of labels.

    Returns:
      nats float64, correct bool (all of the label's tokens are), counts int32; each
      [n, size].
    """
    n = len(nats)
    counted = labels < size
    cells = (np.arange(n)[:, None] * size + labels)[counted]

    def add(weights: np.ndarray | None) -> np.ndarray:
        return np.bincount(cells, weights, n * size).reshape(n, size)

    sums = add(nats[counted].astype(np.float64))
    wrong = add((~correct[counted]).astype(np.float64))
    return sums, wrong == 0, add(None).astype(np.int32)
