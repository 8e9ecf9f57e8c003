"""The training loop: dispatches, rows one dispatch late, checkpoints, a clean end."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import jax
import numpy as np
from jax.sharding import Mesh

from kscale.models import ModelConfig
from kscale.train.checkpoint import Checkpoints, describe
from kscale.train.config import Hyper, TrainConfig, members, solo
from kscale.train.dispatch import (
    abstract_state,
    compile_program,
    first_state,
    start_state,
)
from kscale.train.infeed import Batches, Chunks
from kscale.train.interruption import interruption
from kscale.train.logs import Progress, RunLog
from kscale.train.metrics import NotFiniteError, Totals, peak_flops, require_finite
from kscale.train.objective import Params, Problem, problem_of
from kscale.train.sharding import default_mesh
from kscale.train.step import Metrics, State

OnRow = Callable[[Mapping[str, Any]], None]
OnEvaluation = Callable[[int, State], None]


class FitResult(NamedTuple):
    """What a run leaves.

    Attributes:
      state: after the last step, on the devices: ``params``, ``mu``, ``nu``, ``step``;
        a leading axis M in a population.
      rows: the logged rows of this call, oldest first (``Totals.row``).
      step: number of steps taken.
      interrupted: SIGTERM came before the end.
      tokens: targets that counted in this call, of all members.
      seconds: of this call's loop, compilation and evaluations left out.
    """

    state: State
    rows: list[dict[str, Any]]
    step: int
    interrupted: bool
    tokens: int
    seconds: float


def fit(
    model: ModelConfig | Problem,
    config: TrainConfig,
    batches: Batches,
    total_steps: int,
    *,
    labels: Sequence[str],
    hyper: Hyper | None = None,
    mesh: Mesh | None = None,
    folder: Path | str | None = None,
    identity: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: TextIO | None = None,
    on_row: OnRow | None = None,
    start: Params | None = None,
    evaluate_at: Sequence[int] = (),
    on_evaluation: OnEvaluation | None = None,
) -> FitResult:
    """Trains one model, or a population side by side, on the batches given.

    SIGTERM makes it save and return early, which ``FitResult.interrupted`` tells.
    The state after step s depends on the arguments and s only: a run that was stopped
    or killed and resumed ends as one that was not, bit for bit on CPUs.

    Args:
      model: a transformer, or any other ``Problem``.
      config: how; automatic values must have been set (``resolve``), as
        ``steps_per_dispatch`` decides what ``batches`` yields.
      batches: ``batches(d)`` yields the chunks of dispatches d, d + 1, ...: dicts of
        ``tokens``, ``labels`` and optionally ``segments``, [K, B, T+1], or
        [K, M, B, T+1] for members with batches of their own. Steps at or beyond
        ``total_steps`` in the last one are ignored, whatever they hold. With several
        processes, the rows of this one.
      total_steps: optimizer steps of the whole run.
      labels: names of the labels, in order.
      hyper: ``population([...])``; None: one model with the config's values.
      mesh: from ``make_mesh``; None: one device.
      folder: run folder for checkpoints and logs; None: nothing is written.
      identity: what else the run is made of (world, data), JSON types; a checkpoint
        of another identity is refused.
      resume: go on from the latest checkpoint in the folder, if there is one.
      progress: stream for a bar or lines, such as ``sys.stderr``.
      on_row: called with every logged row.
      start: parameters to begin with, those of one model for all members, or leaves
        with an axis of members; without adapters these are new ones. None: drawn.
      evaluate_at: steps, rounded up to dispatches, at which ``on_evaluation`` is called
        with step and state; it must not keep the state, which the next step takes.
      on_evaluation: see ``evaluate_at``; each call is of another step.

    Returns:
      The last state and the logged rows.

    Raises:
      ValueError: the batches do not fit the config, the mesh or the run; the folder
        holds a run and ``resume`` is False.
      CheckpointError: a checkpoint cannot be written or read, or is another run's.
      NotFiniteError: the loss or gradient is not finite; the message names the step,
        and the latest checkpoint is from before it.
    """
    problem = model if isinstance(model, Problem) else problem_of(model)
    hyper = solo(config) if hyper is None else hyper
    mesh = default_mesh() if mesh is None else mesh
    require_resolved(config, total_steps)
    with contextlib.ExitStack() as stack:
        checkpoints = open_checkpoints(folder, config, stack)
        step = first_step(checkpoints, resume)
        chunks = open_chunks(batches, step, config, total_steps, hyper, mesh)
        stack.callback(chunks.close)
        run = describe(problem, config, total_steps, labels, hyper, chunks)
        run["identity"] = dict(identity or {})
        if checkpoints is not None and step:
            abstract = abstract_state(problem, hyper, mesh, config.trainable)
            state = checkpoints.restore(step, abstract, run)
        elif start is not None:
            state = start_state(problem, hyper, mesh, start, config.trainable)
        else:
            state = first_state(problem, hyper, mesh, config.trainable)
        if step == total_steps:
            return FitResult(state, [], step, False, 0, 0.0)
        program = compile_program(
            problem, config, total_steps, len(labels), hyper, mesh, chunks.shapes
        )
        bar = Progress(progress, total_steps, step)
        stack.callback(bar.close)
        flops = problem.flops_per_token(run["batch"]["context"])
        loop = _Loop(
            config=config,
            total_steps=total_steps,
            step=step,
            run=run,
            totals=Totals(labels, flops, peak_flops(mesh.devices.ravel().tolist())),
            checkpoints=checkpoints,
            log=open_log(folder, step, hyper),
            bar=bar,
            on_row=on_row,
            evaluate_at=evaluate_at,
            on_evaluation=on_evaluation,
        )
        return loop.go(program, state, chunks)


@dataclasses.dataclass
class _Loop:
    """A run under way; ``step`` is the last step whose metrics have been seen."""

    config: TrainConfig
    total_steps: int
    step: int
    run: Mapping[str, Any]
    totals: Totals
    checkpoints: Checkpoints | None
    log: RunLog | None
    bar: Progress
    on_row: OnRow | None
    evaluate_at: Sequence[int]
    on_evaluation: OnEvaluation | None
    tokens: int = 0
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def go(self, program: Any, state: State, chunks: Chunks) -> FitResult:
        """Runs to the end or to SIGTERM. Metrics are fetched one dispatch late."""
        steps = self.config.steps_per_dispatch
        dispatches = math.ceil(self.total_steps / steps)
        save_at = _next_multiple(self.step, self.config.checkpoint_every)
        look_at = self._next_evaluation()
        late: Metrics | None = None
        began = time.perf_counter()
        chunk = chunks.take()
        with interruption() as asked:
            for dispatch in range(self.step // steps, dispatches):
                state, metrics = program(state, chunk)
                last = dispatch + 1 == dispatches
                if not last:
                    chunk = chunks.take()
                if late is not None:
                    self._see(late)
                late = metrics
                stop = asked(dispatch) or last
                if stop or (dispatch + 1) * steps >= min(save_at, look_at):
                    self._see(metrics)
                    late = None
                    if self.step >= look_at and self.on_evaluation is not None:
                        began += self._evaluate(self.on_evaluation, state)
                        look_at = self._next_evaluation()
                    if stop or self.step >= save_at:
                        self._checkpoint(state)
                        save_at = _next_multiple(
                            self.step, self.config.checkpoint_every
                        )
                if stop:
                    break
        if self.checkpoints is not None:
            self.checkpoints.wait()
        seconds = time.perf_counter() - began
        ended = self.step == self.total_steps
        return FitResult(state, self.rows, self.step, not ended, self.tokens, seconds)

    def _next_evaluation(self) -> float:
        """The first step after this one that is to be evaluated."""
        if self.on_evaluation is None:
            return math.inf
        return min((at for at in self.evaluate_at if at > self.step), default=math.inf)

    def _evaluate(self, on_evaluation: OnEvaluation, state: State) -> float:
        """Shows a state to whoever asked; the seconds that it took are no training."""
        began = time.perf_counter()
        on_evaluation(self.step, state)
        seconds = time.perf_counter() - began
        self.totals.pause(seconds)
        return seconds

    def _see(self, metrics: Metrics) -> None:
        """Fetches a dispatch's metrics, checks them, and writes a row if one is due."""
        count = min(self.config.steps_per_dispatch, self.total_steps - self.step)
        seen = jax.tree.map(lambda x: x[:count], jax.device_get(metrics))
        try:
            require_finite(seen, self.step)
        except NotFiniteError as error:
            raise NotFiniteError(f"{error} {self._where()}") from None
        self.totals.add(seen)
        self.tokens += int(np.sum(seen["token_count"], dtype=np.int64))
        before, self.step = self.step, self.step + count
        every = self.config.log_every
        if not every or self.step >= _next_multiple(before, every):
            self._write_row()

    def _write_row(self) -> None:
        row = self.totals.row(self.step)
        self.rows.append(row)
        if self.log is not None:
            self.log.write(row)
        self.bar.show(row)
        if self.on_row is not None:
            self.on_row(row)

    def _checkpoint(self, state: State) -> None:
        """Saves a state whose metrics were finite.

        The row is written before, so that a resumed run logs the same rows as one
        that was never stopped.
        """
        if self.totals.steps:
            self._write_row()
        if self.checkpoints is not None:
            self.checkpoints.save(self.step, state, self.run)

    def _where(self) -> str:
        latest = self.checkpoints.latest() if self.checkpoints is not None else None
        if self.checkpoints is None or latest is None:
            return "No checkpoint was written."
        return f"The latest checkpoint is {self.checkpoints.folder / str(latest)}."


def _next_multiple(step: int, every: int) -> int:
    return (step // every + 1) * every


# What a run opens before its first step: checkpoints, log, batches, or a refusal.
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
    checkpoints = Checkpoints(path, config.keep)
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
