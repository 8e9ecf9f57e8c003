"""`kscale sweep`: run an experiment at one of its sizes and draw its figure.

kscale sweep capacity/figure1 --size=smoke
kscale sweep capacity/figure1 --size=small --part=0/2    # half of the runs, see below
kscale sweep experiments/capacity/figure1.py --size=small --draw_only

An experiment is a Python file with `runs(size)` and `draw(rows, path)`. Its rows are
appended to RESULTS/NAME_SIZE.jsonl as runs end, and runs whose row is there are
skipped. Runs are configs, which are trained, or settings for the file's
`compute(setting)`. Training that was stopped goes on from its folder in RESULTS/runs,
where the weights stay. Runs that differ in seed, learning rate and weight decay alone
are trained as one population. With --part=i/n each of n processes, started side by
side, takes its share.
"""

import contextlib
import hashlib
import json
import pathlib
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO, cast

from absl import flags

from kscale import files
from kscale.cli import flags as command_flags
from kscale.cli.flags import Command, UsageError
from kscale.configs import base as config_module
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs import run
from kscale.runs.experiment import (
    FOLDER,
    SIZES,
    Experiment,
    Run,
    groups,
    load,
    mark,
    names,
    share,
    start,
    title,
)

__all__ = ["SIZES", "Experiment", "draw", "groups", "load", "names", "share", "sweep"]
TERMINATED = 128 + signal.SIGTERM  # the exit code of a sweep that was told to stop


def sweep(
    experiment: Experiment,
    size: str,
    folder: pathlib.Path,
    part: tuple[int, int] = (0, 1),
    progress: TextIO | None = None,
) -> Iterator[Row]:
    """Runs what is not there yet and appends a row per run.

    Args:
      experiment: from `load`.
      size: "smoke", "small" or "paper".
      folder: of the rows; its runs/ gets a run folder for each group, from which a
        sweep that was stopped goes on.
      part: (i, n): every n-th group of runs from the i-th on.
      progress: where bars go.

    Yields:
      Each new row, as it is written.
    """
    path = rows_path(experiment, size, folder)
    for group in share(experiment, size, part):
        done = {row["fingerprint"] for row in files.read_rows(path)}
        left = [each for each in group if mark(each) not in done]
        if not left:
            continue
        if progress is not None:
            progress.write(f"{title(left)}\n")
        for each, row in zip(
            left, _rows(experiment, left, folder, progress), strict=True
        ):
            name = each.name if isinstance(each, Config) else experiment.name
            row |= {"experiment": experiment.rows, "size": size, "name": name}
            files.append_row(path, row)
            yield row


def _rows(
    experiment: Experiment,
    group: Sequence[Run],
    folder: pathlib.Path,
    progress: TextIO | None,
) -> Sequence[Row]:
    """Trains a group of configs, or computes what a setting's row says."""
    if isinstance(setting := group[0], dict):
        if experiment.compute is None:
            raise ValueError(f"{experiment.name} gives settings, but has no compute")
        before = _start(experiment, folder, start(setting))
        started = time.perf_counter()
        said = experiment.compute(*([setting, before] if before else [setting]))
        seconds = {"seconds": time.perf_counter() - started}
        made = {"config": setting, "fingerprint": mark(setting)}
        return [said | seconds | made | files.provenance()]
    configs = cast(Sequence[Config], group)
    hypers = [config_module.members(config)[0] for config in configs]
    where = _run_folder(experiment, folder, " ".join(map(mark, group)))
    return run.run(
        configs[0],
        where,
        hypers=hypers,
        resume=where.exists(),
        progress=progress,
        start=_start(experiment, folder, configs[0].start),
    )


def _start(
    experiment: Experiment, folder: pathlib.Path, begin: str
) -> pathlib.Path | None:
    """The folder of the run of this sweep that a run starts from, if it does."""
    if not re.fullmatch("[0-9a-f]{12}", begin):
        return None
    before = _run_folder(experiment, folder, begin)
    if not (before / "params.npz").exists():
        raise ValueError(
            f"start={begin!r}: {before} holds no finished run; the weights of a run are"
            f" needed to go on from it, its row alone will not do: run the sweep anew"
            f" with another --results"
        )
    return before


def _run_folder(
    experiment: Experiment, folder: pathlib.Path, marks: str
) -> pathlib.Path:
    """The folder of the runs of these fingerprints, in this order."""
    digest = hashlib.sha256(marks.encode()).hexdigest()[:12]
    return folder / "runs" / f"{experiment.rows}_{digest}"


def draw(experiment: Experiment, size: str, folder: pathlib.Path) -> pathlib.Path:
    """Draws an experiment's figure from the rows that are there.

    Returns:
      The PNG.

    Raises:
      ValueError: there are no rows of this experiment's runs.
    """
    wanted = {mark(each) for each in experiment.runs(size)}
    path = rows_path(experiment, size, folder)
    rows = [row for row in files.read_rows(path) if row["fingerprint"] in wanted]
    if not rows:
        raise ValueError(
            f"{path} has no rows of {experiment.name}; run the sweep first"
        )
    picture = folder / f"{experiment.name}_{size}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    experiment.draw(rows, picture)
    return picture


def rows_path(experiment: Experiment, size: str, folder: pathlib.Path) -> pathlib.Path:
    """Where an experiment's rows are."""
    return folder / f"{experiment.rows}_{size}.jsonl"


def _define(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_enum("size", "smoke", SIZES, "how large", flag_values=flag_values)
    flags.DEFINE_string(
        "results", str(FOLDER / "results"), "rows and figures", flag_values=flag_values
    )
    flags.DEFINE_string("part", "0/1", "i/n: a share of it", flag_values=flag_values)
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "list the runs, and whether they are done",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "draw_only", False, "draw what is there", flag_values=flag_values
    )
    command_flags.define_output(flag_values)


def _part(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and int(first) < int(second)):
        raise UsageError(f"--part={text}: write i/n with 0 <= i < n, such as 0/2")
    return int(first), int(second)


def plan(
    experiment: Experiment, size: str, folder: pathlib.Path, part: tuple[int, int]
) -> list[Row]:
    """The runs of a part, group by group, and whether they are done."""
    rows = files.read_rows(rows_path(experiment, size, folder))
    done = {row["fingerprint"] for row in rows}
    return [
        {
            "fingerprint": mark(each),
            "run": title([each]),
            "group": number,
            "done": mark(each) in done,
        }
        | _rates(each)
        for number, group in enumerate(share(experiment, size, part))
        for each in group
    ]


def _rates(each: Run) -> Row:
    if isinstance(each, dict):
        return {}
    return {"seed": each.train.seed, "learning_rate": each.train.learning_rate}


def _plan_line(row: Row) -> str:
    rates = ""
    if "seed" in row:
        rates = f", seed {row['seed']}, rate {row['learning_rate']:g}"
    done = "done" if row["done"] else "to do"
    return f"{done:<6}{row['fingerprint']}  {row['run']}{rates}\n"


def _said(row: Row) -> str:
    if "bits_per_param" in row:
        return run.answer([row])
    return f"computed in {row['seconds']:.2f} s"


def _sweep(command: Command) -> int:
    """Run an experiment at one of its sizes and draw its figure."""
    chosen = command.flags
    if len(command.arguments) != 1:
        raise UsageError("name one experiment, such as: kscale sweep capacity/figure1")
    part = _part(chosen.part)
    experiment = load(command.arguments[0])
    folder = command_flags.folder(chosen.results)
    if chosen.dry_run:
        runs = plan(experiment, chosen.size, folder, part)
        as_text = "".join(map(_plan_line, runs))
        sys.stdout.write(json.dumps({"runs": runs}) + "\n" if chosen.json else as_text)
        return 0
    new = []
    try:
        rows = sweep(experiment, chosen.size, folder, part, sys.stderr)
        for row in () if chosen.draw_only else rows:
            new.append(row)
            with contextlib.suppress(BrokenPipeError):
                sys.stderr.write(_said(row) + "\n")
    except run.Interrupted:
        sys.stderr.write(f"kscale sweep: stopped; {len(new)} new rows are kept\n")
        return TERMINATED
    picture = draw(experiment, chosen.size, folder)
    if chosen.json:
        sys.stdout.write(json.dumps({"rows": new, "figure": str(picture)}) + "\n")
    else:
        sys.stdout.write(f"{len(new)} new rows; the figure is {picture}\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    about = f"{__doc__}\nexperiments here: {', '.join(names()) or 'none'}"
    return command_flags.run("sweep", _sweep, _define, words, about)


if __name__ == "__main__":
    sys.exit(main())
