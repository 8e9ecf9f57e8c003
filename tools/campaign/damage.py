"""Damaged files of a finished run: each is refused, or read as it was; never wrongly.

The public readers read them in this process. With the seals of the run all damage is
noticed. Without them what has no checksums of its own may be read as it now is, but an
error must still be one that a command makes a line of.
"""

import json
import os
import pathlib
import shutil
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from kscale import quant, train
from kscale.configs.base import Config, fingerprint
from kscale.runs.devices import arrange, plan_training
from kscale.runs.folder import RunFolder
from kscale.runs.task import Task, open_run
from kscale.scores.table import ScoreTable
from kscale.train.checkpoint import CHECKPOINTS, Checkpoints
from kscale.train.checksums import SEAL
from kscale.train.dispatch import abstract_state
from tools.campaign.cases import Attack, Case, Outcome
from tools.campaign.jobs import TINY
from tools.campaign.processes import make

_OPENED = 0.02  # of the damages: after so many the run is opened whole
_SEALED = 0.7  # of the damages: so many leave the seals


class _Read(NamedTuple):
    """How a file is read.

    Attributes:
      read: returns what is in it, or raises.
      checked: whether damage is noticed without a seal, too.
    """

    read: Callable[[], Any]
    checked: bool = False


def prepare_damage(folder: pathlib.Path) -> Attack:
    """Returns the attack: bytes of one file are changed, and it is read.

    What libraries say of that on standard error, in their threads, goes to a file.
    """
    with (folder / "damage.err").open("w") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    run = folder / "damaged"
    tiny = [*TINY, "--config.score.times=2", f"--workdir={run}"]
    make(["train", *tiny], folder)
    quantize = ["quantize", f"--workdir={run}", "--method=nearest", "--bits=4"]
    make([*quantize, "--save"], folder)
    readers, opened = _make_readers(run), _freeze(open_run(run)[1])
    truths = {path: _freeze(reader.read()) for path, reader in readers.items()}
    seals = {x: x.read_bytes() for x in run.rglob(SEAL)}

    def attack(case: Case) -> Outcome:
        rng = case.rng
        path = list(readers)[rng.integers(len(readers))]
        sealed = bool(rng.random() < _SEALED) or path.name == SEAL
        whole = path.read_bytes()
        what = f"{path.relative_to(run)}, {'sealed' if sealed else 'without a seal'}"
        kind = "sealed" if sealed else "without a seal"
        if not sealed:
            for each in seals:
                each.unlink()
        try:
            _damage(rng, path, whole)
            checks = [(readers[path], truths[path])]
            if rng.random() < _OPENED and path.parent == run:
                checks.append((_Read(lambda: open_run(run)[1]), opened))
            for reader, truth in checks:
                wrong = _judge(reader, truth, sealed)
                if wrong:
                    shutil.copy(path, case.place)
                    return Outcome(kind, f"{what}: {wrong}")
        finally:
            for each, data in seals.items():
                each.write_bytes(data)
            path.write_bytes(whole)
        return Outcome(kind)

    return attack


def _damage(rng: np.random.Generator, path: pathlib.Path, whole: bytes) -> None:
    """Changes some bytes: most often one, or cuts, fills, doubles or swaps them."""
    data, at = bytearray(whole), int(rng.integers(len(whole)))
    near = min(at, int(rng.integers(300)))  # headers are at the start, or at the end
    place = (at, near, max(len(whole) - 1 - near, 0))[rng.integers(3)]
    end = place + int(rng.integers(1, 65))
    how = rng.choice(
        ("flip", "byte", "digit", "cut", "zeros", "append", "gone", "swap"),
        p=(0.25, 0.3, 0.2, 0.06, 0.06, 0.05, 0.02, 0.06),
    )
    if how == "flip":
        data[place] ^= 1 << int(rng.integers(8))
    elif how == "byte":
        data[place] = rng.integers(256)
    elif how == "digit":
        places = [i for i, x in enumerate(data) if 48 <= x <= 57] or [place]
        data[places[rng.integers(len(places))]] = 48 + rng.integers(10)
    elif how == "cut":
        del data[place:]
    elif how == "zeros":
        data[place:end] = bytes(len(data[place:end]))
    elif how == "append":
        data += rng.bytes(int(rng.integers(1, 65)))
    elif how == "gone":
        path.unlink()
        return
    else:
        data[place:end] = reversed(data[place:end])
    path.write_bytes(data)


def _judge(reader: _Read, truth: Any, sealed: bool) -> str:
    """Reads a file, and says whether it was read wrongly or raised what it must not."""
    try:
        found = _freeze(reader.read())
    except (ValueError, OSError):
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if found != truth and (sealed or reader.checked):
        return "is read wrongly"
    return ""


def _make_readers(run: pathlib.Path) -> dict[pathlib.Path, _Read]:
    """Returns how each file of a run is read."""
    folder, task = RunFolder(run), open_run(run)[0]
    score_at = plan_training(task).score_at

    def sealed(path: pathlib.Path, read: Callable[..., Any]) -> Callable[[], Any]:
        def read_sealed() -> Any:
            folder.require_unchanged(path)
            return read(path)

        return read_sealed

    def log(path: pathlib.Path, read: Callable[[], Any]) -> Callable[[], Any]:
        def read_log() -> Any:
            if path in (lost := folder.find_lost(score_at)):
                raise ValueError(lost[path][0])
            return read()

        return read_log

    def as_file(path: pathlib.Path, read: Callable[..., Any]) -> _Read:
        return _Read(sealed(path, read), checked=path.suffix == ".npz")

    rounded, params = folder.quantized("nearest", 4), folder.params()
    readers = {
        folder.config: _Read(lambda: open_run(run)[0].config, checked=True),
        folder.result: as_file(folder.result, lambda _: folder.read_members()),
        folder.metrics: _Read(log(folder.metrics, folder.read_logged)),
        folder.curve: _Read(log(folder.curve, folder.read_curve)),
        params: as_file(params, train.load_params),
        folder.scores(): as_file(folder.scores(), ScoreTable.load),
        rounded: as_file(rounded, quant.load_quantized),
        run / SEAL: as_file(params, train.load_params),
    }
    step = run / CHECKPOINTS / str(folder.latest_step())
    restore = _Read(_make_restore(task, step))
    return readers | {
        path: restore
        for path in sorted(step.rglob("*"))
        if path.is_file() and path.stat().st_size
    }


def _make_restore(task: Task, step: pathlib.Path) -> Callable[[], Any]:
    """Returns what restores a checkpoint."""
    plan = arrange(task)
    run = json.loads((step / "description" / "metadata").read_text())
    assert plan.mesh is not None
    wanted = plan.objective, plan.hyper, plan.mesh, plan.config.trainable
    abstract = abstract_state(*wanted)
    checkpoints = Checkpoints(step.parent)
    return lambda: checkpoints.restore(int(step.name), abstract, run)


def _freeze(found: Any) -> Any:
    """Returns what was read as something that can be compared."""
    if isinstance(found, Config):  # what changes no result may change
        return fingerprint(found)
    if isinstance(found, ScoreTable):
        found = vars(found)
    leaves, tree = jax.tree.flatten(found)
    return [np.asarray(x).tobytes() for x in leaves], str(tree)
