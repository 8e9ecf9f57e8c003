"""`kscale sweep`: run an experiment at one of its sizes and draw its figure.

kscale sweep p002_figure1 --size=smoke
kscale sweep p002_figure1 --size=small --part=0/2    # half of the runs, see below
kscale sweep experiments/p002_figure1.py --size=small --draw_only

An experiment is a Python file with `runs(size) -> list[Config]` and
`draw(rows, path)`. Its rows are appended to RESULTS/NAME_SIZE.jsonl as runs end, and
runs whose row is there are skipped; one that was stopped goes on from its folder in
RESULTS/runs, where the weights stay. Runs that differ in seed, learning rate and weight
decay alone are trained as one population. With --part=i/n each of n processes, started
side by side, takes its share.
"""

import contextlib
import hashlib
import json
import pathlib
import runpy
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TextIO

from absl import flags

from kscale import config as config_module
from kscale import fields, results, run
from kscale import flags as command_flags
from kscale.config import Config
from kscale.flags import Command, UsageError
from kscale.results import Row
from kscale.train.config import Hyper

TERMINATED = 128 + signal.SIGTERM  # the exit code of a sweep that was told to stop
SIZES = ("smoke", "small", "paper")
FOLDER = pathlib.Path("experiments")


class Experiment(NamedTuple):
    """A figure or table of a paper, as runs and a drawing of their rows.

    Attributes:
      name: of its file.
      runs: size -> the configs of solo runs.
      draw: (rows, path of the PNG) -> draws.
    """

    name: str
    runs: Callable[[str], list[Config]]
    draw: Callable[[list[Row], pathlib.Path], None]


def load(name: str) -> Experiment:
    """An experiment by the path of its file, or by its name in experiments/.

    Raises:
      ValueError: there is no such file, or it does not define runs and draw.
    """
    path = pathlib.Path(name if name.endswith(".py") else FOLDER / f"{name}.py")
    if not path.is_file():
        if name.endswith(".py"):
            raise ValueError(f"the experiment file {name!r} does not exist")
        if known := names():
            raise ValueError(fields.unknown("experiment", repr(name), name, known))
        raise ValueError(
            f"experiment {name!r}: there is no {FOLDER}/ here; give the path of its"
            f" file, or go to a checkout of kscale"
        )
    defined = runpy.run_path(str(path))
    if missing := {"runs", "draw"} - defined.keys():
        raise ValueError(f"{path} defines no {' and no '.join(sorted(missing))}")
    return Experiment(path.stem, defined["runs"], defined["draw"])


def names() -> list[str]:
    """The experiments in experiments/, if there is such a folder here."""
    return sorted(path.stem for path in FOLDER.glob("p[0-9]*.py"))


def groups(configs: Sequence[Config]) -> list[list[Config]]:
    """Runs that can be one population: equal but for seed, rate and weight decay.

    Args:
      configs: of solo runs.

    Returns:
      The configs in lists, in the order in which each kind first comes.

    Raises:
      ValueError: a config has members of its own, or stands there twice.
    """
    kinds: dict[str, list[Config]] = {}
    seen = set()
    for config in configs:
        if config.members != config_module.MembersConfig():
            raise ValueError(
                f"{config.name}: a sweep's runs are solo; list its members"
            )
        if (mark := config_module.fingerprint(config)) in seen:
            raise ValueError(f"{config.name}: this run is listed twice")
        seen.add(mark)
        blank = run.member_config(config, Hyper(0.0, 0.0, 0))
        kinds.setdefault(config_module.fingerprint(blank), []).append(config)
    return list(kinds.values())


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
        done = {row["fingerprint"] for row in results.read_rows(path)}
        left = [c for c in group if config_module.fingerprint(c) not in done]
        if not left:
            continue
        hypers = [config_module.members(config)[0] for config in left]
        if progress is not None:
            progress.write(f"{_title(left)}\n")
        where = folder / "runs" / f"{experiment.name}_{_mark(left)}"
        rows = run.run(
            left[0],
            where,
            hypers=hypers,
            resume=where.exists(),
            progress=progress,
        )
        for config, row in zip(left, rows, strict=True):
            row |= {"experiment": experiment.name, "size": size, "name": config.name}
            results.append_row(path, row)
            yield row


def share(
    experiment: Experiment, size: str, part: tuple[int, int] = (0, 1)
) -> list[list[Config]]:
    """The groups of runs of a part: every n-th from the i-th on."""
    return groups(experiment.runs(size))[part[0] :: part[1]]


def draw(experiment: Experiment, size: str, folder: pathlib.Path) -> pathlib.Path:
    """Draws an experiment's figure from the rows that are there.

    Returns:
      The PNG.

    Raises:
      ValueError: there are no rows of this experiment's runs.
    """
    wanted = {config_module.fingerprint(config) for config in experiment.runs(size)}
    path = rows_path(experiment, size, folder)
    rows = [row for row in results.read_rows(path) if row["fingerprint"] in wanted]
    if not rows:
        raise ValueError(
            f"{path} has no rows of {experiment.name}; run the sweep first"
        )
    picture = folder / f"{experiment.name}_{size}.png"
    experiment.draw(rows, picture)
    return picture


def rows_path(experiment: Experiment, size: str, folder: pathlib.Path) -> pathlib.Path:
    """Where an experiment's rows are."""
    return folder / f"{experiment.name}_{size}.jsonl"


def _mark(group: Sequence[Config]) -> str:
    """Twelve hex digits for these runs together, in this order."""
    marks = " ".join(map(config_module.fingerprint, group))
    return hashlib.sha256(marks.encode()).hexdigest()[:12]


def _title(group: Sequence[Config]) -> str:
    config = group[0]
    members = f", {len(group)} members" if len(group) > 1 else ""
    return (
        f"{config.name}: N={config.world.people:,}, {config.data.exposures} exposures,"
        f" {config.model.layers} layers, d={config.model.width}{members}"
    )


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
    rows = results.read_rows(rows_path(experiment, size, folder))
    done = {row["fingerprint"] for row in rows}
    return [
        {
            "fingerprint": (mark := config_module.fingerprint(config)),
            "run": _title([config]),
            "seed": config.train.seed,
            "learning_rate": config.train.learning_rate,
            "group": number,
            "done": mark in done,
        }
        for number, group in enumerate(share(experiment, size, part))
        for config in group
    ]


def _plan_line(row: Row) -> str:
    return (
        f"{'done' if row['done'] else 'to do':<6}{row['fingerprint']}  {row['run']},"
        f" seed {row['seed']}, rate {row['learning_rate']:g}\n"
    )


def _sweep(command: Command) -> int:
    """Run an experiment at one of its sizes and draw its figure."""
    chosen = command.flags
    if len(command.arguments) != 1:
        raise UsageError("name one experiment, such as: kscale sweep p002_figure1")
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
                sys.stderr.write(run.answer([row]) + "\n")
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
