"""The training loop: dispatches, rows one dispatch late, checkpoints, a clean end."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import jax
import numpy as np
from jax.sharding import Mesh

from kscale import locks, stopping
from kscale.models import ModelConfig
from kscale.train.checkpoint import CHECKPOINTS, Checkpoints, describe_run
from kscale.train.config import Hyper, TrainConfig, count_members, make_hyper, resolve
from kscale.train.dispatch import abstract_state, compile_dispatch, start_state
from kscale.train.infeed import Batches, Infeed
from kscale.train.logs import OnRow, RowWriter, Scalars, read_diverged
from kscale.train.metrics import Totals, find_diverged, peak_flops
from kscale.train.objective import Objective, Params, make_objective
from kscale.train.sharding import hyper_sharding, one_device
from kscale.train.step import Metrics, State, make_step

OnEvaluation = Callable[[int, State], Sequence[Scalars] | None]


class FitResult(NamedTuple):
    """What a run leaves.

    Attributes:
      state: after the last step, on the devices (`train.step`).
      rows: the logged rows of this call, oldest first (`Totals.row`).
      step: number of steps taken.
      interrupted: a signal asked it to stop.
      tokens: targets that counted in this call, of all members.
      seconds: of this call's loop, compilation and evaluations left out.
      diverged: the step, counted from 1, from which on a member's loss or gradient was
        not finite, so that its state is not either; None: it is well.
    """

    state: State
    rows: list[dict[str, Any]]
    step: int
    interrupted: bool
    tokens: int
    seconds: float
    diverged: Sequence[int | None]


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

    A signal makes it save and return early, which `FitResult.interrupted` tells; before
    the first step it raises `Interrupted` (`kscale.stopping`).
    The state after step s depends on the arguments and s only: a run that was stopped
    or killed and resumed ends as one that was not, bit for bit on CPUs.

    Args:
      model: a transformer, or any other `Objective`.
      config: its automatic values are set by `resolve`.
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
      on_evaluation: see `evaluate_at`; each call is of another step. TensorBoard shows
        what it returns: of each member, values by their tags.

    Raises:
      ValueError: the batches do not fit the config, the mesh or the run; the folder
        holds a run and `resume` is False, or another process writes into it.
      CheckpointError: a checkpoint cannot be written or read, or is another run's.
      NotFiniteError: the loss or gradient of every member is not finite; checkpoints
        are from before. One of several is left behind (`FitResult.diverged`).
    """
    if total_steps < 1:
        raise ValueError(f"total_steps={total_steps} must be 1 or more")
    objective = model if isinstance(model, Objective) else make_objective(model)
    hyper = make_hyper(config) if hyper is None else hyper
    mesh = one_device() if mesh is None else mesh
    with stopping.watch(), contextlib.ExitStack() as stack:
        checkpoints, step = None, 0
        if folder is not None:
            checkpoints = stack.enter_context(_open(Path(folder), config.keep))
            step = _first_step(checkpoints, resume)
        infeed = Infeed(batches, step, total_steps, mesh)
        stack.callback(infeed.close)
        members = count_members(hyper)
        sizes = {"rows": infeed.rows, "context": infeed.context}
        sizes |= {"total_steps": total_steps, "members": members or 1}
        config = resolve(config, **sizes, rows_together=objective.rows_together)
        run = describe_run(objective, config, total_steps, labels, hyper, infeed)
        run["identity"] = dict(identity or {})
        abstract = abstract_state(objective, hyper, mesh, config.trainable)
        if checkpoints is not None and step:
            state = checkpoints.restore(step, abstract, run)
        else:
            state = start_state(objective, hyper, mesh, config.trainable, start)
        known = checkpoints and checkpoints.read_diverged(step)  # if the log is gone
        diverged = known or read_diverged(folder, step, members)
        if step == total_steps:
            return FitResult(state, [], step, False, 0, 0.0, diverged)
        chunk = infeed.open(config.steps_per_dispatch)
        shards = mesh.shape["data"]
        one = make_step(objective, config, total_steps, len(labels), data_shards=shards)
        dispatch = compile_dispatch(one, abstract, chunk, hyper, mesh)
        stopping.check()
        writer = RowWriter(folder, step, total_steps, members, progress, on_row)
        stack.callback(writer.close)
        flops = objective.flops_per_token(infeed.context)
        totals = Totals(labels, flops, peak_flops(mesh.devices.ravel().tolist()))
        loop = _Loop(config, total_steps, step, run, totals, writer, checkpoints)
        loop.diverged = diverged
        if on_evaluation is not None:
            loop.evaluate_at, loop.on_evaluation = evaluate_at, on_evaluation
        placed = jax.device_put(hyper, hyper_sharding(mesh, hyper))
        return loop.go(dispatch, state, placed, infeed)


@contextlib.contextmanager
def _open(folder: Path, keep: int) -> Iterator[Checkpoints]:
    """Holds a run's folder, of several processes in the first, and its checkpoints."""
    first = not jax.process_index()
    held = locks.hold(folder, "trained", make=True) if first else None
    with held or contextlib.nullcontext():
        checkpoints = Checkpoints(folder / CHECKPOINTS, keep)
        with contextlib.closing(checkpoints):
            yield checkpoints


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
    writer: RowWriter
    checkpoints: Checkpoints | None
    diverged: Sequence[int | None] = (None,)
    evaluate_at: Sequence[int] = ()
    on_evaluation: OnEvaluation = lambda step, state: None
    tokens: int = 0

    def go(
        self,
        dispatch: Callable[..., tuple[State, Metrics]],
        state: State,
        hyper: Hyper,
        infeed: Infeed,
    ) -> FitResult:
        """Runs to the end or to a signal. Metrics are fetched one dispatch late."""
        steps, every = self.config.steps_per_dispatch, self.config.checkpoint_every
        dispatches = math.ceil(self.total_steps / steps)
        save_at = _next_multiple(self.step, every)
        evaluate_at = self._next_evaluation()
        late: Metrics | None = None
        asked = False
        began = time.perf_counter()
        chunk = infeed.take()
        with stopping.defer():
            for number in range(self.step // steps, dispatches):
                state, metrics = dispatch(state, chunk, hyper)
                last = number + 1 == dispatches
                if not last:
                    chunk = infeed.take()
                if late is not None:
                    self._see(late)
                late = metrics
                asked = stopping.stop_after(number)
                stop = asked or last
                if stop or (number + 1) * steps >= min(save_at, evaluate_at):
                    self._see(metrics)
                    late = None
                    if self.step >= evaluate_at:
                        began += self._evaluate(state)
                        evaluate_at = self._next_evaluation()
                    if stop or self.step >= save_at:
                        self._checkpoint(state)
                        save_at = _next_multiple(self.step, every)
                if stop:
                    break
            if self.checkpoints is not None:
                self.checkpoints.wait()
        seconds = time.perf_counter() - began
        rows = self.writer.rows
        return FitResult(
            state, rows, self.step, asked, self.tokens, seconds, self.diverged
        )

    def _next_evaluation(self) -> float:
        """Returns the first step after this one that is to be evaluated."""
        return min((at for at in self.evaluate_at if at > self.step), default=math.inf)

    def _evaluate(self, state: State) -> float:
        """Evaluates a state; returns the seconds, which do not count as training."""
        began = time.perf_counter()
        found = self.on_evaluation(self.step, state)
        if found:
            self.writer.add_scalars(self.step, found)
        seconds = time.perf_counter() - began
        self.totals.pause(seconds)
        return seconds

    def _see(self, metrics: Metrics) -> None:
        """Fetches a dispatch's metrics, checks them, and writes a row if one is due."""
        count = min(self.config.steps_per_dispatch, self.total_steps - self.step)
        seen = jax.tree.map(lambda x: x[:count], jax.device_get(metrics))
        saved = "no checkpoint was written"
        if self.checkpoints and (latest := self.checkpoints.latest()):
            saved = f"the latest checkpoint is {self.checkpoints.folder / str(latest)}"
        self.diverged = find_diverged(seen, self.step, self.diverged, saved)
        self.totals.add(seen)
        self.tokens += int(np.sum(seen["token_count"], dtype=np.int64))
        before, self.step = self.step, self.step + count
        every = self.config.log_every
        if not every or self.step >= _next_multiple(before, every):
            self._write_row()

    def _write_row(self) -> None:
        row = self.totals.row(self.step)
        if any(self.diverged):
            row["diverged"] = list(self.diverged)
        self.writer.write(row)

    def _checkpoint(self, state: State) -> None:
        """Saves a state whose metrics were finite, a member's at least.

        The row is written before, so that a resumed run logs the same rows as one
        that was never stopped.
        """
        if self.totals.steps:
            self._write_row()
        if self.checkpoints is not None:
            self.checkpoints.save(self.step, state, self.run, self.diverged)


def _next_multiple(step: int, every: int) -> int:
    return (step // every + 1) * every
