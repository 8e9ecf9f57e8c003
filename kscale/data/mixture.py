"""Several streams as one: each window from one of them, evenly, in exact shares."""

from collections.abc import Sequence

import numpy as np

from kscale.data.stream import Stream, require_windows
from kscale.data.tokenized import PAD

_MOST = 2**40
_HALF = 20


class Mixture:
    """Windows of several streams in turns, so that every stretch has its share.

    Of the first w of W windows, part 0 of two has `floor(w windows[0] / W)`; more parts
    are halved and halved again by the same rule. So part k of n has its share
    `w windows[k] / W` to within n - 1 windows in every prefix, and `windows[k]` in all.

    Args:
      streams: of one vocabulary and one context.
      windows: how many of each; a part that has fewer is filled up with padding.
    """

    def __init__(self, streams: Sequence[Stream], windows: Sequence[int]):
        self.streams = tuple(streams)
        self.shares = tuple(int(number) for number in windows)
        if not self.streams or len(self.streams) != len(self.shares):
            raise ValueError(
                f"{len(self.streams)} streams and {len(self.shares)} numbers of windows"
                f" do not fit: give one number for each stream, and a stream"
            )
        if min(self.shares) < 0 or not 1 <= sum(self.shares) < _MOST:
            raise ValueError(
                f"windows={list(self.shares)} must be at least 0 each and 1 to 2^40 - 1"
                f" together"
            )
        first = self.streams[0]
        self.context, self.eos = first.context, first.pool.eos
        for stream in self.streams[1:]:
            if stream.context != self.context:
                raise ValueError(
                    f"streams of context={self.context} and context={stream.context}"
                    f" cannot share a batch: give all the same"
                )
            one, other = (s.pool.vocabulary.original_ids for s in (first, stream))
            if not np.array_equal(one, other):
                raise ValueError(
                    "the streams have different vocabularies, so their ids do not mean"
                    " the same: make their pools by one `tokenize_all`"
                )

    @property
    def num_windows(self) -> int:
        """The windows of all parts together."""
        return sum(self.shares)

    @property
    def total_tokens(self) -> int:
        """The targets that are not padding, and one token more, as of a stream."""
        pairs = zip(self.streams, self.shares, strict=True)
        return 1 + sum(min(w * self.context, s.total_tokens - 1) for s, w in pairs)

    def count_parts(self, windows: int) -> tuple[int, ...]:
        """Counts how many of the first windows are of each part."""
        return tuple(self._count(np.array([windows]))[:, 0].tolist())

    def parts(self, first: int, count: int) -> np.ndarray:
        """Returns the part of each window from `first`, -1 past the end: [count]."""
        parts, _ = self._place(first, count)
        return parts

    def windows(
        self, first: int, count: int, segments: bool = False
    ) -> dict[str, np.ndarray]:
        """Returns windows as `Stream.windows` does, each a whole window of one part."""
        require_windows(first, count)
        parts, places = self._place(first, count)
        shape = (count, self.context + 1)
        arrays = {
            "tokens": np.full(shape, self.eos, np.int32),
            "labels": np.full(shape, PAD, np.uint8),
        }
        if segments:
            arrays["segments"] = np.zeros(shape, np.int32)
        for part, stream in enumerate(self.streams):
            (rows,) = np.nonzero(parts == part)
            if rows.size:  # a part's windows follow one another
                made = stream.windows(int(places[rows[0]]), len(rows), segments)
                for name, array in arrays.items():
                    array[rows] = made[name]
        return arrays

    def _place(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns each window's part and its number among the windows of that part."""
        counts = self._count(np.arange(first, first + count + 1))
        is_part = np.diff(counts) > 0
        parts = np.where(is_part.any(axis=0), is_part.argmax(axis=0), -1)
        return parts, counts[parts, np.arange(count)]

    def _count(self, windows: np.ndarray) -> np.ndarray:
        """Counts the windows of each part among the first so many: [parts, n]."""
        counts = np.empty((len(self.shares), len(windows)), np.int64)

        def split(low: int, high: int, windows: np.ndarray) -> None:
            if high - low == 1:
                counts[low] = windows
                return
            middle = (low + high) // 2
            left, whole = sum(self.shares[low:middle]), sum(self.shares[low:high])
            mine = _share(windows, left, max(whole, 1))
            split(low, middle, mine)
            split(middle, high, windows - mine)

        split(0, len(self.shares), np.minimum(windows, self.num_windows))
        return counts


def _share(windows: np.ndarray, part: int, whole: int) -> np.ndarray:
    """Returns `floor(windows part / whole)` below 2^40, in two digits of 2^20."""
    high, low = windows >> _HALF, windows & (2**_HALF - 1)
    quotient, rest = np.divmod(high * part, whole)
    return (quotient << _HALF) + ((rest << _HALF) + low * part) // whole
