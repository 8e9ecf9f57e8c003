"""From labelled spans to labelled tokens: those of the whole text.

A token that holds the last characters of a name or value is the value's, also where it
holds the full stop behind it. The beginning of its word ("p" before "re") is the
value's where it makes one token with some value. A value that begins another ("Art",
"Art History") has not been said as long as the text may go on to that one: `Longer`
lists how. A value told by one of several forms ("He", "His") is said by the form's
first token.
"""

import array
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kscale.corpora import TEXT, Corpus, Label
from kscale.corpora.corpus import NAME, Piece, Span
from kscale.tokenizers import Tokenizer
from kscale.worlds import Attribute, Column, World

Encode = Callable[[str], list[int]]
Tokens = tuple[int, ...]
_ENDS = ("value1", "value")
_MOST_LISTED = 2**16  # values of several columns that are listed one by one


class Longer(NamedTuple):
    """How a text goes on from a value to the longer ones that the value begins.

    Attributes:
      rests: {tokens of a value: those that follow them in each longer one}.
      whole: whether the first are all that a value is said by, or the end of it.
      unlisted: whether a value of several columns may begin another by words of several
        and there are too many to list: then each pays for the token behind it.
    """

    rests: dict[Tokens, tuple[Tokens, ...]]
    whole: bool
    unlisted: bool = False

    def after(self, said: Tokens) -> Iterable[Tokens]:
        """Returns what may follow a value that is said by these tokens."""
        sizes = {len(said)} if self.whole else {len(begin) for begin in self.rests}
        found = (self.rests.get(said[-size:], ()) for size in sizes)
        return dict.fromkeys(itertools.chain.from_iterable(found))


class Encoded(NamedTuple):
    """Pieces in the tokenizer's ids.

    Attributes:
      ids: int32 [total].
      labels: uint8 [total].
      lengths: int64 [pieces], tokens of each.
      longer: by label, where values begin others.
    """

    ids: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray
    longer: dict[int, Longer]


def encode_pieces(corpus: Corpus, tokenizer: Tokenizer, encode: Encode) -> Encoded:
    """Encodes every piece of a corpus as whole text and labels its tokens.

    Args:
      corpus: from `kscale.corpora`.
      tokenizer: from `kscale.tokenizers`.
      encode: its `encode`, which may remember what it has encoded.
    """
    values = _list_values(corpus.world, corpus.labels)
    told = _list_told(values, bool(corpus.world.diversity), encode)
    spelled: dict[int, set[Tokens]] = {label: set() for label in told}

    @functools.cache
    def merges(label: int, front: str) -> bool:
        size = len(encode(front))
        texts = values[label].columns[0].strings
        return any(encode(front + x)[:size] != encode(front) for x in texts)

    decided = bool(form_values(corpus.forms, encode))
    forms = [i for i, x in enumerate(corpus.labels) if x.kind == "form" and decided]
    ids, labels = array.array("i"), bytearray()  # a large bioR has billions
    ends = []
    for piece in corpus.pieces:
        spans = _take_fronts(piece, values, merges)
        tokens, marks = _encode_piece(spans, encode, tokenizer.decode)
        for label in set(forms).intersection(marks):
            _keep_first(marks, label)
        for label in told.keys() & marks:
            listed, longer = told[label]
            if longer.whole:  # texts may say values in other tokens than the lists
                for at in _stretches(label, marks):
                    spelled[label].add(tuple(tokens[at]))
                for at in _stretches(label, [span.label for span in piece]):
                    text = "".join(span.text for span in piece[at])
                    listed.pop(text.strip(), None)
        ids.extend(tokens)
        labels += bytes(marks)
        ends.append(len(ids))
    return Encoded(
        np.array(ids, np.int32),
        np.frombuffer(bytes(labels), np.uint8),
        np.diff(ends, prepend=0),
        {
            label: longer._replace(
                rests=_find_rests(spelled[label].union(*listed.values()))
            )
            for label, (listed, longer) in told.items()
        },
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


def _take_fronts(
    piece: Piece, labels: Collection[int], merges: Callable[[int, str], bool]
) -> Piece:
    """Gives values the beginning of their word where it merges with some value.

    Before the others it is a token that says which they are not.
    """
    spans = list(piece)
    for i in range(1, len(spans)):
        (before, mark), (text, label) = spans[i - 1], spans[i]
        at = max(before.rfind(" "), 0)
        inside = label in labels and mark == TEXT and not text.startswith(" ")
        if inside and merges(label, before[at:]):
            spans[i - 1] = Span(before[:at], TEXT)
            spans[i] = Span(before[at:] + text, label)
    return tuple(spans)


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


def _stretches(label: int, labels: Iterable[int]) -> Iterator[slice]:
    """Yields where each stretch of a label lies."""
    start = 0
    for mark, run in itertools.groupby(labels):
        stop = start + sum(1 for _ in run)
        if mark == label:
            yield slice(start, stop)
        start = stop


def _list_values(world: World, labels: Sequence[Label]) -> dict[int, Attribute]:
    """Returns what each label tells; of the two of a bioD value the last."""
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
    return told


def _list_told(
    values: dict[int, Attribute], equal: bool, encode: Encode
) -> dict[int, tuple[dict[str, set[Tokens]], Longer]]:
    """Returns by label how the lists spell each value, where one may begin another.

    Args:
      values: by label.
      equal: all values of a label have as many words (bioD).
      encode: of the tokenizer.
    """
    found = {}
    for i, value in values.items():
        sizes = [len(column.strings) for column in value.columns]
        crossed = len(sizes) > 1 and not equal and _crosses(value)
        whole = len(sizes) == 1 or (crossed and math.prod(sizes) <= _MOST_LISTED)
        texts: Iterable[str] = value.columns[-1].strings
        if whole:
            texts = {value.text(np.array(x)) for x in np.ndindex(*sizes)}
        pairs = itertools.pairwise(sorted(texts))
        if whole and not any(after.startswith(text) for text, after in pairs):
            continue
        unlisted = crossed and not whole
        listed = {x: {tuple(encode(s + x)) for s in (" ", "")} for x in texts}
        found[i] = {} if unlisted else listed, Longer({}, whole, unlisted)
    return found


def _crosses(value: Attribute) -> bool:
    """Returns whether a value begins another that differs before the last column."""
    *columns, last = value.columns
    # Of the last column's strings only the shortest are kept, none of which begins
    # another: two values that differ in that column alone then begin each other no
    # more, and what is still found differs before it.
    if value.begins_another and all(" " in join for join in value.joins[1:]):
        roots = [""]
        for text in sorted(f"{text} " for text in last.strings):
            if len(roots) == 1 or not text.startswith(roots[-1]):
                roots.append(text)
        strings = tuple(text[:-1] for text in roots[1:])
        columns = (*columns, Column(last.name, strings))
        return dataclasses.replace(value, columns=columns).begins_another
    return value.begins_another


def _find_rests(values: Iterable[Tokens]) -> dict[Tokens, tuple[Tokens, ...]]:
    """Returns what follows the tokens that begin others, the shortest rests alone.

    In ascending order what begins others stands right before all that it begins.
    """
    ordered, rests = sorted(values), {}
    for i, begin in enumerate(ordered):
        found: list[Tokens] = []
        while (i := i + 1) < len(ordered) and ordered[i][: len(begin)] == begin:
            rest = ordered[i][len(begin) :]
            if not (found and rest[: len(found[-1])] == found[-1]):
                found.append(rest)
        if found:
            rests[begin] = tuple(found)
    return rests
