"""`kscale sweep`: run an experiment at one of its sizes and draw its figure.

kscale sweep p002_figure1 --size=smoke
kscale sweep p002_figure1 --size=small --part=0/2    # half of the runs, see below
kscale sweep experiments/p002_figure1.py --size=small --draw_only

An experiment is a Python file with `runs(size) -> list[Config]` and
`draw(rows, path)`. Its rows are appended to RESULTS/NAME_SIZE.jsonl as runs end, and
runs whose row is there are skipped, so a sweep that was stopped goes on. Runs that
differ in seed, learning rate and weight decay alone are trained as one population. With
--part=i/n each of n processes, started side by side, takes its share.
"""

import contextlib
import json
import pathlib
import runpy
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
        known = [p.stem for p in FOLDER.glob("p[0-9]*.py")]
        raise ValueError(fields.unknown("experiment", repr(name), name, known))
    names = runpy.run_path(str(path))
    if missing := {"runs", "draw"} - names.keys():
        raise ValueError(f"{path} defines no {' and no '.join(sorted(missing))}")
    return Experiment(path.stem, names["runs"], names["draw"])


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
      folder: of the rows.
      part: (i, n): every n-th group of runs from the i-th on.
      progress: where bars go.

    Yields:
      Each new row, as it is written.
    """
    path = rows_path(experiment, size, folder)
    for number, group in enumerate(groups(experiment.runs(size))):
        if number % part[1] != part[0]:
            continue
        done = {row["fingerprint"] for row in results.read_rows(path)}
        left = [c for c in group if config_module.fingerprint(c) not in done]
        if not left:
            continue
        hypers = [config_module.members(config)[0] for config in left]
        if progress is not None:
            progress.write(f"{_title(left)}\n")
        for config, row in zip(
            left, run.run(left[0], hypers=hypers, progress=progress), strict=True
        ):
            row |= {"experiment": experiment.name, "size": size, "name": config.name}
            results.append_row(path, row)
            yield row


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


def _list_runs(experiment: Experiment, size: str, folder: pathlib.Path) -> str:
    rows = results.read_rows(rows_path(experiment, size, folder))
    done = {row["fingerprint"] for row in rows}
    return "".join(
        f"{'done' if config_module.fingerprint(c) in done else 'to do':<6}"
        f"{config_module.fingerprint(c)}  {_title([c])}, seed {c.train.seed}, rate"
        f" {c.train.learning_rate:g}\n"
        for c in experiment.runs(size)
    )


def _sweep(command: Command) -> None:
    """Run an experiment at one of its sizes and draw its figure."""
    chosen = command.flags
    if len(command.arguments) != 1:
        raise UsageError("name one experiment, such as: kscale sweep p002_figure1")
    experiment = load(command.arguments[0])
    folder = pathlib.Path(chosen.results)
    if chosen.dry_run:
        sys.stdout.write(_list_runs(experiment, chosen.size, folder))
        return
    new = []
    if not chosen.draw_only:
        part = _part(chosen.part)
        for row in sweep(experiment, chosen.size, folder, part, sys.stderr):
            new.append(row)
            with contextlib.suppress(BrokenPipeError):
                sys.stderr.write(run.answer([row]) + "\n")
    picture = draw(experiment, chosen.size, folder)
    if chosen.json:
        sys.stdout.write(json.dumps({"rows": new, "figure": str(picture)}) + "\n")
    else:
        sys.stdout.write(f"{len(new)} new rows; the figure is {picture}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("sweep", _sweep, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
