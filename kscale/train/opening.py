"""What a run opens before its first step: checkpoints, log, batches, or a refusal."""

import contextlib
import math
from pathlib import Path

import jax
from jax.sharding import Mesh

from kscale.train.checkpoint import Checkpoints
from kscale.train.chunks import Batches, Chunks
from kscale.train.config import Hyper, TrainConfig, members
from kscale.train.logs import RunLog


def require_resolved(config: TrainConfig, total_steps: int) -> None:
    """Refuses a run of no steps, or with automatic values left in its config."""
    if total_steps < 1:
        raise ValueError(f"total_steps is {total_steps}, must be 1 or more.")
    for field in ("rows_per_gradient", "steps_per_dispatch", "checkpoint_every"):
        if not getattr(config, field):
            raise ValueError(
                f"TrainConfig.{field} is 0 (automatic), must be set before the run; "
                "call resolve(config, rows=..., context=..., total_steps=...)."
            )


def open_checkpoints(
    folder: Path | str | None, config: TrainConfig, stack: contextlib.ExitStack
) -> Checkpoints | None:
    """The checkpoints of a run folder, closed with the stack; None without a folder."""
    if folder is None:
        return None
    path = Path(folder) / "checkpoints"
    checkpoints = Checkpoints(path, config.keep, config.keep_every)
    stack.callback(checkpoints.close)
    return checkpoints


def open_log(folder: Path | str | None, step: int, hyper: Hyper) -> RunLog | None:
    """The log, in the one process that writes it."""
    if folder is None or jax.process_index():
        return None
    return RunLog(folder, step, members(hyper))


def first_step(checkpoints: Checkpoints | None, resume: bool) -> int:
    """The step to go on from."""
    step = checkpoints.latest() if checkpoints is not None else None
    if checkpoints is None or step is None:
        return 0
    if not resume:
        raise ValueError(
            f"Folder {checkpoints.folder} holds a run at step {step}; resume it, or "
            "choose another folder."
        )
    return step


def open_chunks(
    batches: Batches,
    step: int,
    config: TrainConfig,
    total_steps: int,
    hyper: Hyper,
    mesh: Mesh,
) -> Chunks:
    """The batches from a step on."""
    # A run at its end looks at its last chunk, to be compared with the checkpoint's.
    steps = config.steps_per_dispatch
    dispatch = min(step // steps, math.ceil(total_steps / steps) - 1)
    return Chunks(batches, dispatch, steps, hyper, mesh)
