"""The batches of a run, checked, in dispatches, on the devices.

Axes: K steps of a dispatch, B rows, T positions.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np
from jax.dtypes import canonicalize_dtype
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from kscale.train.sharding import place_chunk, require_divisible

Batch = Mapping[str, np.ndarray]
Batches = Callable[[int, int], Iterator[Batch]]


def stack_steps(batch_of: Callable[[int], Batch], total_steps: int) -> Batches:
    """Turns a function of the step into what `fit` reads.

    Args:
      batch_of: step -> dict of `tokens`, `labels` and optionally `segments` [B, T+1].
      total_steps: of the run; it is called for steps before that.

    Returns:
      `batches(s, k)`, which yields the batches of k steps at a time from step s on:
      arrays [k, B, T+1]; the last item may hold fewer steps.
    """

    def batches(first: int, steps: int) -> Iterator[Batch]:
        for start in range(first, total_steps, steps):
            stop = min(start + steps, total_steps)
            parts = [batch_of(step) for step in range(start, stop)]
            yield {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    return batches


class Infeed:
    """Reads dispatch after dispatch; all must have the shapes of the first batch.

    Args:
      batches: as `stack_steps` returns it; with several processes the rows of this one.
        An array must not be changed after it was yielded.
      step: the first to be read.
      total_steps: of the whole run.
      mesh: where the dispatches go.

    Attributes:
      rows: sequences of a global batch.
      context: T.
      fields: the names of a batch's arrays, sorted.
    """

    def __init__(
        self, batches: Batches, step: int, total_steps: int, mesh: Mesh
    ) -> None:
        self._batches, self._mesh, self._total = batches, mesh, total_steps
        self._step = min(step, total_steps - 1)
        self._iterator = iter(batches(self._step, 1))
        first = self._next()
        self.close()
        self._shapes = {name: x.shape[1:] for name, x in first.items()}
        self._dtypes = {name: canonicalize_dtype(x.dtype) for name, x in first.items()}
        self._require_arrays()
        rows, length = self._shapes["tokens"]
        self.rows, self.context = rows * jax.process_count(), length - 1
        self.fields = sorted(self._shapes)
        require_divisible("the batch", self.rows, mesh, "data", "rows")
        if jax.process_count() > 1:
            _require_shares(first)

    def open(self, steps: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Begins to read K steps at a time; returns the shapes of what `take` gives."""
        self._iterator = iter(self._batches(self._step, steps))
        self._steps = steps
        return {
            name: jax.ShapeDtypeStruct((steps, self.rows, self.context + 1), dtype)
            for name, dtype in self._dtypes.items()
        }

    def take(self) -> dict[str, jax.Array]:
        """Sends the next K batches to the devices, as arrays [K, B, T+1].

        Steps beyond the end of the run hold its last batch once more.
        """
        batch = self._next()
        steps = len(batch["tokens"])
        shapes = {name: (steps, *shape) for name, shape in self._shapes.items()}
        if (found := {name: x.shape for name, x in batch.items()}) != shapes:
            raise ValueError(
                f"later batches have shapes {found}, must have those of the first,"
                f" {shapes}: pad the last one"
            )
        self._step += steps
        if steps < self._steps and self._step >= self._total:
            more = [(0, self._steps - steps), (0, 0), (0, 0)]
            batch = {name: np.pad(x, more, mode="edge") for name, x in batch.items()}
        return place_chunk(batch, self._mesh)

    def close(self) -> None:
        """Ends the iterator, if it can be ended."""
        getattr(self._iterator, "close", lambda: None)()

    def _next(self) -> Batch:
        batch = next(self._iterator, None)
        if batch is None:
            raise ValueError(
                f"batches end before step {self._step}: there must be one for each of"
                f" total_steps={self._total}"
            )
        return batch

    def _require_arrays(self) -> None:
        """Checks the names and shapes of a batch's arrays."""
        names, shapes = self._shapes.keys(), set(self._shapes.values())
        if not {"tokens", "labels"} <= names <= {"tokens", "labels", "segments"}:
            raise ValueError(
                f"a batch has arrays {sorted(names)}, must have tokens, labels and at"
                f" most segments"
            )
        shape, *others = shapes
        if others or len(shape) != 2 or shape[1] < 2:
            raise ValueError(
                f"a batch has shapes {self._shapes}, must have [B, T+1] for each array,"
                f" where T is 1 or more"
            )


def _require_shares(batch: Batch) -> None:
    """Checks that no two processes give the same rows; each calls it."""
    total = hashlib.sha256()
    for name in sorted(batch):
        total.update(np.ascontiguousarray(batch[name]).tobytes())
    own = np.frombuffer(total.digest(), np.uint8)
    first: dict[bytes, int] = {}
    for process, each in enumerate(multihost_utils.process_allgather(own)):
        other = first.setdefault(each.tobytes(), process)
        if other != process:
            raise ValueError(
                f"processes {other} and {process} give the same rows of a batch:"
                f" each must give its own share, as data.Batches(process=...) does"
            )
