"""Batches by step: what a step reads is a function of the step alone.

The position of a run is its step number, whatever the number of processes.
"""

import dataclasses
from collections.abc import Iterator

import grain
import numpy as np

from kscale.data.mixture import Mixture
from kscale.data.stream import Stream

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Batches:
    """Random access to batches: item s is what step s reads.

    A batch is a dict of arrays [B / processes, T + 1], as `Stream.windows` gives them.
    Past the last window all is padding.

    Attributes:
      stream: where the windows come from.
      batch: B, windows per step over all processes.
      segments: whether the documents in a window are numbered.
      process: which share of each batch's rows this process makes.
      processes: how many shares; it divides B.
      prefetch: how many items `iterate` keeps ready, made in a thread.

    Example:
      >>> batches = Batches(stream, batch=24)
      >>> batches[0]["tokens"].shape
      (24, 513)
    """

    stream: Stream | Mixture
    batch: int
    segments: bool = False
    process: int = 0
    processes: int = 1
    prefetch: int = 2

    def __post_init__(self):
        if self.batch < 1 or self.prefetch < 1:
            raise ValueError(
                f"batch={self.batch} and prefetch={self.prefetch} must be at least 1"
            )
        if not 0 <= self.process < self.processes:
            raise ValueError(
                f"process={self.process} must be 0 to {self.processes - 1}, one of"
                f" processes={self.processes}"
            )
        if self.batch % self.processes:
            raise ValueError(
                f"batch={self.batch} must be divisible by processes={self.processes}:"
                f" choose a multiple"
            )

    def __len__(self) -> int:
        """Counts steps until every token was predicted; the last may be partial."""
        return -(-self.stream.num_windows // self.batch)

    def __getitem__(self, step: int) -> Batch:
        if not 0 <= step < len(self):
            raise IndexError(f"step={step} must be 0 to {len(self) - 1}")
        return {name: array[0] for name, array in self._block(step, 1).items()}

    def iterate(self, first: int = 0, steps: int = 1) -> Iterator[Batch]:
        """Yields the batches from a step on, several at a time, composed ahead.

        Args:
          first: the step to begin with; a resumed run begins where it stopped.
          steps: K, how many an item holds: small batches cost less together.

        Yields:
          Dicts of arrays [K, B / processes, T + 1]; the last may hold fewer steps.
        """
        starts = range(first, len(self), steps)
        if not starts:
            return iter(())
        blocks = grain.MapDataset.source(starts).map(
            lambda start: self._block(start, min(steps, len(self) - start))
        )
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=self.prefetch)
        return iter(blocks.to_iter_dataset(options))

    def _block(self, first: int, steps: int) -> Batch:
        """Returns arrays [steps, B / processes, T + 1] of consecutive steps."""
        rows = self.batch // self.processes
        if self.processes == 1:
            found = self.stream.windows(first * rows, steps * rows, self.segments)
            return {x: a.reshape(steps, rows, -1) for x, a in found.items()}
        offset = self.process * rows
        starts = (step * self.batch + offset for step in range(first, first + steps))
        parts = [self.stream.windows(start, rows, self.segments) for start in starts]
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}
