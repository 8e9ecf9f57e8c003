"""A sweep: the runs of an experiment that have no row yet, and the figure of its rows.

    experiment = load_experiment("capacity/figure1")
    for row in sweep(experiment, "smoke", pathlib.Path("experiments/results")):
        print(row["bits_per_param"])
    draw_figure(experiment, "smoke", pathlib.Path("experiments/results"))

Rows are appended to RESULTS/NAME_SIZE.jsonl as runs end. Each group of runs has a
folder RESULTS/runs/NAME_DIGEST, from which a sweep that was stopped goes on.
"""

import contextlib
import pathlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import TextIO, cast

from kscale import files, stopping, streams
from kscale.configs.base import Config, list_members
from kscale.files import Row
from kscale.locks import hold
from kscale.runs.experiment import (
    Experiment,
    Run,
    run_fingerprint,
    select_groups,
    start_of,
    title,
)
from kscale.runs.folder import RunFolder
from kscale.runs.inspect import TFLOPS, estimate_cost
from kscale.runs.rows import make_diverged_row, provenance
from kscale.runs.task import prepare
from kscale.runs.training import run
from kscale.train import NotFiniteError


class SweepError(ValueError):
    """A sweep came to its end, and some of its runs failed; the message says which.

    Attributes:
      errors: what ended groups, or hindered that a row was appended.
    """

    def __init__(self, message: str, errors: Sequence[Exception] = ()) -> None:
        super().__init__(message)
        self.errors = errors


def sweep(
    experiment: Experiment,
    size: str,
    results: pathlib.Path,
    share: tuple[int, int] = (0, 1),
    progress: TextIO | None = None,
) -> Iterator[Row]:
    """Runs what has no row yet and appends a row per run.

    Args:
      experiment: from `load_experiment`.
      size: one of `SIZES`.
      results: the folder of rows and run folders.
      share: (i, n): every n-th group of runs from the i-th on.
      progress: where bars go.

    Yields:
      Each new row, as it is written. A run that diverges has a row without bits.

    Raises:
      SweepError: at the end, if runs diverged, a row could not be written, or a group
        failed and has no rows, such as one that another process trains.
      Interrupted: a signal came; the rows and folders so far are kept.
    """
    return _sweep(experiment, size, results, share, streams.guard(progress))


def _sweep(
    experiment: Experiment,
    size: str,
    results: pathlib.Path,
    share: tuple[int, int],
    progress: TextIO | None,
) -> Iterator[Row]:
    path, failed = rows_path(experiment, size, results), []
    errors: list[Exception] = []

    def report(name: str, error: Exception) -> None:
        known = isinstance(error, ValueError | OSError | RuntimeError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        failed.append(f"{name}: {reason}")
        errors.append(error)
        if progress is not None:
            progress.write(f"failed: {reason}\n")

    for group in select_groups(experiment, size, share):
        # Signals are watched while this works, not while it waits for its caller.
        if not _list_left(group, path):
            continue
        with contextlib.ExitStack() as stack:
            try:
                with stopping.watch():
                    stopping.check()
                    stack.enter_context(_hold_folder(experiment, group, results))
                    left = _list_left(group, path)  # another sweep may just have ended
                    if not left:
                        continue
                    if progress is not None:
                        progress.write(f"{title(left)}\n")
                    rows = _run_group(experiment, left, results, progress)
                    stopping.check()
            except Exception as error:  # of an experiment's own code, too
                report(title(group), error)
                continue
            for each, row in zip(left, rows, strict=True):
                name = each.name if isinstance(each, Config) else experiment.name
                row |= {"experiment": experiment.rows, "size": size, "name": name}
                row |= {"fingerprint": run_fingerprint(each)}  # of paths as written
                with stopping.watch(), stopping.defer():
                    new = False
                    try:
                        new = files.append_row(path, row, "fingerprint")
                    except (ValueError, OSError) as error:
                        report(title([each]), error)
                    asked = stopping.received_signal()
                if row.get("diverged"):
                    rate = f"rate {row['config']['train']['learning_rate']:g}"
                    failed.append(f"{name}, {rate}: diverged at step {row['diverged']}")
                if new:
                    yield row
                if asked:
                    raise stopping.Interrupted(number=asked)
    if failed:
        cause = ExceptionGroup("what failed", errors) if errors else None
        raise SweepError(f"failed: {'; '.join(failed)}", errors) from cause


def _list_left(group: Sequence[Run], path: pathlib.Path) -> list[Run]:
    """Lists the runs of a group that have no row yet."""
    done = {row["fingerprint"] for row in _read_rows(path)}
    return [each for each in group if run_fingerprint(each) not in done]


def _read_rows(path: pathlib.Path) -> list[Row]:
    return files.read_rows(path, {"fingerprint": str})


def _hold_folder(
    experiment: Experiment, group: Sequence[Run], results: pathlib.Path
) -> contextlib.AbstractContextManager[None]:
    """Holds the folder of a whole group; settings are computed in none."""
    if isinstance(group[0], dict):
        return contextlib.nullcontext()
    folder = run_folder(experiment, list(map(run_fingerprint, group)), results)
    return hold(folder, "trained", make=True)


def _run_group(
    experiment: Experiment,
    group: Sequence[Run],
    results: pathlib.Path,
    progress: TextIO | None,
) -> Sequence[Row]:
    """Trains a group of configs, or computes what a setting's row says."""
    start = None
    if re.fullmatch("[0-9a-f]{12}", begin := start_of(group[0])):
        start = run_folder(experiment, [begin], results)
        if not RunFolder(start).params().exists():
            raise ValueError(
                f"start={begin!r}: {start} holds no finished run; the weights of a run"
                f" are needed to go on from it, its row alone will not do: run the"
                f" sweep anew with another --results"
            )
    if isinstance(setting := group[0], dict):
        if experiment.compute is None:
            raise ValueError(f"{experiment.name} gives settings, but has no compute")
        started = time.perf_counter()
        answer = experiment.compute(*([setting, start] if start else [setting]))
        seconds = {"seconds": time.perf_counter() - started}
        made = {"config": setting, "fingerprint": run_fingerprint(setting)}
        return [answer | seconds | made | provenance()]
    configs = cast(Sequence[Config], group)
    workdir = run_folder(experiment, list(map(run_fingerprint, group)), results)
    hypers = [list_members(config)[0] for config in configs]
    options = {"hypers": hypers, "start": start}
    try:
        return run(configs[0], workdir, resume=True, progress=progress, **options)
    except NotFiniteError as error:
        task = prepare(configs[0], **options)
        return [make_diverged_row(task, i, step) for i, step in enumerate(error.steps)]


def draw_figure(
    experiment: Experiment, size: str, results: pathlib.Path
) -> pathlib.Path:
    """Draws an experiment's figure from the rows that are there; returns the PNG."""
    wanted = set(map(run_fingerprint, experiment.runs(size)))
    path = rows_path(experiment, size, results)
    rows = [
        row
        for row in _read_rows(path)
        if row["fingerprint"] in wanted and not row.get("diverged")
    ]
    if not rows:
        raise ValueError(
            f"{path} has no rows of {experiment.name}; run the sweep first"
        )
    picture = results / f"{experiment.name}_{size}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)  # rows may be another's
    experiment.draw(rows, picture)
    return picture


def plan_sweep(
    experiment: Experiment,
    size: str,
    results: pathlib.Path,
    share: tuple[int, int] = (0, 1),
    tflops: float = TFLOPS,
) -> list[Row]:
    """Lists the runs of a share, group by group: what they cost, and which are done."""
    rows = _read_rows(rows_path(experiment, size, results))
    done = {row["fingerprint"] for row in rows}
    plan = []
    for number, group in enumerate(select_groups(experiment, size, share)):
        for each in group:
            fingerprint = run_fingerprint(each)
            row = {"fingerprint": fingerprint, "run": title([each]), "group": number}
            row["done"] = fingerprint in done
            if isinstance(each, Config):
                row |= {x: getattr(each.train, x) for x in ("seed", "learning_rate")}
                cost = estimate_cost(each, tflops)
                row |= {"flops": cost["flops"], "hours": cost["hours"]}
            plan.append(row)
    return plan


def rows_path(experiment: Experiment, size: str, results: pathlib.Path) -> pathlib.Path:
    """Returns the file of an experiment's rows."""
    return results / f"{experiment.rows}_{size}.jsonl"


def run_folder(
    experiment: Experiment, fingerprints: Sequence[str], results: pathlib.Path
) -> pathlib.Path:
    """Returns the folder of the group of runs of these fingerprints, in this order."""
    digest = files.digest(" ".join(fingerprints).encode())
    return results / "runs" / f"{experiment.rows}_{digest}"
