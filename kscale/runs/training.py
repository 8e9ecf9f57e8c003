"""One run, from a config to result rows: train, score, write.

rows = run(configs.load("smoke"))                    # nothing is written
rows = run(configs.load("demo"), "runs/mine")        # a run folder, resumable
state = fit(prepare(configs.load("smoke")))          # the training alone
"""

import contextlib
import pathlib
from collections.abc import Callable, Sequence
from typing import TextIO

import jax
import numpy as np

from kscale import files, models, quant, stopping, train
from kscale.configs.base import (
    CONFIG,
    Config,
    fingerprint,
    is_config,
    load_config,
    make_absolute,
    select_meaningful,
)
from kscale.files import Row
from kscale.runs import board
from kscale.runs.claim import claim
from kscale.runs.curve import Curve
from kscale.runs.devices import TrainingPlan, arrange
from kscale.runs.evaluate import member_params, score
from kscale.runs.folder import RunFolder
from kscale.runs.memory import explain_memory
from kscale.runs.rows import (
    last_routing,
    make_diverged_row,
    measure_storage,
    sum_speed,
    summarize,
)
from kscale.runs.task import Task, prepare
from kscale.scores.score import BrokenModelError
from kscale.train.checksums import SEAL
from kscale.train.config import Hyper, count_members
from kscale.train.step import State

# The fields of a result row that are measured during training.
_OF_TRAINING = (
    *("steps", "seconds", "tokens_per_second", "curve", "training"),
    *train.ROUTING,
)


def run(
    config: Config,
    workdir: pathlib.Path | str | None = None,
    *,
    hypers: Sequence[Hyper] = (),
    resume: bool = False,
    overwrite: bool = False,
    progress: TextIO | None = None,
    start: pathlib.Path | None = None,
) -> list[Row]:
    """Trains every member of a config's population and measures what it holds.

    Args:
      config: what to run.
      workdir: the run's folder; None writes nothing.
      hypers: members in place of the config's own, for a population that is no grid.
      resume: go on from the last checkpoint in the folder.
      overwrite: throw away the run that is in the folder.
      progress: where a bar or lines go, such as `sys.stderr`.
      start: folder of the finished run to go on from, in place of `config.start`.

    Returns:
      A row per member (`rows.make_row`, `Known.breakdown`): what it knows, its size,
      config, fingerprint and seed, with what code and on what device, and how fast.

    Raises:
      ValueError: as `prepare`, `devices.arrange` and `claim`.
      Interrupted: a signal came; the state is saved if there is a folder.
    """
    with stopping.watch(), explain_memory(config), contextlib.ExitStack() as stack:
        config = make_absolute(config)
        begun = resume and workdir is not None and _has_begun(config, workdir)
        task = prepare(config, start=start, hypers=hypers, begun=begun)
        plan = arrange(task)  # what cannot be trained must not cost the run in workdir
        stopping.check()
        folder, on_row, before = None, None, []
        if workdir is not None:
            folder = RunFolder(pathlib.Path(workdir), len(task.hypers))
            require_other_folder(task, folder)
            claimed = claim(folder, config, resume, overwrite, progress)
            on_row = stack.enter_context(claimed)
            _require_checkpoint(folder, task.order.steps)
            before = _check_files(folder, plan.score_at, progress)
            if folder.latest_step() < task.order.steps:
                folder.unseal()  # before the first file is written
            if task.start is not None:
                folder.write_vocabulary(task.vocabulary)
        curve = Curve(task, folder)
        result = train_task(task, plan, folder, resume, progress, curve, on_row)
        if folder is not None and on_row is not None:
            on_row(result.rows)
            folder.unseal()
        rows = []
        for i in range(len(task.hypers)):
            rows.append(_score_member(task, result, i, folder))
            stopping.check()
        measured = before or _measure_training(task, folder, result, curve)
        rows = [row | more for row, more in zip(rows, measured, strict=True)]
        if folder is not None:
            with stopping.defer():
                _write_result(folder, task, plan, rows)
        return rows


def _write_result(
    folder: RunFolder, task: Task, plan: TrainingPlan, rows: list[Row]
) -> None:
    """Writes what a finished run leaves, and seals it."""
    # First: on a full disk the run is not yet said to be finished.
    board.write_end(folder, count_members(plan.hyper), rows)
    with files.replace_file(folder.visits) as file:
        np.save(file, task.order.visits())
    folder.write_result(summarize(rows))
    folder.seal()


def _has_begun(config: Config, workdir: pathlib.Path | str) -> bool:
    """Returns whether a run of this very config is in a folder."""
    path = pathlib.Path(workdir) / CONFIG
    return is_config(path) and fingerprint(load_config(path)) == fingerprint(config)


def _require_checkpoint(folder: RunFolder, steps: int) -> None:
    """Checks that a run that has finished can be gone on with: it is not begun anew."""
    if not folder.latest_step() and folder.is_finished():
        raise ValueError(
            f"the run in {folder.path} finished at step {steps} and has no checkpoint:"
            f" there is nothing to resume; --overwrite trains it anew (a sweep does"
            f" once the folder is moved elsewhere)"
        )


def _measure_training(
    task: Task, folder: RunFolder | None, result: train.FitResult, curve: Curve
) -> list[Row]:
    """Returns the fields of each member's row that are measured during training."""
    logged = result.rows if folder is None else folder.read_logged()
    speed = {"steps": result.step} | sum_speed(logged, len(task.hypers))
    return [
        last_routing(logged, i) | curve.of_member(i, logged) | speed
        for i in range(len(task.hypers))
    ]


def _check_files(
    folder: RunFolder, score_at: Sequence[int], progress: TextIO | None
) -> list[Row]:
    """Finds what is lost or damaged in a run that goes on, and says what becomes of it.

    A damaged log is moved aside, as are log and result of a run that is trained anew;
    checksums that cannot be read are removed, all else is made anew.

    Returns:
      If a log is lost, the fields of the old result that were computed from it, by
      member; none if there is no sound result.
    """
    lines = []
    if folder.drop_damaged_seal():
        lines.append(f"{folder.path / SEAL} cannot be read and is removed")
    step = folder.latest_step()
    ended = folder.result.exists() or folder.params().exists()
    if not step and (folder.metrics.exists() or ended):
        lines.append(f"{folder.path} has no checkpoint: trains from the start")
    lost = folder.find_lost(score_at)
    rows = folder.read_sound_members() if lost and step else []
    for path, (reason, damaged) in lost.items():
        if damaged:
            reason += f" (kept as {folder.move_aside(path).name})"
        rest = f"stay as in {folder.result}" if rows else "will be of what is left"
        lines.append(f"{reason}: {', '.join(_OF_TRAINING[:5])} {rest}")
    for path in folder.find_broken():
        if path not in lost:
            lines.append(f"{path} was changed or removed and is made anew")
    for path in (folder.result, folder.metrics, folder.curve):
        if ended and not step and path.exists():
            lines.append(f"{path} is kept as {folder.move_aside(path).name}")
    if progress is not None:
        progress.write("".join(f"{line}\n" for line in lines))
    return [{name: row[name] for name in _OF_TRAINING if name in row} for row in rows]


def fit(task: Task, progress: TextIO | None = None) -> State:
    """Trains a task's members, side by side if there are several.

    Args:
      task: from `prepare`.
      progress: where a bar or lines go, such as `sys.stderr`.

    Returns:
      The state after the last step; `state["params"]` has a leading axis of members in
      a population.

    Raises:
      Interrupted: a signal came before the end.
    """
    with stopping.watch():
        return train_task(task, arrange(task), progress=progress).state


def require_other_folder(task: Task, folder: RunFolder) -> None:
    """Checks that a run's folder is not that of the run that it goes on from."""
    if task.start is not None and task.start.path == folder.path.resolve():
        raise ValueError(
            f"config.start={str(task.start.path)!r} is the run's own folder, and would"
            f" be overwritten: choose another --workdir"
        )


def train_task(
    task: Task,
    plan: TrainingPlan,
    folder: RunFolder | None = None,
    resume: bool = False,
    progress: TextIO | None = None,
    curve: Curve | None = None,
    on_row: Callable[[Row], object] | None = None,
) -> train.FitResult:
    """Trains a task as planned and scores it on its way."""
    batches = task.order.batches(jax.process_index(), jax.process_count())
    identity = {"corpus.content": task.content} | {
        path: leaf
        for path, leaf in select_meaningful(task.config).items()
        if path.startswith(("world.", "corpus.", "data.", "parts.", "start"))
    }
    if task.start is not None:  # weights that were made anew are another start
        identity["start.params"] = task.start.digest
    result = train.fit(
        plan.objective,
        plan.config,
        batches.iterate,
        task.order.steps,
        labels=task.labels,
        hyper=plan.hyper,
        mesh=plan.mesh,
        folder=None if folder is None else folder.path,
        identity=identity,
        resume=resume,
        progress=progress,
        on_row=on_row,
        start=None if task.start is None else task.start.make_params(task),
        evaluate_at=plan.score_at if curve is not None else (),
        on_evaluation=None if curve is None else curve.add,
    )
    if result.interrupted:
        kept = f"after step {result.step}, which is not saved: there is no run folder"
        if folder is not None:
            kept = f"step {result.step} is saved in {folder.path}: --resume goes on"
        raise stopping.Interrupted(kept)
    return result


def _score_member(
    task: Task, result: train.FitResult, member: int, folder: RunFolder | None
) -> Row:
    """Scores a trained member and writes its parameters and scores.

    One of several that diverged has a row without bits, and no files.
    """
    if step := result.diverged[member]:
        return make_diverged_row(task, member, step)
    params = member_params(task, result.state["params"], member)
    try:
        known = score(task, params, member=member)
    except BrokenModelError as error:  # by the last step, after which no loss was seen
        if len(task.hypers) == 1:
            raise train.NotFiniteError(str(error), [result.step]) from error
        return make_diverged_row(task, member, result.step)
    if folder is not None:
        with stopping.defer():
            train.save_params(folder.params(member), params)
            if "lora" in params:
                adapters = models.select_adapters(params)
                train.save_params(folder.adapters(member), adapters)
            known.table.save(folder.scores(member))
    row, scheme = known.row, task.config.qat
    if scheme.bits:
        row |= measure_storage(quant.quantize(params, scheme), known.bits.total)
    return row
