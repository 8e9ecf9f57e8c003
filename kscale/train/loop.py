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
from kscale.train.checkpoint import CHECKPOINTS, Checkpoints, describe_run
from kscale.train.config import (
    Hyper,
    TrainConfig,
    count_members,
    make_hyper,
    resolve,
)
from kscale.train.dispatch import abstract_state, compile_dispatch, start_state
from kscale.train.infeed import Batches, Infeed
from kscale.train.interruption import watch_sigterm
from kscale.train.logs import Progress, RunLog
from kscale.train.metrics import NotFiniteError, Totals, peak_flops, require_finite
from kscale.train.objective import Objective, Params, make_objective
from kscale.train.sharding import default_mesh, hyper_sharding
from kscale.train.step import Metrics, State, make_step

OnRow = Callable[[Mapping[str, Any]], None]
OnEvaluation = Callable[[int, State], None]


class FitResult(NamedTuple):
    """What a run leaves.

    Attributes:
      state: after the last step, on the devices: `params`, `mu`, `nu`, `step`;
        a leading axis M in a population.
      rows: the logged rows of this call, oldest first (`Totals.row`).
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
    model: ModelConfig | Objective,
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

    SIGTERM makes it save and return early, which `FitResult.interrupted` tells.
    The state after step s depends on the arguments and s only: a run that was stopped
    or killed and resumed ends as one that was not, bit for bit on CPUs.

    Args:
      model: a transformer, or any other `Objective`.
      config: how; automatic values are set by `resolve`.
      batches: `data.Batches.iterate`, or `stack_steps` of a function of the step;
        with several processes, the rows of this one.
      total_steps: optimizer steps of the whole run.
      labels: names of the labels, in order.
      hyper: `stack_hypers([...])`; None: one model with the config's values.
      mesh: from `make_mesh`; None: one device.
      folder: run folder for checkpoints and logs; None: nothing is written.
      identity: what else the run is made of (world, data), JSON types; a checkpoint
        of another identity is refused.
      resume: go on from the latest checkpoint in the folder, if there is one.
      progress: stream for a bar or lines, such as `sys.stderr`.
      on_row: called with every logged row.
      start: parameters to begin with (`dispatch.start_state`); None: drawn.
      evaluate_at: steps, rounded up to dispatches, at which `on_evaluation` is called
        with step and state; it must not keep the state, which the next step takes.
      on_evaluation: see `evaluate_at`; each call is of another step.

    Returns:
      The last state and the logged rows.

    Raises:
      ValueError: the batches do not fit the config, the mesh or the run; the folder
        holds a run and `resume` is False.
      CheckpointError: a checkpoint cannot be written or read, or is another run's.
      NotFiniteError: the loss or gradient is not finite; the message names the step,
        and the latest checkpoint is from before it.
    """
    if total_steps < 1:
        raise ValueError(f"total_steps={total_steps} must be 1 or more")
    objective = model if isinstance(model, Objective) else make_objective(model)
    if hyper is None:
        hyper = make_hyper(config)
    if mesh is None:
        mesh = default_mesh()
    members = count_members(hyper)
    with contextlib.ExitStack() as stack:
        checkpoints, step = None, 0
        if folder is not None:
            checkpoints = Checkpoints(Path(folder) / CHECKPOINTS, config.keep)
            stack.callback(checkpoints.close)
            step = _first_step(checkpoints, resume)
        infeed = Infeed(batches, step, total_steps, mesh)
        stack.callback(infeed.close)
        config = resolve(
            config,
            rows=infeed.rows,
            context=infeed.context,
            total_steps=total_steps,
            members=members or 1,
            rows_together=objective.rows_together,
        )
        run = describe_run(
            objective, config, total_steps, labels, hyper, infeed, identity or {}
        )
        abstract = abstract_state(objective, hyper, mesh, config.trainable)
        if checkpoints is not None and step:
            state = checkpoints.restore(step, abstract, run)
        else:
            state = start_state(objective, hyper, mesh, config.trainable, start)
        if step == total_steps:
            return FitResult(state, [], step, False, 0, 0.0)
        infeed.open(config.steps_per_dispatch)
        chunk = infeed.take()
        shards = mesh.shape["data"]
        one = make_step(objective, config, total_steps, len(labels), data_shards=shards)
        dispatch = compile_dispatch(one, abstract, chunk, hyper, mesh)
        bar = Progress(progress, total_steps, step)
        stack.callback(bar.close)
        log = None
        if folder is not None and not jax.process_index():
            log = RunLog(folder, step, members)
        flops = objective.flops_per_token(infeed.context)
        loop = _Loop(
            config=config,
            total_steps=total_steps,
            step=step,
            run=run,
            totals=Totals(labels, flops, peak_flops(mesh.devices.ravel().tolist())),
            checkpoints=checkpoints,
            log=log,
            bar=bar,
            on_row=on_row,
            evaluate_at=evaluate_at,
            on_evaluation=on_evaluation,
        )
        placed = jax.device_put(hyper, hyper_sharding(mesh, hyper))
        return loop.go(dispatch, state, placed, infeed, chunk)


def _first_step(checkpoints: Checkpoints, resume: bool) -> int:
    """Returns the step to go on from."""
    step = checkpoints.latest() or 0
    if step and not resume:
        raise ValueError(
            f"{checkpoints.folder} holds a run at step {step}: resume it, or choose"
            f" another folder"
        )
    return step


@dataclasses.dataclass
class _Loop:
    """A run under way; `step` is the last step whose metrics have been seen."""

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

    def go(
        self,
        dispatch: Callable[..., tuple[State, Metrics]],
        state: State,
        hyper: Hyper,
        infeed: Infeed,
        chunk: dict[str, jax.Array],
    ) -> FitResult:
        """Runs to the end or to SIGTERM. Metrics are fetched one dispatch late."""
        steps = self.config.steps_per_dispatch
        dispatches = math.ceil(self.total_steps / steps)
        save_at = _next_multiple(self.step, self.config.checkpoint_every)
        look_at = self._next_evaluation()
        late: Metrics | None = None
        began = time.perf_counter()
        with watch_sigterm() as stop_requested:
            for number in range(self.step // steps, dispatches):
                state, metrics = dispatch(state, chunk, hyper)
                last = number + 1 == dispatches
                if not last:
                    chunk = infeed.take()
                if late is not None:
                    self._see(late)
                late = metrics
                stop = stop_requested(number) or last
                if stop or (number + 1) * steps >= min(save_at, look_at):
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
        """Returns the first step after this one that is to be evaluated."""
        if self.on_evaluation is None:
            return math.inf
        return min((at for at in self.evaluate_at if at > self.step), default=math.inf)

    def _evaluate(self, on_evaluation: OnEvaluation, state: State) -> float:
        """Evaluates a state; returns the seconds, which do not count as training."""
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
            latest = self.checkpoints.latest() if self.checkpoints else None
            where = "No checkpoint was written."
            if self.checkpoints and latest is not None:
                path = self.checkpoints.folder / str(latest)
                where = f"The latest checkpoint is {path}."
            raise NotFiniteError(f"{error} {where}") from None
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


def _next_multiple(step: int, every: int) -> int:
    return (step // every + 1) * every
