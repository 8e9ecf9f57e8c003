"""The pieces of a corpus as tokens, and documents composed from them by gathers.

Text is tokenised once, a piece at a time; a billion documents are then repeats of those
pieces. Spans are tokenised apart, so the tokens of a value are whole tokens and carry
its label.
"""

import array
import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from kscale.corpora import TEXT, Corpus
from kscale.tokenizers import Compaction, Tokenizer, compact

PAD = 255  # the label of a target that does not count


class Documents(NamedTuple):
    """Documents end to end, each beginning with EOS.

    Attributes:
      tokens: int32 [total], dense ids.
      labels: uint8 [total].
      lengths: int64 [n], EOS included.
    """

    tokens: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TokenPool:
    """Every piece of a corpus as tokens, and EOS as the last piece.

    Attributes:
      tokens: int32 [total], the dense ids of all pieces.
      labels: uint8 [total].
      starts: int64 [pieces + 1].
      lengths: int64 [pieces + 1], 0 for the empty piece.
      vocabulary: dense ids to the tokenizer's and back; its size is what P counts.
    """

    tokens: np.ndarray
    labels: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    vocabulary: Compaction

    @property
    def eos(self) -> int:
        """EOS as a dense id."""
        return self.vocabulary.eos

    def document_lengths(self, plan: np.ndarray) -> np.ndarray:
        """int64 [n]: tokens of each row of a plan, EOS included."""
        return self.lengths.take(plan).sum(axis=1) + 1

    def compose(self, plan: np.ndarray) -> Documents:
        """The tokens and labels of the documents of a plan.

        Args:
          plan: int [n, slots], from `Corpus.plan`.

        Returns:
          Documents, in the order of the plan.
        """
        eos = len(self.lengths) - 1
        rows = np.empty((len(plan), plan.shape[1] + 1), np.int32)
        rows[:, 0], rows[:, 1:] = eos, plan
        flat = rows.ravel()
        pieces = flat.compress(flat != 0).astype(np.intp)  # most slots are empty
        lengths = self.lengths.take(pieces)
        ends = np.cumsum(lengths)
        index = np.repeat(self._shift(pieces, ends, lengths), lengths)
        index += np.arange(len(index), dtype=index.dtype)
        packed = self._packed.take(index)  # one gather; the top byte is the label
        labels = packed.view(np.uint8)[_LABEL_BYTE::4]
        tokens = (packed & 0xFFFFFF).view(np.int32)
        starts = (ends - lengths).compress(pieces == eos)
        return Documents(tokens, labels, np.diff(starts, append=len(tokens)))

    def _shift(self, pieces, ends, lengths) -> np.ndarray:
        """From a token's place in the documents to its place in the pool, by piece."""
        shift = self.starts.take(pieces)
        shift += lengths
        shift -= ends
        # Narrow where it may be: memory traffic is what composing costs.
        small = len(self.tokens) + len(pieces) * self._longest < 2**31
        return shift.astype(np.int32) if small else shift

    @functools.cached_property
    def _packed(self) -> np.ndarray:
        return self.tokens.astype(np.uint32) | self.labels.astype(np.uint32) << 24

    @functools.cached_property
    def _longest(self) -> int:
        return int(self.lengths.max())


_LABEL_BYTE = 3 if np.little_endian else 0


def tokenize(corpus: Corpus, tokenizer: Tokenizer) -> TokenPool:
    """Tokenises every piece of a corpus, once.

    The vocabulary is exactly the tokens of those pieces and EOS: all that the corpus
    can ever use, in ascending order, whatever the number of people. P counts these.

    Args:
      corpus: from `kscale.corpora`.
      tokenizer: from `kscale.tokenizers`.

    Returns:
      A TokenPool.

    Raises:
      ValueError: a span cannot be encoded by this tokenizer, or there are more than
        2^24 tokens.
    """
    encode = functools.lru_cache(maxsize=2**16)(lambda text: tokenizer.encode(text))
    ids = array.array("i")  # a large bioR has billions
    labels = bytearray()
    ends = []
    for piece in corpus.pieces:
        for span in piece:
            encoded = encode(span.text)
            ids.extend(encoded)
            labels += bytes([span.label]) * len(encoded)
        ends.append(len(ids))
    ids.append(tokenizer.eos)
    labels.append(TEXT)
    ends.append(len(ids))
    original = np.array(ids, np.int32)
    vocabulary = compact([original], tokenizer.eos)
    if vocabulary.size >= 2**24:
        raise ValueError(
            f"the corpus uses {vocabulary.size} distinct tokens; at most 2^24 fit"
        )
    lengths = np.diff(ends, prepend=0)
    return TokenPool(
        tokens=vocabulary.to_dense(original),
        labels=np.frombuffer(bytes(labels), np.uint8),
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        vocabulary=vocabulary,
    )
