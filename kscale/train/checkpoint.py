"""Checkpoints of a run: atomic, asynchronous, checked, and never of another run.

A checkpoint holds the state and a JSON description: what run it belongs to, and a
checksum of every leaf, as the storage format does not notice a flipped bit.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policies

from kscale.train.paths import path_name
from kscale.train.step import State

Description = Mapping[str, Any]
# Bytes of a checkpoint beside its arrays; generous, for file systems of large blocks.
_OVERHEAD = 2**18
_FULL = ("No space left", "File too large", "Disk quota exceeded", "RESOURCE_EXHAUSTED")


class CheckpointError(ValueError):
    """A checkpoint that cannot be written, read or used; the message names it."""


class Checkpoints:
    """The checkpoints of one run, one folder a step.

    Args:
      folder: made if it does not exist.
      keep: how many of the latest stay.
      keep_every: of the older ones, one stays every so many steps; 0: none.

    Example:
      >>> checkpoints = Checkpoints(run_folder / "checkpoints")
      >>> checkpoints.save(100, state, description)
      >>> checkpoints.close()
    """

    def __init__(self, folder: Path | str, keep: int = 1, keep_every: int = 0) -> None:
        self.folder = Path(folder).absolute()
        kept: list[Any] = [policies.LatestN(keep)]
        if keep_every:
            kept.append(policies.EveryNSteps(keep_every, exact_interval=False))
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(kept),
            cleanup_tmp_directories=True,
        )
        with self._reporting("written"):
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def latest(self) -> int | None:
        """Step of the latest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, description: Description) -> None:
        """Starts to write a checkpoint; returns once the state is copied.

        Args:
          step: number of steps taken.
          state: on the devices; may be donated right afterwards.
          description: JSON types; what ``restore`` compares.

        Raises:
          CheckpointError: this or the one before could not be written, for example
            as the disk is full. Checkpoints that were complete stay.
        """
        if step == self.latest():
            return
        content = {"run": description, "checksums": checksums(state)}
        with self._reporting("written"):
            self._manager.check_for_errors()
            _require_room(self.folder, state)
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    description=ocp.args.JsonSave(content),
                ),
            )

    def restore(self, step: int, abstract: Any, description: Description) -> State:
        """Reads a checkpoint, whole and of this run, or raises.

        Args:
          step: one that exists (``latest``).
          abstract: tree of ``ShapeDtypeStruct`` with shardings.
          description: of the run that wants to go on.

        Returns:
          The state, on the devices.

        Raises:
          CheckpointError: it belongs to another run (the message gives every field
            that differs, old and new), or it cannot be read, or was altered.
        """
        item = ocp.args.Composite(description=ocp.args.JsonRestore())
        with self._reporting("read", step):
            content = self._manager.restore(step, args=item)["description"]
            run, sums = content["run"], content["checksums"]
        _require_same_run(self.folder / str(step), run, description)
        item = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        with self._reporting("read", step):
            state = self._manager.restore(step, args=item)["state"]
        altered = [name for name, x in checksums(state).items() if sums.get(name) != x]
        if altered or int(state["step"]) != step:
            raise CheckpointError(
                f"Checkpoint {self.folder / str(step)} was altered after it was "
                f"written ({', '.join(altered[:3]) or 'step'}). {self._way_out(step)}"
            )
        return state

    def wait(self) -> None:
        """Waits until all that was saved is on disk.

        Raises:
          CheckpointError: it could not be written.
        """
        with self._reporting("written"):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits and releases the folder."""
        with self._reporting("written"):
            self._manager.close()

    @contextlib.contextmanager
    def _reporting(self, done: str, step: int | None = None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if any(sign in _whole(error) for sign in _FULL):
                reason = "the disk is full"
            where = self.folder if step is None else self.folder / str(step)
            way_out = "Complete checkpoints in it are intact; make room and resume."
            if step is not None:
                way_out = self._way_out(step)
            raise CheckpointError(
                f"Checkpoint {where} cannot be {done} ({reason[:160]}). {way_out}"
            ) from error

    def _way_out(self, step: int) -> str:
        older = [other for other in self._manager.all_steps() if other < step]
        if older:
            return f"Delete it to go on from step {max(older)}, or start a new run."
        return "There is none before it; start a new run in another folder."


def _require_room(folder: Path, state: State) -> None:
    """Reserves the space of a checkpoint and frees it again: full disks and quotas.

    Failing here is quiet; failing in the middle of the asynchronous writer is not.
    """
    if jax.process_index() or not hasattr(os, "posix_fallocate"):
        return
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _OVERHEAD
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)


def checksums(state: State) -> dict[str, int]:
    """A 32-bit sum of every leaf's bits, each weighted by its position.

    Args:
      state: arrays on the devices, sharded as they may be.

    Returns:
      Path -> sum. Equal states have equal sums, on any number of devices.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(jax.device_get(_sums(state)))
    return {path_name(path): int(value) for path, value in leaves}


@jax.jit
def _sums(state: State) -> Any:
    def one(leaf: jax.Array) -> jax.Array:
        unsigned = jnp.dtype(f"uint{8 * leaf.dtype.itemsize}")
        bits = jax.lax.bitcast_convert_type(leaf, unsigned).astype(jnp.uint32).ravel()
        return jnp.sum(bits * (2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1))

    return jax.tree.map(one, state)


def describe_differences(old: Description, new: Description) -> list[str]:
    """Every field in which two descriptions differ: ``"model.layers was 2, is 4"``."""
    before, after = _flat(old), _flat(json.loads(json.dumps(new)))
    missing = "absent"
    return [
        f"{name} was {before.get(name, missing)!r}, is {after.get(name, missing)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name, missing) != after.get(name, missing)
    ]


def _require_same_run(path: Path, old: Description, new: Description) -> None:
    differences = describe_differences(old, new)
    if differences:
        raise CheckpointError(
            f"Checkpoint {path} belongs to another run: {'; '.join(differences)}. "
            "Resume with the old values, or start a new run in another folder."
        )


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _whole(error: BaseException) -> str:
    """The messages of an error and of all that caused it."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts.append(str(seen))
        seen = seen.__cause__ or seen.__context__
    return " ".join(parts)
