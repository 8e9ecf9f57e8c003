"""The stream of documents of a training run, cut into windows, at any position.

    EOS doc EOS doc ... EOS doc EOS
    |---- window 0 ----|
                       |---- window 1 ----|

Under the exact law, visit v of N x E is a keyed permutation at v: every person is
visited exactly E times, in an order that is never stored. Under other laws it is the
law's draw at v. Window w predicts stream tokens wT+1 to wT+T from those before them:
each token is predicted exactly once, and nothing is dropped.
"""

import concurrent.futures
import functools
import os

import numpy as np

from kscale.corpora import Corpus
from kscale.data.tokenized import PAD, Documents, TokenPool
from kscale.worlds import KeyedPermutation, Visits, derive_key, draw_visits

_SLICE = 2**11  # visits planned at once: fits the cache
_TASKS = 2**10
_MAX_BLOCKS = 2**23
_MIN_BLOCK = 2**4
_COUNTED = 2**15


class Stream:
    """All visits of a run, as windows of T tokens and the one after them.

    Args:
      corpus: the documents; its `world.law` says how often each person is visited.
        Where it leaves people out, the others' chances are divided by their sum.
      pool: its tokens.
      exposures: E, visits of each person (on average, if drawn); at least 1.
        An exposure takes `corpus.documents_per_exposure` documents.
      context: T, tokens per window; at least 2.
      seed: of the order, and of who is drawn.
      epochs: divides E: a law's draws and texts are made for E / epochs exposures, and
        each epoch visits the same documents in a new order, a drawn law's first epoch
        in the order of the draws.
      limit: how many visits there are in all, the first ones; 0 for all. What comes
        after costs nothing.

    The first use of a position counts the tokens of all documents once (about half
    a microsecond each, on all cores); what is kept is one number per 16 documents or
    more, never more than 8 million.
    """

    def __init__(
        self,
        corpus: Corpus,
        pool: TokenPool,
        exposures: int,
        context: int,
        seed: int = 0,
        *,
        epochs: int = 1,
        limit: int = 0,
    ):
        if exposures < 1 or context < 2:
            raise ValueError(
                f"exposures={exposures} must be at least 1 and context={context} at"
                f" least 2"
            )
        if epochs < 1 or exposures % epochs:
            raise ValueError(
                f"epochs={epochs} must be at least 1 and divide exposures={exposures}"
            )
        self.corpus, self.pool = corpus, pool
        self.exposures, self.context = exposures, context
        self.seed, self.epochs = seed, epochs
        per_exposure = corpus.num_people * corpus.documents_per_exposure
        self.epoch_visits = per_exposure * (exposures // epochs)
        most = per_exposure * exposures
        if not 0 <= limit <= most:
            raise ValueError(
                f"limit={limit} must be 0, for all, or at most the {most} visits of"
                f" {exposures} exposures: raise exposures for more"
            )
        self.visits = limit or most
        self._block = max(_MIN_BLOCK, 2 ** (self.visits // _MAX_BLOCKS).bit_length())

    @property
    def total_tokens(self) -> int:
        """The number of tokens of the stream, the closing EOS included."""
        return int(self._starts[-1]) + 1

    @property
    def num_windows(self) -> int:
        """The number of windows, which predict all tokens but the first."""
        return -(-(self.total_tokens - 1) // self.context)

    def visit(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Looks up who is visited, and which text is read.

        Args:
          index: int [n], 0 to visits-1.

        Returns:
          (people, address): int64 [n] each. Under the exact law the address is the
          number of the person's document, 0 to `exposures / epochs x documents` - 1;
          under others that of the visit in its epoch's list.
        """
        person, address = self._draw(index)
        return self.corpus.people(person), address

    def count_visits(self, windows: int | None = None) -> np.ndarray:
        """Counts how often each person is visited, exactly.

        Args:
          windows: in the first so many; None: in the whole stream. A document that is
            cut by their end is a visit if its first token after EOS is predicted.

        Returns:
          int64 [num_people]; entry i is of person `corpus.people(i)`. Of the whole
          stream the sum is `visits`.
        """
        visits = self.visits if windows is None else self._count_begun(windows)
        epochs, rest = divmod(visits, self.epoch_visits)
        people, drawn = self.corpus.num_people, self._drawn
        counts = np.zeros(people, np.int64)
        if epochs:
            each = self.epoch_visits // people if drawn is None else drawn.counts()
            counts += epochs * each
        for first in range(visits - rest, visits, _COUNTED):
            index = np.arange(first, min(first + _COUNTED, visits))
            np.add.at(counts, self._draw(index)[0], 1)
        return counts

    def _count_begun(self, windows: int) -> int:
        """Counts documents that open before the last target of the first windows."""
        tokens = windows * self.context
        if tokens >= self.total_tokens - 1:
            return self.visits
        block = max(0, int(np.searchsorted(self._starts, tokens)) - 1)
        first = block * self._block
        visits = np.arange(first, min(first + self._block, self.visits))
        lengths = self.pool.document_lengths(self._plan(visits))
        opens = int(self._starts[block]) + np.cumsum(lengths) - lengths
        return first + int((opens < tokens).sum())

    @functools.cached_property
    def _drawn(self) -> Visits | None:
        """An epoch's visits in order, as far as the limit; None under the exact law."""
        world, people = self.corpus.world, self.corpus.num_people
        if world.law.kind == "exact":
            return None
        return draw_visits(
            world.law,
            world.people,
            min(self.visits, self.epoch_visits),
            world.seed,
            derive_key(self.seed, "law"),
            None if people == world.people else self.corpus.people(np.arange(people)),
        )

    @functools.cached_property
    def _orders(self) -> list[KeyedPermutation]:
        later = ((i,) for i in range(1, self.epochs))
        keys = [derive_key(self.seed, "visits", *epoch) for epoch in ((), *later)]
        return [KeyedPermutation(self.epoch_visits, key) for key in keys]

    def _draw(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns of each visit the person's place in the corpus, and the address."""
        index = np.asarray(index)
        if index.size and not (index.min() >= 0 and index.max() < self.visits):
            raise ValueError(
                f"visits {index.min()}..{index.max()} must be within"
                f" 0..{self.visits - 1}"
            )
        place = self._find_place(index)
        if self._drawn is None:
            return place % self.corpus.num_people, place // self.corpus.num_people
        return self._drawn(place), place

    def _find_place(self, index: np.ndarray) -> np.ndarray:
        """Returns each visit's place in the list that every epoch goes through."""
        if self.visits <= self.epoch_visits:
            return self._shuffle(0, index)
        epoch, place = np.divmod(index, self.epoch_visits)
        for number in range(int(epoch.min(initial=0)), int(epoch.max(initial=0)) + 1):
            (here,) = np.nonzero(epoch == number)
            place[here] = self._shuffle(number, place[here])
        return place

    def _shuffle(self, epoch: int, place: np.ndarray) -> np.ndarray:
        if epoch == 0 and self._drawn is not None:
            return place.astype(np.int64)  # drawn in this order
        return self._orders[epoch](place)

    def windows(
        self, first: int, count: int, segments: bool = False
    ) -> dict[str, np.ndarray]:
        """Returns windows `first` to `first + count - 1`; past the end is padding.

        Args:
          first: index of a window, at least 0.
          count: at least 1.
          segments: whether to number the documents in a window.

        Returns:
          tokens: int32 [count, T+1]; inputs are [:, :-1], targets [:, 1:].
          labels: uint8 [count, T+1]; a target labelled PAD does not count.
          segments: int32 [count, T+1], the document's ordinal in its window; EOS
            belongs to the document that it opens. Only if asked for.
        """
        require_windows(first, count)
        start = first * self.context
        documents, lead = self._documents(start, start + count * self.context + 1)

        def cut(array: np.ndarray, fill: int) -> np.ndarray:
            return _cut_windows(array[lead:], count, self.context, fill)

        arrays = {
            "tokens": cut(documents.tokens, self.pool.eos),
            "labels": cut(documents.labels, PAD),
        }
        if segments:
            number = len(documents.lengths)
            ordinal = np.repeat(np.arange(number, dtype=np.int32), documents.lengths)
            segments_BT = cut(ordinal, number)
            arrays["segments"] = segments_BT - segments_BT[:, :1]
        return arrays

    def _documents(self, start: int, stop: int) -> tuple[Documents, int]:
        """Returns the documents of tokens [start, stop), and where start lies."""
        stop = min(stop, self.total_tokens)
        if start >= stop:
            empty = np.empty(0, np.int32)
            return Documents(empty, empty.astype(np.uint8), empty), 0
        low = int(np.searchsorted(self._starts[1:-1], start, side="right"))
        high = int(np.searchsorted(self._starts, stop, side="left"))
        visits = np.arange(low * self._block, min(high * self._block, self.visits))
        documents = self.pool.compose(self._plan(visits))
        if stop == self.total_tokens:  # the EOS that closes the stream
            documents = Documents(
                np.append(documents.tokens, np.int32(self.pool.eos)),
                np.append(documents.labels, np.uint8(self.pool.eos_label)),
                np.append(documents.lengths, 1),
            )
        return documents, start - int(self._starts[low])

    def _plan(self, visits: np.ndarray) -> np.ndarray:
        return self.corpus.plan(*self.visit(visits))

    @functools.cached_property
    def _starts(self) -> np.ndarray:
        """int64 [blocks + 1]: tokens before each block of visits."""
        self._drawn  # noqa: B018 - made once, before threads ask for it
        slice_ = max(_SLICE, self._block)
        share = slice_ * -(-self.visits // (slice_ * _TASKS))
        threads = max(1, len(os.sched_getaffinity(0)))
        with concurrent.futures.ThreadPoolExecutor(threads) as executor:
            tokens = executor.map(
                lambda first: [
                    self._block_tokens(i, min(i + slice_, self.visits))
                    for i in range(first, min(first + share, self.visits), slice_)
                ],
                range(0, self.visits, share),
            )
            parts = [part for task in tokens for part in task]
        return np.concatenate([[0], np.cumsum(np.concatenate(parts))])

    def _block_tokens(self, first: int, stop: int) -> np.ndarray:
        """Counts the tokens of each block of visits `first` to `stop - 1`."""
        visits = np.arange(first, stop)
        lengths = self.pool.document_lengths(self._plan(visits))
        return np.add.reduceat(lengths, np.arange(0, len(visits), self._block))


def require_windows(first: int, count: int) -> None:
    """Checks that there can be such windows."""
    if first < 0 or count < 1:
        raise ValueError(
            f"first={first} must be at least 0 and count={count} at least 1"
        )


def _cut_windows(array: np.ndarray, count: int, context: int, fill: int) -> np.ndarray:
    """Cuts a stream into [count, T + 1], neighbors sharing a token; fills its end."""
    size = count * context + 1
    if len(array) < size:
        array = np.pad(array, (0, size - len(array)), constant_values=fill)
    windows = np.empty((count, context + 1), array.dtype)
    windows[:, :-1] = array[: size - 1].reshape(count, context)
    windows[:, -1] = array[context:size:context]
    return windows
