"""From labelled spans to labelled tokens: those of the whole text.

A token that holds the last characters of a name or value is the value's, also where it
holds the full stop behind it. A value that begins another ("Art", "Art History") has
not been said before the token that ends it, so that one is the value's as well. A value
told by one of several forms ("He", "His") is said by the form's first token.
"""

import array
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from kscale.corpora import TEXT, Corpus, Label
from kscale.corpora.corpus import NAME, Piece, Span
from kscale.tokenizers import Tokenizer
from kscale.worlds import Attribute, Column, World

Encode = Callable[[str], list[int]]
_ENDS = ("value1", "value")


class Encoded(NamedTuple):
    """Pieces in the tokenizer's ids.

    Attributes:
      ids: int32 [total].
      labels: uint8 [total].
      lengths: int64 [pieces], tokens of each.
      open_ended: bool [pieces], whether a piece ends in a value that begins another:
        the token behind it is the value's.
    """

    ids: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    open_ended: np.ndarray


def encode_pieces(corpus: Corpus, tokenizer: Tokenizer, encode: Encode) -> Encoded:
    """Encodes every piece of a corpus as whole text and labels its tokens.

    Args:
      corpus: from `kscale.corpora`.
      tokenizer: from `kscale.tokenizers`.
      encode: its `encode`, which may remember what it has encoded.
    """
    beginnings = _list_beginnings(corpus.world, corpus.labels, encode)
    decided = bool(form_values(corpus.forms, encode))
    forms = [i for i, x in enumerate(corpus.labels) if x.kind == "form" and decided]
    ids, labels = array.array("i"), bytearray()  # a large bioR has billions
    ends, open_ended = [], bytearray()
    for piece in corpus.pieces:
        tokens, marks = _encode_piece(piece, encode, tokenizer.decode)
        for label in set(forms).intersection(marks):
            _keep_first(marks, label)
        open_ended.append(_extend_values(tokens, marks, beginnings))
        ids.extend(tokens)
        labels += bytes(marks)
        ends.append(len(ids))
    return Encoded(
        np.array(ids, np.int32),
        np.frombuffer(bytes(labels), np.uint8),
        np.diff(ends, prepend=0),
        np.frombuffer(bytes(open_ended), bool),
    )


def form_values(forms: Iterable[tuple[str, int]], encode: Encode) -> dict[int, int]:
    """Returns which value each form's first token tells.

    Args:
      forms: as `Corpus.forms`.
      encode: of the tokenizer.

    Returns:
      {token: value}; empty where one token begins the forms of two values, so that
      first tokens do not tell the value.
    """
    values: dict[int, int] = {}
    for text, value in forms:
        if values.setdefault(encode(text)[0], value) != value:
            return {}
    return values


def _encode_piece(
    piece: Piece, encode: Encode, decode: Callable[[list[int]], str]
) -> tuple[list[int], list[int]]:
    """Returns the tokens of a piece, and their labels."""
    apart = [encode(span.text) for span in piece]
    tokens = list(itertools.chain.from_iterable(apart))
    if len(piece) > 1:
        text = "".join(span.text for span in piece)
        whole = encode(text)
        if whole != tokens:
            lengths = [
                _common_length(text, decode(whole[:k])) for k in range(len(whole) + 1)
            ]
            cuts = itertools.pairwise(lengths)
            return list(whole), [_label_of(start, end, piece) for start, end in cuts]
    labels = [
        label
        for span, its in zip(piece, apart, strict=True)
        for label in [span.label] * len(its)
    ]
    return tokens, labels


def _common_length(text: str, other: str) -> int:
    """Returns how many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(text), len(other)))


def _label_of(start: int, end: int, piece: Sequence[Span]) -> int:
    """Returns the label of a token that holds the characters from start to end.

    It is that of the first value or name that ends in it, else of the last that it
    touches.
    """
    found, at = TEXT, 0
    for span in piece:
        stop = at + len(span.text)
        if span.label != TEXT and at < max(end, start + 1) and stop > start:
            found = span.label
            if stop <= end:
                return found
        at = stop
    return found


def _keep_first(marks: list[int], label: int) -> None:
    """Makes text of all tokens of a label but the first."""
    first = marks.index(label)
    marks[first + 1 :] = [TEXT if x == label else x for x in marks[first + 1 :]]


def _extend_values(
    tokens: list[int], marks: list[int], beginnings: dict[int, "_Beginnings"]
) -> bool:
    """Labels the token that ends each value that begins another.

    Returns:
      Whether the piece ends before that token.
    """
    if not beginnings:
        return False
    start, last = 0, False
    for label, group in itertools.groupby(list(marks)):
        end = start + len(list(group))
        last = label in beginnings and beginnings[label].holds(tokens[start:end])
        if last and end < len(marks) and marks[end] == TEXT:
            marks[end] = label
        start = end
    return last


class _Beginnings(NamedTuple):
    """Tokens of the values that begin another.

    Attributes:
      words: of the last column of a name or value; those that begin another of it.
      whole: whether that is its only column.
      all: whether a value may begin another by words of several columns; then each is
        taken for one that does.
    """

    words: Collection[tuple[int, ...]]
    whole: bool
    all: bool

    def holds(self, said: list[int]) -> bool:
        """Returns whether what was said is such a value, or ends in such a word."""
        lengths = {len(word) for word in self.words}
        return self.all or any(
            tuple(said[-k:]) in self.words
            for k in ({len(said)} & lengths if self.whole else lengths)
        )


def _list_beginnings(
    world: World, labels: Sequence[Label], encode: Encode
) -> dict[int, _Beginnings]:
    """Returns by label the values that begin another."""
    told = {NAME: world.full_name}
    for i, label in enumerate(labels):
        attribute = world.attributes[label.attribute]
        if label.kind in _ENDS:
            told[i] = attribute
            if labels[i - 1].attribute == label.attribute:
                del told[i - 1]  # the first chunk of a bioD value that has more
        elif label.kind == "derived":
            (fact,) = (x for x in attribute.derived if x.name == label.name)
            told[i] = Attribute(fact.name, (Column(fact.name, fact.strings),), ("",))
    found = {}
    for i, value in told.items():
        words = _find_beginnings(value.columns[-1].strings, encode)
        one = len(value.columns) == 1
        fixed = one or world.diversity  # bioD: all values have as many words
        found[i] = _Beginnings(words, one, not fixed and value.begins_another)
    return {i: these for i, these in found.items() if these.words or these.all}


def _find_beginnings(
    strings: Iterable[str], encode: Encode
) -> Collection[tuple[int, ...]]:
    """Returns the tokens of the strings that begin those of another, either form.

    A word has two forms, with and without a space before it. In ascending order what
    begins another stands right before one that it begins.
    """
    found: set[tuple[int, ...]] = set()
    for space in (" ", ""):
        words = sorted({tuple(encode(space + text)) for text in strings})
        for word, after in itertools.pairwise(words):
            if after[: len(word)] == word:
                found.add(word)
    return found
