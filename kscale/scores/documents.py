"""Who is scored, in which documents: padded rows of a few lengths.

A row opens with the pool's prefix, EOS and perhaps a domain token. It is given, so it
is never scored; the name is scored right after it.

Axes: B rows, W + 1 tokens a row (W inputs, and W targets one token later).
"""

import collections
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kscale.corpora import TEXT, Corpus, Label
from kscale.data import PAD, Documents, TokenPool
from kscale.scores.labels import VALUE, columns

MULTIPLE = 16  # lengths are padded to a multiple: models compile for few lengths
_BLOCK = 8192  # people composed at once: a few MB, and enough to fill batches


class Batch(NamedTuple):
    """Rows of one length.

    Attributes:
      slots: int64 [b], the person of each of the first b <= B rows, as an index into
        the people asked for; the other rows are padding.
      tokens: int32 [B, W+1], the prefix first, EOS as padding.
      labels: uint8 [B, W+1], PAD where a token does not count, as in the prefix.
      longer: uint8 [b], the label of which the row tells a longer value than the
        person's: what follows the person's has the label. 0 in a row of the truth.
    """

    slots: np.ndarray
    tokens: np.ndarray
    labels: np.ndarray
    longer: np.ndarray

    @property
    def counted(self) -> np.ndarray:
        """Whether each of the W inputs comes before a token that counts: bool [B, W].

        The others are padding, of which there is more or less by the row's length.
        """
        counts = self.labels[:, 1:] != PAD
        return np.logical_or.accumulate(counts[:, ::-1], axis=1)[:, ::-1]


def choose_people(
    corpus: Corpus, people: np.ndarray | int | None, seed: int
) -> tuple[np.ndarray, int | None]:
    """Returns the people to score, ascending, and the seed if it drew them.

    Args:
      corpus: from `kscale.corpora`.
      people: None is everybody in the corpus; a number is a random sample of that size,
        whose time and memory do not depend on the world; an array int [n] is these
        people.
      seed: of the sample.

    Returns:
      (people int64 [n], seed or None).

    Raises:
      ValueError: a person twice or not of the world, nobody, or a sample larger than
        the corpus.
    """
    population = corpus.num_people
    if people is None:
        return np.sort(corpus.people(np.arange(population))), None
    if isinstance(people, int | np.integer):
        if not 1 <= people <= population:
            raise ValueError(
                f"a sample of {people} people of {population}: ask for 1 to "
                f"{population}"
            )
        rng = np.random.default_rng(seed)
        index = rng.choice(population, int(people), replace=False, shuffle=False)
        return np.sort(corpus.people(np.sort(index))), seed
    chosen = np.sort(np.asarray(people, np.int64))
    inside = len(chosen) and chosen[0] >= 0 and chosen[-1] < corpus.world.people
    if not inside or (np.diff(chosen) == 0).any():
        raise ValueError(
            f"score: people must be distinct and lie in 0 to {corpus.world.people - 1};"
            f" got {len(chosen)}"
            + (f" from {chosen[0]} to {chosen[-1]}" if len(chosen) else "")
        )
    return chosen, None


def batches(
    corpus: Corpus,
    pool: TokenPool,
    people: np.ndarray,
    size: Callable[[int], int],
    seed: int = 0,
) -> Iterator[Batch]:
    """Yields all rows that score `people`, in batches of equal shapes.

    A row's length W depends on its own document alone, so a person's score does not
    depend on the company. Only the last batch of each length is partly padding.

    Args:
      corpus: from `kscale.corpora`.
      pool: the corpus as tokens.
      people: int64 [n].
      size: from W to B, rows a batch.
      seed: of the texts.

    Raises:
      ValueError: a document that cannot be scored: without its prefix, or in an order
        that gives knowledge away.
    """
    waiting: dict[int, Batch] = {}
    for first in range(0, len(people), _BLOCK):
        chosen = people[first : first + _BLOCK]
        slots = np.arange(first, first + len(chosen))
        for rows in _rows_by_length(corpus, pool, chosen, slots, seed):
            width = rows.tokens.shape[1]
            if width in waiting:
                pairs = zip(waiting.pop(width), rows, strict=True)
                rows = Batch(*(np.concatenate(pair) for pair in pairs))
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
            rows.longer,
        )


def round_up(lengths: Any) -> Any:
    """Returns the lengths, each raised to the next multiple of `MULTIPLE`."""
    return -(-lengths // MULTIPLE) * MULTIPLE


def _rows_by_length(
    corpus: Corpus, pool: TokenPool, people: np.ndarray, slots: np.ndarray, seed: int
) -> Iterator[Batch]:
    """Yields the rows of some people, one batch of any size for each length."""
    plan = corpus.score_plan(people, seed)
    documents = pool.compose(plan)
    # Behind the document stands EOS, by which a value may have to end.
    widths = round_up(documents.lengths - 1 + bool(pool.longer))
    for width in np.unique(widths):
        which = np.flatnonzero(widths == width)
        tokens, labels = _pad(documents, which, int(width) + 1, pool)
        if (tokens[:, : len(pool.prefix)] != pool.prefix).any():
            raise ValueError(
                "documents to be scored must begin with EOS and, where the pool has "
                f"one, the domain token, {pool.prefix.tolist()}: the name's loss is "
                "that of a name right after them"
            )
        _check_order(labels, corpus.labels, people[which])
        late = _move_late_names(tokens, labels, corpus.labels, pool)
        yield from _with_longer(slots[which], tokens, labels, pool)
        if late is not None:
            rows, tokens, labels = late
            yield from _with_longer(slots[which[rows]], tokens, labels, pool)


def _pad(
    documents: Documents, which: np.ndarray, width: int, pool: TokenPool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns documents as rows of `width` tokens and labels."""
    lengths = documents.lengths[which]
    starts = (np.cumsum(documents.lengths) - documents.lengths)[which]
    steps = np.arange(width)
    inside = steps < lengths[:, None]
    index = np.where(inside, starts[:, None] + steps, 0)
    tokens = np.where(inside, documents.tokens[index], np.int32(pool.eos))
    labels = np.where(inside, documents.labels[index], np.uint8(PAD))
    labels[:, : len(pool.prefix)] = PAD  # given, whatever its label is in training
    return tokens, labels


def _with_longer(
    slots: np.ndarray, tokens: np.ndarray, labels: np.ndarray, pool: TokenPool
) -> Iterator[Batch]:
    """Yields rows, and those in which a value is told as a longer one that it begins.

    Such a row ends with the longer value. Where these are not listed, the token behind
    the value becomes the value's.
    """
    found = collections.defaultdict(list)
    for label, longer in pool.longer.items():
        said = np.pad(labels == label, ((0, 0), (0, 1)))
        for row, last in np.argwhere(said[:, :-1] & ~said[:, 1:]).tolist():
            first = last + 1 - said[row, last::-1].argmin()
            for rest in longer.after(tuple(tokens[row, first : last + 1].tolist())):
                width = round_up(last + len(rest))
                found[width].append((row, last + 1, rest, label))
            if longer.unlisted and labels[row, last + 1] in (TEXT, PAD):
                labels[row, last + 1] = label
    yield Batch(slots, tokens, labels, np.zeros(len(slots), np.uint8))
    for width, values in found.items():
        told = np.full((len(values), width + 1), pool.eos, tokens.dtype)
        marks = np.full(told.shape, PAD, labels.dtype)
        for i, (row, start, rest, label) in enumerate(values):
            stop = start + len(rest)
            told[i, :stop] = *tokens[row, :start], *rest
            marks[i, len(pool.prefix) : start], marks[i, start:stop] = TEXT, label
        rows, _, _, which = zip(*values, strict=True)
        yield Batch(slots[list(rows)], told, marks, np.array(which, np.uint8))


def _move_late_names(
    tokens: np.ndarray, labels: np.ndarray, kinds: tuple[Label, ...], pool: TokenPool
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Moves names that do not follow the prefix to rows of their own.

    The loss there is that of generating a name from nothing; words before it are a hint
    where each person has a text of their own. In the document the name then counts as
    text: `labels` is changed.

    Returns:
      Which documents, and the tokens and labels of the new rows; None if all names
      follow the prefix.
    """
    (name,) = columns(kinds, "name")
    opening = len(pool.prefix)
    named = labels == name
    (late,) = np.nonzero(named.any(axis=1) & (labels[:, opening] != name))
    if not len(late):
        return None
    sizes = named[late].sum(axis=1)
    width = int(round_up(opening - 1 + sizes.max() + bool(pool.longer)))
    apart = np.full((len(late), width + 1), pool.eos, tokens.dtype)
    marks = np.full((len(late), width + 1), PAD, labels.dtype)
    apart[:, :opening] = pool.prefix
    inside = np.arange(width + 1 - opening) < sizes[:, None]
    apart[:, opening:][inside] = tokens[late][named[late]]
    marks[:, opening:][inside] = name
    labels[late] = np.where(named[late], 0, labels[late])
    return late, apart, marks


def _check_order(
    labels: np.ndarray, kinds: tuple[Label, ...], people: np.ndarray
) -> None:
    """Checks that no document states a value before its person or what it costs too."""
    (name,) = columns(kinds, "name")
    pairs = [(name, value) for value in columns(kinds, *VALUE)]
    for fact in columns(kinds, "derived"):
        for value in columns(kinds, "value"):
            if kinds[fact].attribute == kinds[value].attribute:
                pairs.append((fact, value))
    for before, after in pairs:
        one, other = labels == before, labels == after
        both = one.any(axis=1) & other.any(axis=1)
        wrong = both & (other.argmax(axis=1) < one.argmax(axis=1))
        if wrong.any():
            raise ValueError(
                f"{kinds[after].name} comes before {kinds[before].name} in the document"
                f" of person {people[wrong.argmax()]}: it counts only where it comes "
                f"after; score a text that states it later, or label it as text"
            )
