"""The pieces of a corpus as tokens, and documents composed from them by gathers.

Text is tokenized once, a piece at a time; a billion documents are then repeats of those
pieces. A token carries the label of what it says (`encoding`).
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kscale.corpora import NAME, TEXT, Corpus
from kscale.corpora.corpus import Piece
from kscale.data.encoding import Encoded, Longer, encode_pieces, form_values
from kscale.tokenizers import DenseVocabulary, Tokenizer, build_vocabulary

PAD = 255  # the label of a target that does not count


class Documents(NamedTuple):
    """Documents end to end, each beginning with EOS, or EOS and a domain token.

    Attributes:
      tokens: int32 [total], dense ids.
      labels: uint8 [total].
      lengths: int64 [n], what each begins with included.
    """

    tokens: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray


class Forms(NamedTuple):
    """How a value is told by words that have several forms: He, His, She, Her.

    Attributes:
      label: of the first token of a form that counts.
      tokens: dense ids of the forms' first tokens.
      values: which value each of them tells.
    """

    label: int
    tokens: tuple[int, ...]
    values: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class TokenPool:
    """Every piece of a corpus as tokens, and what opens a document as the last piece.

    Attributes:
      tokens: int32 [total], the dense ids of all pieces.
      labels: uint8 [total].
      starts: int64 [pieces + 1], ascending.
      lengths: int64 [pieces + 1], 0 for the empty piece.
      vocabulary: dense ids to the tokenizer's and back; its size is what P counts.
      forms: of the attribute without a sentence; None where there is none, or where the
        forms' first tokens do not tell the value.
      longer: by label, in dense ids, how a value that begins another ("Art", "Art
        History") goes on to that.
    """

    tokens: np.ndarray
    labels: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    vocabulary: DenseVocabulary
    forms: Forms | None = None
    longer: dict[int, Longer] = dataclasses.field(default_factory=dict)

    @property
    def eos(self) -> int:
        """EOS as a dense id."""
        return self.vocabulary.eos

    @property
    def prefix(self) -> np.ndarray:
        """int32 [1 or 2]: what every document begins with, EOS or EOS and a domain."""
        return self.tokens[int(self.starts[-1]) :]

    @property
    def eos_label(self) -> int:
        """The label of EOS, before a document and at the end of a stream."""
        return int(self.labels[self.starts[-1]])

    def relabel(self, offset: int = 0, answers_only: bool = False) -> "TokenPool":
        """Returns the same tokens under other labels.

        Args:
          offset: added to every label but PAD, so that each of the pools that share a
            stream has losses of its own.
          answers_only: whether text, names and domain tokens do not count, but become
            PAD. EOS keeps its label: the end of an answer is learned.

        Raises:
          ValueError: a label would be above 254 or below 0.
        """
        labels = self.labels.astype(np.int64)
        if answers_only:
            pieces = labels[: self.starts[-1]]
            pieces[(pieces == TEXT) | (pieces == NAME)] = PAD
            labels[self.starts[-1] + 1 :] = PAD
        moved = labels[labels != PAD] + offset
        if offset and moved.size and not 0 <= moved.min() <= moved.max() < PAD:
            raise ValueError(
                f"offset={offset} takes labels to {moved.min()}..{moved.max()}: a label"
                f" must be 0 to {PAD - 1}"
            )
        labels[labels != PAD] = moved
        forms = self.forms and self.forms._replace(label=self.forms.label + offset)
        longer = {label + offset: values for label, values in self.longer.items()}
        labels = labels.astype(np.uint8)
        return dataclasses.replace(self, labels=labels, forms=forms, longer=longer)

    def document_lengths(self, plan: np.ndarray) -> np.ndarray:
        """Counts the tokens of each row of a plan, the prefix included: int64 [n]."""
        return self.lengths.take(plan).sum(axis=1) + self.lengths[-1]

    def compose(self, plan: np.ndarray) -> Documents:
        """Composes the documents of a plan [n, slots] from their pieces, in order."""
        prefix = len(self.lengths) - 1
        rows = np.empty((len(plan), plan.shape[1] + 1), np.int32)
        rows[:, 0], rows[:, 1:] = prefix, plan
        flat = rows.ravel()
        pieces = flat.compress(flat != 0).astype(np.intp)  # most slots are empty
        lengths = self.lengths.take(pieces)
        ends = np.cumsum(lengths)
        index = np.repeat(self._shift(pieces, ends, lengths), lengths)
        index += np.arange(len(index), dtype=index.dtype)
        packed = self._packed.take(index)  # one gather; the top byte is the label
        labels = packed.view(np.uint8)[_LABEL_BYTE::4]
        tokens = (packed & 0xFFFFFF).view(np.int32)
        starts = (ends - lengths).compress(pieces == prefix)
        return Documents(tokens, labels, np.diff(starts, append=len(tokens)))

    def _shift(self, pieces, ends, lengths) -> np.ndarray:
        """Returns what takes a token's place in the documents to that in the pool."""
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
    """Tokenizes every piece of a corpus, once; see `tokenize_all`.

    The vocabulary is exactly the tokens of those pieces and EOS: all that the corpus
    can ever use, in ascending order, whatever the number of people. P counts these.
    """
    return tokenize_all([corpus], tokenizer, [""])[0]


def tokenize_all(
    corpora: Sequence[Corpus],
    tokenizer: Tokenizer,
    domains: Sequence[str],
    *,
    tokens: Sequence[int] = (),
    names: Sequence[str] = (),
) -> list[TokenPool]:
    """Tokenizes several corpora into one vocabulary, each kind of piece once.

    Args:
      corpora: at least one.
      tokenizer: from `kscale.tokenizers`.
      domains: for each corpus the name of the token that stands between EOS and every
        document, "" for none. A name is the same token wherever it stands. Domain
        tokens are the tokenizer's size, size + 1, ... in the order of their first use.
      tokens: of the tokenizer, in the vocabulary whether they are used or not.
      names: of domain tokens that come before the others, used or not.

    Returns:
      A TokenPool for each corpus; all share one vocabulary, in ascending order of the
      tokenizer's ids, which holds what their pieces use, EOS and the domains.

    Raises:
      ValueError: no corpus, or not a domain for each; a span cannot be encoded; there
        are more than 2^24 tokens.
    """
    if not corpora or len(corpora) != len(domains):
        raise ValueError(
            f"{len(corpora)} corpora and {len(domains)} domains: there must be at least"
            f" one corpus, and a domain for each ('' for none)"
        )
    encode = functools.lru_cache(maxsize=2**16)(tokenizer.encode)
    known: list[tuple[Sequence[Piece], Encoded]] = []
    encoded = []
    for corpus in corpora:
        pieces = corpus.pieces
        found = next((e for p, e in known if p is pieces or p == pieces), None)
        if found is None:
            found = encode_pieces(corpus, tokenizer, encode)
            known.append((pieces, found))
        encoded.append(found)
    named = filter(None, dict.fromkeys([*names, *domains]))
    extra = {x: [tokenizer.vocab_size + k] for k, x in enumerate(named)} | {"": []}
    used = [*(e.ids for _, e in known), tokens, *extra.values()]
    vocabulary = build_vocabulary(used, tokenizer.eos)
    if vocabulary.size >= 2**24:
        raise ValueError(
            f"the corpus uses {vocabulary.size} distinct tokens, must be below 2^24:"
            f" use a smaller tokenizer"
        )
    return [
        _pool(
            found,
            [tokenizer.eos, *extra[domain]],
            vocabulary,
            _forms(corpus, form_values(corpus.forms, encode), vocabulary),
        )
        for corpus, found, domain in zip(corpora, encoded, domains, strict=True)
    ]


def _forms(
    corpus: Corpus, values: dict[int, int], vocabulary: DenseVocabulary
) -> Forms | None:
    """Returns the forms that texts of the vocabulary can have."""
    used = vocabulary.original_ids
    values = {token: values[token] for token in sorted(values) if token in used}
    labels = [i for i, label in enumerate(corpus.labels) if label.kind == "form"]
    if not labels or len(set(values.values())) < 2:
        return None
    tokens = vocabulary.to_dense(list(values)).tolist()
    return Forms(labels[0], tuple(tokens), tuple(values.values()))


def _pool(
    encoded: Encoded,
    prefix: list[int],
    vocabulary: DenseVocabulary,
    forms: Forms | None,
) -> TokenPool:
    """Makes the ids dense, with the prefix as the last piece."""
    lengths = np.append(encoded.lengths, len(prefix))
    opening = np.full(len(prefix), TEXT, np.uint8)
    return TokenPool(
        tokens=vocabulary.to_dense(np.append(encoded.ids, np.array(prefix, np.int32))),
        labels=np.append(encoded.labels, opening),
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        vocabulary=vocabulary,
        forms=forms,
        longer=_spell(encoded.longer, vocabulary),
    )


def _spell(longer: dict[int, Longer], vocabulary: DenseVocabulary) -> dict[int, Longer]:
    """Returns the same in dense ids, without what no text can say."""
    dense = {token: i for i, token in enumerate(vocabulary.original_ids.tolist())}
    found = {}
    for label, values in longer.items():
        rests = {}
        for begin, after in values.rests.items():
            said = [x for x in after if dense.keys() >= {*begin, *x}]
            if said:
                begin, *said = (tuple(dense[i] for i in x) for x in (begin, *said))
                rests[begin] = tuple(said)
        if rests or values.unlisted:
            found[label] = values._replace(rests=rests)
    return found
