"""The documents in which people are scored, as padded rows of a few lengths.

A row opens with the pool's prefix, EOS and perhaps a domain token. It is given, so it
is never scored; the name is scored right after it.

Axes: B rows, W + 1 tokens a row (W inputs, and W targets one token later).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from kscale.data import PAD, Documents, TokenPool
from kscale.scores.labels import VALUE, Label, columns

_BLOCK = 8192  # people composed at once: a few MB, and enough to fill batches


class Batch(NamedTuple):
    """Rows of one length.

    Attributes:
      slots: int64 [b], whom each of the first b <= B rows is about, as an index into
        the people asked for; the other rows are padding.
      tokens: int32 [B, W+1], the prefix first, EOS as padding.
      labels: uint8 [B, W+1], PAD where a token does not count, as in the prefix.
    """

    slots: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray


def batches(
    corpus,
    pool: TokenPool,
    people: np.ndarray,
    size: Callable[[int], int],
    multiple: int,
    context: int,
    seed: int = 0,
) -> Iterator[Batch]:
    """All rows that score `people`, in batches of equal shapes; nothing is dropped.

    A row's length W depends on its own document alone, so a person's score does not
    depend on the company. Only the last batch of each length is partly padding.

    Args:
      corpus: from `kscale.corpora`.
      pool: the corpus as tokens.
      people: int64 [n].
      size: from W to B, rows a batch.
      multiple: W is a multiple of it, or the context.
      context: the most inputs that the model can take; 0 for no limit.
      seed: of the texts.

    Raises:
      ValueError: a document that cannot be scored: too long, without its prefix, or
        told in an order that gives knowledge away.
    """
    waiting: dict[int, Batch] = {}
    for first in range(0, len(people), _BLOCK):
        chosen = people[first : first + _BLOCK]
        slots = np.arange(first, first + len(chosen))
        for rows in _blocks(corpus, pool, chosen, slots, multiple, context, seed):
            width = rows.tokens.shape[1]
            if width in waiting:
                rows = _join(waiting.pop(width), rows)
            rate = size(width - 1)
            full = len(rows.slots) // rate * rate
            for start in range(0, full, rate):
                yield Batch(*(array[start : start + rate] for array in rows))
            if full < len(rows.slots):
                waiting[width] = Batch(*(array[full:] for array in rows))
    for width, rows in waiting.items():
        fill = size(width - 1) - len(rows.slots)
        yield Batch(
            rows.slots,
            np.pad(rows.tokens, ((0, fill), (0, 0)), constant_values=pool.eos),
            np.pad(rows.labels, ((0, fill), (0, 0)), constant_values=PAD),
        )


def _join(one: Batch, other: Batch) -> Batch:
    return Batch(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


def _blocks(
    corpus,
    pool: TokenPool,
    people: np.ndarray,
    slots: np.ndarray,
    multiple: int,
    context: int,
    seed: int,
) -> Iterator[Batch]:
    """The rows of some people, one batch of any size for each length."""
    prefix = pool.prefix
    documents = pool.compose(corpus.score_plan(people, seed))
    longest = int(documents.lengths.max()) - 1
    if context and longest > context:
        at = int(documents.lengths.argmax())
        raise ValueError(
            f"the document of person {people[at]} has {longest} tokens after EOS, the "
            f"model's context is {context}: a longer one is needed to score this corpus"
        )
    widths = -(-(documents.lengths - 1) // multiple) * multiple
    widths = np.minimum(widths, context or widths)
    for width in np.unique(widths):
        which = np.flatnonzero(widths == width)
        tokens, labels = _pad(documents, which, int(width) + 1, pool)
        _check_prefix(tokens, prefix)
        _check_order(labels, corpus.labels, people[which])
        apart = _names_apart(tokens, labels, corpus.labels, multiple, pool)
        yield Batch(slots[which], tokens, labels)
        if apart is not None:
            rows, tokens, labels = apart
            yield Batch(slots[which[rows]], tokens, labels)


def _pad(
    documents: Documents, which: np.ndarray, width: int, pool: TokenPool
) -> tuple[np.ndarray, np.ndarray]:
    """Documents as rows of `width` tokens and labels."""
    lengths = documents.lengths[which]
    starts = (np.cumsum(documents.lengths) - documents.lengths)[which]
    steps = np.arange(width)
    inside = steps < lengths[:, None]
    index = np.where(inside, starts[:, None] + steps, 0)
    tokens = np.where(inside, documents.tokens[index], np.int32(pool.eos))
    labels = np.where(inside, documents.labels[index], np.uint8(PAD))
    labels[:, : len(pool.prefix)] = PAD  # given, whatever its label is in training
    return tokens, labels


def _names_apart(
    tokens: np.ndarray,
    labels: np.ndarray,
    kinds: tuple[Label, ...],
    multiple: int,
    pool: TokenPool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Names that do not follow the prefix in their document get a row of their own.

    Its loss is that of generating a name from nothing; words before it are a hint
    where each person has a text of their own. In the document the name then counts as
    text.
    """
    (name,) = columns(kinds, "name")
    prefix = pool.prefix
    opening = len(prefix)
    named = labels == name
    (late,) = np.nonzero(named.any(axis=1) & (labels[:, opening] != name))
    if not len(late):
        return None
    sizes = named[late].sum(axis=1)
    inputs = opening - 1 + int(sizes.max())
    width = -(-inputs // multiple) * multiple
    apart = np.full((len(late), width + 1), pool.eos, tokens.dtype)
    marks = np.full((len(late), width + 1), PAD, labels.dtype)
    apart[:, :opening] = prefix
    inside = np.arange(width + 1 - opening) < sizes[:, None]
    apart[:, opening:][inside] = tokens[late][named[late]]
    marks[:, opening:][inside] = name
    labels[late] = np.where(named[late], 0, labels[late])
    return late, apart, marks


def _check_prefix(tokens: np.ndarray, prefix: np.ndarray) -> None:
    """Every document opens as the pool's documents do."""
    if (tokens[:, : len(prefix)] != prefix).any():
        raise ValueError(
            "documents to be scored must begin with EOS and, where the pool has one, "
            f"the domain token, {prefix.tolist()}: the name's loss is that of a name "
            "right after them"
        )


def _check_order(
    labels: np.ndarray, kinds: tuple[Label, ...], people: np.ndarray
) -> None:
    """Every document tells nothing before it is asked."""
    (name,) = columns(kinds, "name")
    pairs = [(name, value) for value in columns(kinds, *VALUE)]
    for fact in columns(kinds, "derived"):
        for value in columns(kinds, "value"):
            if kinds[fact].attribute == kinds[value].attribute:
                pairs.append((value, fact))
    for before, after in pairs:
        one, other = labels == before, labels == after
        both = one.any(axis=1) & other.any(axis=1)
        wrong = both & (other.argmax(axis=1) < one.argmax(axis=1))
        if wrong.any():
            raise ValueError(
                f"{kinds[after].name} comes before {kinds[before].name} in the document"
                f" of person {people[wrong.argmax()]}: its loss would not be that of "
                f"p(value | name, attribute); score a text that states it later"
            )
