"""Checkpoints of a run: atomic, asynchronous, checked, and never of another run.

A checkpoint holds the state and a JSON description of the run it belongs to. A seal
holds the checksums of its files, as the storage format does not notice a flipped bit,
and reads a cut file with many lines of protest.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policies

from kscale import stopping
from kscale.files import read_arrays, write_arrays
from kscale.train.checksums import find_broken, seal
from kscale.train.config import RHYTHM, Hyper, TrainConfig, count_members
from kscale.train.infeed import Infeed
from kscale.train.objective import Objective, describe_config
from kscale.train.step import State
from kscale.trees import leaves_by_path, nest

Description = Mapping[str, Any]  # what a run is; another's checkpoint is refused

CHECKPOINTS = "checkpoints"  # the folder of a run's checkpoints
DROPPED = ".kscale.dropped"  # below it: those that are being deleted

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
    fields = describe_config(config).items()
    run = {
        "format": FORMAT,
        "model": dict(objective.description),
        "train": {name: x for name, x in fields if name not in RHYTHM},
        "total_steps": total_steps,
        "labels": list(labels),
        "batch": {x: getattr(infeed, x) for x in ("rows", "context", "fields")},
    }
    if count_members(hyper) is not None:
        run["population"] = {
            name: np.asarray(x).tolist() for name, x in hyper._asdict().items()
        }
    return run


def list_differences(old: Description, new: Description) -> list[str]:
    """Lists every field that differs, for example "model.layers was 2, is 4"."""
    before, after = (
        leaves_by_path(run, is_leaf=lambda node: not isinstance(node, dict))
        for run in (old, json.loads(json.dumps(new)))
    )

    def show(leaves: Mapping[str, Any], path: str) -> str:
        return repr(leaves[path]) if path in leaves else "unset"

    return [
        f"{path.replace('/', '.')} was {show(before, path)}, is {show(after, path)}"
        for path in sorted(before.keys() | after.keys())
        if path not in before or path not in after or before[path] != after[path]
    ]


# Bytes of a checkpoint beside its arrays; generous, for file systems of large blocks.
_OVERHEAD = 2**18
_FULL = ("No space left", "File too large", "Disk quota exceeded", "RESOURCE_EXHAUSTED")


class CheckpointError(ValueError):
    """A checkpoint that cannot be written, read or used; the message names it."""


class Checkpoints:
    """The checkpoints of one run, one folder a step, of which the latest `keep` stay.

    Example:
      >>> checkpoints = Checkpoints(run_folder / CHECKPOINTS)
      >>> checkpoints.save(100, state, description)
      >>> checkpoints.close()
    """

    def __init__(self, folder: Path | str, keep: int = 1) -> None:
        self.folder = Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.LatestN(keep),
            cleanup_tmp_directories=True,
            todelete_subdir=DROPPED,  # moved at once: half a checkpoint is none
        )
        self._unsealed: int | None = None
        if self.folder.is_file():
            raise CheckpointError(f"{self.folder} is a file: remove it, or move it")
        with self._reporting():
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        self._delete_dropped()

    def latest(self) -> int | None:
        """Returns the step of the latest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(
        self,
        step: int,
        state: State,
        description: Description,
        diverged: Sequence[int | None] = (),
    ) -> None:
        """Starts to write a checkpoint; returns once the state is copied.

        The state may be donated right afterwards. `restore` compares the description,
        JSON types; `diverged` is for `read_diverged`.

        Raises:
          CheckpointError: this or the one before could not be written, for example
            as the disk is full. Checkpoints that were complete stay.
        """
        if step == self.latest():
            return
        self.wait()
        described = dict(description)
        if any(diverged):
            described["diverged"] = list(diverged)
        with self._reporting():
            _require_room(self.folder, state)
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    description=ocp.args.JsonSave(described),
                ),
            )
            self._unsealed = step

    def restore(self, step: int, abstract: Any, description: Description) -> State:
        """Reads a checkpoint to the devices, whole and of this run, or raises.

        Args:
          step: one that exists (`latest`).
          abstract: tree of `ShapeDtypeStruct` with shardings.
          description: of the run to be resumed.

        Raises:
          CheckpointError: it belongs to another run, cannot be read, or was changed.
        """
        path = self.folder / str(step)
        if damage := find_broken(path):
            raise CheckpointError(
                f"checkpoint {path} cannot be read ({', '.join(damage[:3])} missing or "
                f"changed since it was written): {self._way_out(step)}"
            )
        run = self._read_description(step)
        run.pop("diverged", None)
        if run.get("format") != description.get("format"):
            raise CheckpointError(
                f"checkpoint {path} was written by an older kscale: finish its run with"
                f" that version, or start a new run in another folder"
            )
        if found := list_differences(run, description):
            raise CheckpointError(
                f"checkpoint {path} belongs to another run ({'; '.join(found)}): resume"
                f" with the old values, or start a new run in another folder"
            )
        item = ocp.args.Composite(state=ocp.args.StandardRestore(abstract))
        with self._reporting(step):
            state = self._manager.restore(step, args=item)["state"]
        if int(state["step"]) != step:
            raise CheckpointError(
                f"checkpoint {path} is of step {int(state['step'])}: rename the folder"
            )
        return state

    def read_diverged(self, step: int) -> list[int | None] | None:
        """Reads at which step each member diverged; None: the checkpoint says none."""
        return self._read_description(step).get("diverged") if step else None

    def _read_description(self, step: int) -> dict[str, Any]:
        item = ocp.args.Composite(description=ocp.args.JsonRestore())
        with self._reporting(step):
            return dict(self._manager.restore(step, args=item)["description"])

    def wait(self) -> None:
        """Waits until all that was saved is on disk, and seals it; raises as `save`."""
        with self._reporting():
            self._manager.wait_until_finished()
            folder = self.folder / str(self._unsealed)
            unsealed, self._unsealed = self._unsealed is not None, None
            if unsealed and folder.exists() and not jax.process_index():
                seal(folder)  # one that does not exist was never begun
        self._delete_dropped()

    def close(self) -> None:
        """Waits and releases the folder."""
        self.wait()
        with self._reporting():
            self._manager.close()

    def _delete_dropped(self) -> None:
        if not jax.process_index():
            shutil.rmtree(self.folder / DROPPED, ignore_errors=True)

    @contextlib.contextmanager
    def _reporting(self, step: int | None = None) -> Iterator[None]:
        """Turns errors into `CheckpointError`, of reading a step or else of writing.

        Signals wait, as what is half done here cannot be told from a full disk.
        """
        try:
            with stopping.defer():
                yield
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if any(sign in _messages(error) for sign in _FULL):
                reason = "the disk is full"
            what, path = "written", self.folder
            way_out = "make room and resume; the complete ones in it are intact"
            if step is not None:
                what, path, way_out = "read", path / str(step), self._way_out(step)
            raise CheckpointError(
                f"checkpoint {path} cannot be {what} ({reason[:160]}): {way_out}"
            ) from error

    def _way_out(self, step: int) -> str:
        older = [other for other in self._manager.all_steps() if other < step]
        new = "start a new run in another folder"
        if older:
            return f"delete it to go on from step {max(older)}, or {new}"
        return f"there is none before it; {new}"


def _require_room(folder: Path, state: State) -> None:
    """Reserves the space of a checkpoint and frees it: on a full disk this fails.

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
    """Writes a nested dict of arrays to an `.npz` file: the leaves by their paths."""
    write_arrays(Path(path), leaves_by_path(jax.device_get(params)), "Weights ")


def load_params(path: Path | str) -> dict[str, Any]:
    """Returns what `save_params` wrote, as NumPy arrays."""
    leaves = read_arrays(Path(path), "Weights ")
    try:
        return nest(leaves)
    except ValueError as error:
        raise ValueError(f"Weights {path} cannot be read ({error}).") from None
