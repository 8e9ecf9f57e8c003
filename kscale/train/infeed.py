"""The chunks of a run, one per dispatch, checked and sent to the devices.

Axes: K steps of a dispatch, M members, B rows, T positions.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from kscale.train.config import Hyper, members
from kscale.train.sharding import place_chunk

Chunk = Mapping[str, np.ndarray]
Batches = Callable[[int], Iterator[Chunk]]


class Chunks:
    """Reads chunk after chunk; all must have the shapes of the first.

    Args:
      batches: ``batches(d)`` yields the chunks of dispatches d, d + 1, ...: dicts of
        ``tokens``, ``labels`` and optionally ``segments``, each [K, B, T+1] or
        [K, M, B, T+1]. An array must not be changed after it was yielded.
      dispatch: the first one to be read.
      steps_per_dispatch: K.
      hyper: tells whether there are members, and how many.
      mesh: where the chunks go.

    Raises:
      ValueError: the first chunk does not fit; the message names shape and remedy.
    """

    def __init__(
        self,
        batches: Batches,
        dispatch: int,
        steps_per_dispatch: int,
        hyper: Hyper,
        mesh: Mesh,
    ) -> None:
        self._dispatch = dispatch
        self._mesh = mesh
        self._iterator = iter(batches(dispatch))
        chunk = self._next()
        _require_shapes(chunk, steps_per_dispatch, members(hyper))
        self.own_data = chunk["tokens"].ndim == 4
        self._shapes = {name: array.shape for name, array in chunk.items()}
        self._waiting: dict[str, jax.Array] | None = self._place(chunk)
        self.shapes = {
            name: jax.ShapeDtypeStruct(array.shape, array.dtype)
            for name, array in self._waiting.items()
        }

    def take(self) -> dict[str, jax.Array]:
        """The next chunk, on the devices.

        Raises:
          ValueError: there is none, or it has other shapes than the first.
        """
        if self._waiting is not None:
            placed, self._waiting = self._waiting, None
            return placed
        chunk = self._next()
        shapes = {name: array.shape for name, array in chunk.items()}
        if shapes != self._shapes:
            raise ValueError(
                f"The chunk of dispatch {self._dispatch - 1} has shapes {shapes}, the "
                f"first had {self._shapes}; all must be equal: pad the last one."
            )
        return self._place(chunk)

    def describe(self) -> dict[str, Any]:
        """What a resumed run's batches must agree on."""
        *_, rows, length = self.shapes["tokens"].shape
        return {
            "rows": rows,
            "context": length - 1,
            "fields": sorted(self.shapes),
            "own_data": self.own_data,
        }

    def close(self) -> None:
        """Ends the iterator, if it can be ended."""
        getattr(self._iterator, "close", lambda: None)()

    def _place(self, chunk: Chunk) -> dict[str, jax.Array]:
        return place_chunk(chunk, self._mesh, self.own_data)

    def _next(self) -> Chunk:
        chunk = next(self._iterator, None)
        if chunk is None:
            raise ValueError(
                f"The batches end before dispatch {self._dispatch}; they must last "
                "for ceil(total_steps / steps_per_dispatch) dispatches."
            )
        self._dispatch += 1
        return chunk


def _require_shapes(chunk: Chunk, steps: int, size: int | None) -> None:
    shapes = {name: tuple(array.shape) for name, array in chunk.items()}
    known = {"tokens", "labels", "segments"}
    if not {"tokens", "labels"} <= shapes.keys() <= known:
        raise ValueError(
            f"A chunk has {sorted(shapes)}, must have tokens, labels and at most "
            "segments."
        )
    if len(set(shapes.values())) > 1:
        raise ValueError(f"The arrays of a chunk differ in shape: {shapes}.")
    shape = shapes["tokens"]
    expected = f"[{steps}, B, T+1]"
    if size is not None:
        expected += f" or, with batches of their own, [{steps}, {size}, B, T+1]"
    own = len(shape) == 4 and size is not None and shape[1] == size
    if shape[0] != steps or not (len(shape) == 3 or own) or shape[-1] < 2:
        raise ValueError(
            f"A chunk has shape {shape}, must be {expected}, where {steps} is "
            "TrainConfig.steps_per_dispatch and T is 1 or more."
        )
