"""Which document each row of a batch is at: one rule for encoder and decoder.

Documents are dealt out in order; a lane that ends one takes the next. A document begins
with its prefix, which is fed and not coded, and ends with EOS, which is coded. Where it
is longer than the window it goes on as training windows do: the last token is fed
first in a new window, and nothing before it is seen. An escaped byte is not
fed: the lane stays where it is.
"""

import numpy as np


class Lanes:
    """The state of all lanes.

    Args:
      documents: how many there are.
      lanes: B, rows of a step.
      window: T, tokens that a row can be fed before it starts afresh.
      prefix: what documents begin with; the first is EOS.
      size: V; items from V on are escaped bytes.

    Attributes:
      tokens, past: int32 [B], what the next step is fed, and how many tokens each row
        has in its window before.
      document: int64 [B], -1 for a lane without one.
      place: int64 [B], items of the document that were coded.
      coded: int64 [n], the lanes whose next item is coded, in their order.
    """

    def __init__(
        self,
        documents: int,
        lanes: int,
        window: int,
        prefix: tuple[int, ...],
        size: int,
    ):
        self._documents, self._window, self._size = documents, window, size
        self._prefix, self._next = np.array(prefix), 0
        self.tokens = np.zeros(lanes, np.int32)
        self.past = np.zeros(lanes, np.int32)
        self.document = np.full(lanes, -1)
        self.place = np.zeros(lanes, np.int64)
        self._given = np.zeros(lanes, np.int64)
        self._open(np.arange(lanes))
        self._find_coded()

    @property
    def busy(self) -> bool:
        """Whether any lane has a document."""
        return len(self.coded) > 0 or bool((self.document >= 0).any())

    def advance(self, items: np.ndarray) -> None:
        """Goes on by one step, in which the lanes `coded` had these items."""
        coded, changed = self.coded, len(self._prefix) > 1
        if changed:
            given = (self.document >= 0) & (self._given < len(self._prefix))
            lanes = np.flatnonzero(given)
            self._feed(lanes, self._prefix[self._given[lanes]])
            self._given[lanes] += 1
        self.place[coded] += 1
        fed = items < self._size
        self._feed(coded[fed], items[fed])
        ended = coded[items == self._prefix[0]]
        if len(ended):
            self._open(ended)
        if changed or len(ended):
            self._find_coded()

    def _find_coded(self) -> None:
        ready = self._given == len(self._prefix)
        self.coded = np.flatnonzero((self.document >= 0) & ready)

    def _feed(self, lanes: np.ndarray, tokens: np.ndarray) -> None:
        self.tokens[lanes] = tokens
        self.past[lanes] = (self.past[lanes] + 1) % self._window

    def _open(self, lanes: np.ndarray) -> None:
        """Gives lanes the next documents, as long as there are any."""
        numbers = self._next + np.arange(len(lanes))
        self.document[lanes] = np.where(numbers < self._documents, numbers, -1)
        self._next += len(lanes)
        self.tokens[lanes] = self._prefix[0]
        self.past[lanes] = self.place[lanes] = 0
        self._given[lanes] = 1
