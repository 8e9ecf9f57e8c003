"""The dense vocabulary of a corpus: only the tokens that it can ever use.

A GPT-2 embedding has 50257 rows, of which a biography corpus uses some 3275. The
others would be parameters that hold nothing, so models are built on dense ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class VocabularyRecord(NamedTuple):
    """What the dense ids of a model stand for, as a run folder keeps it.

    A model that goes on from another keeps its ids: see `DenseVocabulary` for the ids
    of one corpus.

    Attributes:
      tokens: ids of the tokenizer, ascending.
      domains: names of the domain tokens, in the order of their ids, which come after.
    """

    tokens: tuple[int, ...] = ()
    domains: tuple[str, ...] = ()


NO_VOCABULARY = VocabularyRecord()


@dataclass(frozen=True, eq=False)
class DenseVocabulary:
    """A bijection between the original ids in use and `range(size)`, order kept.

    Made by `build_vocabulary`.

    Attributes:
      original_ids: int64 [size], strictly ascending, from 0; read-only.
      eos: dense id of EOS, below `size`.

    Source: Allen-Zhu & Li 2024, where a model's embedding is counted only for the
    tokens that the data uses.
    """

    original_ids: NDArray[np.int64]
    eos: int

    @property
    def size(self) -> int:
        """Number of dense ids: the vocabulary of a model of this corpus."""
        return self.original_ids.size

    def to_dense(self, ids: ArrayLike) -> NDArray[np.int32]:
        """Returns the dense ids (int32) of original ids, of the same shape.

        Raises:
          ValueError: an id is not among `original_ids`.
        """
        original = _integers(ids)
        dense = np.searchsorted(self.original_ids, original)
        found = self.original_ids[np.minimum(dense, self.size - 1)] == original
        if not np.all(found):
            raise ValueError(
                f"token id {original[~found].flat[0]} is not among the {self.size} "
                "ids of the dense vocabulary: give `build_vocabulary` every text that "
                "will be encoded"
            )
        return dense.astype(np.int32)

    def to_original(self, ids: ArrayLike) -> NDArray[np.int32]:
        """Returns the original ids (int32) of dense ids, of the same shape.

        Raises:
          ValueError: an id is not in `range(size)`.
        """
        dense = _integers(ids)
        outside = (dense < 0) | (dense >= self.size)
        if np.any(outside):
            raise ValueError(
                f"dense id {dense[outside].flat[0]} must be from 0 to {self.size - 1}, "
                "the dense vocabulary: is it an original id?"
            )
        return self.original_ids[dense].astype(np.int32)


def build_vocabulary(token_arrays: Iterable[ArrayLike], eos: int) -> DenseVocabulary:
    """Builds the dense vocabulary of all the ids in some arrays, and EOS.

    Dense ids follow the order of the original ones, whatever the order of the arrays.

    Args:
      token_arrays: arrays or lists of original ids, of any shapes.
      eos: original id of EOS; it has a place even if no array holds it.

    Raises:
      ValueError: an id is not an integer.

    Example:
      >>> vocabulary = build_vocabulary([[9, 4], [4, 700]], eos=50)
      >>> vocabulary.original_ids.tolist(), vocabulary.eos
      ([4, 9, 50, 700], 2)
      >>> vocabulary.to_dense([700, 4]).tolist()
      [3, 0]
    """
    ids = {
        token for ids in token_arrays for token in np.unique(_integers(ids)).tolist()
    }
    original_ids = np.array(sorted(ids | {int(eos)}), dtype=np.int64)
    original_ids.flags.writeable = False
    return DenseVocabulary(original_ids, int(np.searchsorted(original_ids, eos)))


def _integers(ids: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(ids)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(
            f"token ids must be integers, but are {array.dtype}: convert them first"
        )
    return array.astype(np.int64)
