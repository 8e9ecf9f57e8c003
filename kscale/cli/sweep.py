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
import json
import signal
import sys
from collections.abc import Sequence

from absl import flags

from kscale.cli import flags as command_flags
from kscale.cli.flags import Command, UsageError
from kscale.files import Row
from kscale.runs import experiment as experiments
from kscale.runs import run
from kscale.runs.sweep import draw_figure, plan_sweep, sweep

TERMINATED = 128 + signal.SIGTERM  # the exit code of a sweep that was asked to stop


def _define(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "size", "smoke", experiments.SIZES, "how large", flag_values=flag_values
    )
    flags.DEFINE_string(
        "results",
        str(experiments.FOLDER / "results"),
        "rows and figures",
        flag_values=flag_values,
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
    experiment = experiments.load_experiment(command.arguments[0])
    folder = command_flags.folder(chosen.results)
    if chosen.dry_run:
        runs = plan_sweep(experiment, chosen.size, folder, part)
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
    picture = draw_figure(experiment, chosen.size, folder)
    if chosen.json:
        sys.stdout.write(json.dumps({"rows": new, "figure": str(picture)}) + "\n")
    else:
        sys.stdout.write(f"{len(new)} new rows; the figure is {picture}\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    about = f"{__doc__}\nexperiments here: {', '.join(experiments.names()) or 'none'}"
    return command_flags.run("sweep", _sweep, _define, words, about)


if __name__ == "__main__":
    sys.exit(main())
