"""Checkpoints of a run: atomic, asynchronous, checked, and never of another run.

A checkpoint holds the state and a JSON description of the run it belongs to. Its files
are sealed by checksums, as the storage format does not notice a flipped bit, and reads
a cut file with many lines of protest.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policies

from kscale.files import read_arrays, write_arrays
from kscale.train.checksums import find_broken, seal
from kscale.train.config import RHYTHM, Hyper, TrainConfig, count_members
from kscale.train.infeed import Infeed
from kscale.train.objective import Objective, describe_config
from kscale.train.step import State
from kscale.trees import leaves_by_path, nest

# What a run is, so that a checkpoint of another run can be told and refused.
Description = Mapping[str, Any]

CHECKPOINTS = "checkpoints"  # the folder's name in that of a run

# Raised when descriptions are made otherwise, so that older ones cannot be compared.
FORMAT = 2


def describe_run(
    objective: Objective,
    config: TrainConfig,
    total_steps: int,
    labels: Sequence[str],
    hyper: Hyper,
    infeed: Infeed,
) -> dict[str, Any]:
    """Returns what makes a run what it is, in JSON's types; the rhythm is left out."""
    train = describe_config(config)
    run = {
        "format": FORMAT,
        "model": dict(objective.description),
        "train": {name: x for name, x in train.items() if name not in RHYTHM},
        "total_steps": total_steps,
        "labels": list(labels),
        "batch": {
            "rows": infeed.rows,
            "context": infeed.context,
            "fields": infeed.fields,
        },
    }
    if count_members(hyper) is not None:
        run["population"] = {
            name: np.asarray(x).tolist() for name, x in hyper._asdict().items()
        }
    return run


def list_differences(old: Description, new: Description) -> list[str]:
    """Lists every field that differs, for example "model.layers was 2, is 4"."""
    before, after = _flatten(old), _flatten(json.loads(json.dumps(new)))

    def show(tree: Mapping[str, Any], name: str) -> str:
        return repr(tree[name]) if name in tree else "unset"

    return [
        f"{name} was {show(before, name)}, is {show(after, name)}"
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name] != after[name]
    ]


def _flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


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

    Example:
      >>> checkpoints = Checkpoints(run_folder / "checkpoints")
      >>> checkpoints.save(100, state, description)
      >>> checkpoints.close()
    """

    def __init__(self, folder: Path | str, keep: int = 1) -> None:
        self.folder = Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )
        self._unsealed: int | None = None
        with self._reporting("written"):
            self._manager = ocp.CheckpointManager(self.folder, options=options)

    def latest(self) -> int | None:
        """Returns the step of the latest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, description: Description) -> None:
        """Starts to write a checkpoint; returns once the state is copied.

        Args:
          step: number of steps taken.
          state: on the devices; may be donated right afterwards.
          description: JSON types; what `restore` compares.

        Raises:
          CheckpointError: this or the one before could not be written, for example
            as the disk is full. Checkpoints that were complete stay.
        """
        if step == self.latest():
            return
        self.wait()
        with self._reporting("written"):
            _require_room(self.folder, state)
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    description=ocp.args.JsonSave(dict(description)),
                ),
            )
            self._unsealed = step

    def restore(self, step: int, abstract: Any, description: Description) -> State:
        """Reads a checkpoint, whole and of this run, or raises.

        Args:
          step: one that exists (`latest`).
          abstract: tree of `ShapeDtypeStruct` with shardings.
          description: of the run that wants to go on.

        Returns:
          The state, on the devices.

        Raises:
          CheckpointError: it belongs to another run (the message gives every field
            that differs, old and new), or it cannot be read, or was changed.
        """
        path = self.folder / str(step)
        if damage := find_broken(path):
            raise CheckpointError(
                f"Checkpoint {path} cannot be read ({', '.join(damage[:3])} missing or "
                f"changed since it was written). {self._way_out(step)}"
            )
        item = ocp.args.Composite(description=ocp.args.JsonRestore())
        with self._reporting("read", step):
            run = self._manager.restore(step, args=item)["description"]
        if run.get("format") != description.get("format"):
            raise CheckpointError(
                f"Checkpoint {path} was written by an older kscale: finish its run with"
                f" that version, or start a new run in another folder."
            )
        if found := list_differences(run, description):
            raise CheckpointError(
                f"Checkpoint {path} belongs to another run: {'; '.join(found)}. Resume"
                f" with the old values, or start a new run in another folder."
            )
        item = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        with self._reporting("read", step):
            state = self._manager.restore(step, args=item)["state"]
        if int(state["step"]) != step:
            raise CheckpointError(
                f"Checkpoint {path} is of step {int(state['step'])}; give the folder "
                "its name back."
            )
        return state

    def wait(self) -> None:
        """Waits until all that was saved is on disk, and seals it.

        Raises:
          CheckpointError: it could not be written.
        """
        with self._reporting("written"):
            self._manager.wait_until_finished()
            if self._unsealed is not None and not jax.process_index():
                seal(self.folder / str(self._unsealed))
            self._unsealed = None

    def close(self) -> None:
        """Waits and releases the folder."""
        self.wait()
        with self._reporting("written"):
            self._manager.close()

    @contextlib.contextmanager
    def _reporting(self, done: str, step: int | None = None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if any(sign in _messages(error) for sign in _FULL):
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


def _messages(error: BaseException) -> str:
    """Joins the messages of an error and of all that caused it."""
    cause = error.__cause__ or error.__context__
    return str(error) if cause is None else f"{error} {_messages(cause)}"


def save_params(path: Path | str, params: Any) -> None:
    """Writes parameters to an `.npz` file, whole or not at all, for scoring.

    Args:
      path: the file; replaced if it exists, its folder made if it does not.
      params: nested dict of arrays; a leaf's name in the file is its path.

    Raises:
      ValueError: the file cannot be written; one that existed stays as it was.
    """
    write_arrays(Path(path), leaves_by_path(jax.device_get(params)), "Weights ")


def load_params(path: Path | str) -> dict[str, Any]:
    """Returns what `save_params` wrote: a nested dict of NumPy arrays.

    Raises:
      ValueError: the file does not exist, or is not whole.
    """
    return nest(read_arrays(Path(path), "Weights "))
