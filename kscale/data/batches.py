"""Batches by number: what a step sees is a function of the step alone.

A grain source of whole dispatches (K steps of B windows each) with a prefetch thread.
The position of a run is its step number: it does not depend on the number of
processes, and nothing else needs saving.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import grain
import numpy as np

from kscale.data.mixture import Mixture
from kscale.data.stream import Stream

Chunk = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class BatchSource:
    """Random access to dispatches: item i holds steps i K to i K + K - 1.

    Attributes:
      streams: one, or one for each member of a population that has its own order;
        streams or mixtures of them.
      batch: B, windows per step over all processes.
      steps_per_dispatch: K.
      segments: whether documents in a window are told apart.
      process: which share of each batch's rows this process makes.
      processes: how many shares; it divides B.

    Items are dicts of arrays [K, B / processes, T + 1], with an axis [K, M, ...] of
    members if there are several streams. Past the last window all is padding.

    Raises:
      ValueError: B is not divisible by the processes, or a number is out of range.
      IndexError: an item past the last one.
    """

    streams: Sequence[Stream | Mixture]
    batch: int
    steps_per_dispatch: int = 1
    segments: bool = False
    process: int = 0
    processes: int = 1

    def __post_init__(self):
        if self.batch < 1 or self.steps_per_dispatch < 1 or not self.streams:
            raise ValueError(
                f"batch={self.batch} and steps_per_dispatch={self.steps_per_dispatch}"
                f" must be at least 1, and there must be a stream"
            )
        if not 0 <= self.process < self.processes:
            raise ValueError(
                f"process={self.process} must be 0 to {self.processes - 1}, one of"
                f" processes={self.processes}"
            )
        if self.batch % self.processes:
            raise ValueError(
                f"batch={self.batch} is not divisible by the {self.processes}"
                f" processes: choose a multiple"
            )

    @property
    def num_steps(self) -> int:
        """Steps until every token was predicted; the last batch may be partial."""
        windows = max(stream.num_windows for stream in self.streams)
        return -(-windows // self.batch)

    def __len__(self) -> int:
        return -(-self.num_steps // self.steps_per_dispatch)

    def __getitem__(self, index: int) -> Chunk:
        if not 0 <= index < len(self):
            raise IndexError(f"dispatch {index} of a run of {len(self)}")
        members = [self._steps(stream, index) for stream in self.streams]
        if len(members) == 1:
            return members[0]
        return {k: np.stack([m[k] for m in members], axis=1) for k in members[0]}

    def _steps(self, stream: Stream | Mixture, index: int) -> Chunk:
        steps, rows = self.steps_per_dispatch, self.batch // self.processes
        first = index * steps * self.batch
        if self.processes == 1:
            parts = [stream.windows(first, steps * rows, self.segments)]
        else:
            offset = self.process * rows
            parts = [
                stream.windows(first + i * self.batch + offset, rows, self.segments)
                for i in range(steps)
            ]
        return {
            name: np.concatenate([part[name] for part in parts]).reshape(
                steps, rows, stream.context + 1
            )
            for name in parts[0]
        }


def batches(
    source: BatchSource, start: int = 0, stop: int | None = None, prefetch: int = 2
) -> Iterator[Chunk]:
    """Dispatches `start` to `stop - 1` in order, composed ahead in a thread.

    Args:
      source: where they come from.
      start: the first dispatch; a resumed run starts at its step / K.
      stop: the one after the last; all by default.
      prefetch: how many are kept ready.

    Returns:
      An iterator of chunks.
    """
    stop = len(source) if stop is None else stop
    if start >= stop:
        return iter(())
    dataset = grain.MapDataset.range(start, stop).map(lambda i: source[int(i)])
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=prefetch)
    return iter(dataset.to_iter_dataset(options))
