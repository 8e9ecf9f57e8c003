"""`kscale sweep`: run an experiment at one of its sizes and draw its figure.

kscale sweep capacity/figure1 --size=smoke
kscale sweep capacity/figure1 --size=small --part=0/2    # half of the runs, see below
kscale sweep experiments/capacity/figure1.py --size=small --draw_only

An experiment is a Python file with `runs(size)` and `draw(rows, path)`. Its rows are
appended to RESULTS/NAME_SIZE.jsonl as runs end, and runs whose row is there are
skipped. Runs are configs, which are trained, or settings for the file's
`compute(setting)`. Training that was stopped goes on from its folder in RESULTS/runs,
where the weights stay. Runs that differ in seed, learning rate and weight decay alone
are trained as one population. A run that fails or diverges stops no other; the exit
code is 1 then, or 70 if a mistake of kscale's is among what failed. With --part=i/n
each of n processes, started side by side, takes its share.
"""

import dataclasses
import sys
import traceback
from collections.abc import Sequence

from kscale.cli import CRASHED
from kscale.cli.flags import Command, Flag, UsageError, expand_path
from kscale.cli.train import COST
from kscale.cli.verb import FAILED, REFUSALS, Reply, Verb
from kscale.files import Row
from kscale.runs import experiment
from kscale.runs.rows import answer
from kscale.runs.sweeps import SweepError, draw_figure, plan_sweep, sweep
from kscale.stopping import Interrupted


def plan(command: Command) -> Reply:
    """Lists the runs of the experiment, and whether they are done."""
    runs = plan_sweep(*_arguments(command), tflops=command.flags.tflops)
    lines = [*map(_plan_line, runs), *_cost_lines(runs, command.flags.tflops)]
    return Reply({"runs": runs}, "\n".join(lines))


def run(command: Command) -> Reply:
    """Runs an experiment at one of its sizes and draws its figure."""
    arguments, new, failed, code = _arguments(command), [], "", 0
    try:
        rows = sweep(*arguments, progress=sys.stderr)
        for row in () if command.flags.draw_only else rows:
            new.append(row)
            if "bits_per_param" in row:
                line = answer([row])
            else:
                line = f"computed in {row['seconds']:.2f} s"
            sys.stderr.write(f"{line}\n")
    except Interrupted as stopped:
        raise Interrupted(f"{len(new)} new rows are kept", stopped.number) from None
    except SweepError as error:
        failed, code = str(error), FAILED
        crashed = [x for x in error.errors if not isinstance(x, REFUSALS)]
        for each in error.errors if command.flags.debug else crashed:
            traceback.print_exception(each)
        if crashed:
            code = CRASHED
    try:
        picture = str(draw_figure(*arguments[:3]))
    except ValueError:
        if not failed:
            raise
        picture = None
    figure = f"the figure is {picture}" if picture else ""
    text = "; ".join(filter(None, [f"{len(new)} new rows", figure, failed]))
    reply = {"rows": new, "figure": picture} | ({"failed": failed} if failed else {})
    return Reply(reply, text, code)


def list_experiments(_: Sequence[str]) -> Verb:
    """Returns the verb with the experiments that are here in its --help."""
    known = ", ".join(experiment.names()) or "none"
    return dataclasses.replace(
        VERB, about=f"{VERB.about}\nexperiments here: {known}", adapt=None
    )


VERB = Verb(
    "sweep",
    __doc__ or "",
    {
        "size": Flag("smoke", "how large", experiment.SIZES),
        "results": Flag(str(experiment.FOLDER / "results"), "rows and figures"),
        "part": Flag("0/1", "i/n: a share of it"),
        "draw_only": Flag(False, "draw what is there"),
        "tflops": COST,
    },
    run,
    plan=plan,
    dry_run="list the runs, what they cost, and whether they are done",
    words=True,
    adapt=list_experiments,
)


def _arguments(command: Command) -> tuple:
    chosen = command.flags
    if len(command.arguments) != 1:
        raise UsageError("name one experiment, such as: kscale sweep capacity/figure1")
    first, _, second = chosen.part.partition("/")
    if not (first.isdecimal() and second.isdecimal() and int(first) < int(second)):
        raise UsageError(f"--part={chosen.part}: write i/n with 0 <= i < n, as in 0/2")
    found = experiment.load_experiment(command.arguments[0])
    results = expand_path(chosen.results)
    return found, chosen.size, results, (int(first), int(second))


def _plan_line(row: Row) -> str:
    rates = ""
    if "seed" in row:
        rates = (
            f", seed {row['seed']}, rate {row['learning_rate']:g}: {row['flops']:.3g}"
            f" FLOPs, {row['hours']:.3g} h"
        )
    done = "done" if row["done"] else "to do"
    return f"{done:<6}{row['fingerprint']}  {row['run']}{rates}"


def _cost_lines(rows: Sequence[Row], tflops: float) -> list[str]:
    """Returns what the runs that are to be trained cost together, if there are any."""
    left = [row for row in rows if "flops" in row and not row["done"]]
    if not left:
        return []
    flops, hours = (sum(row[name] for row in left) for name in ("flops", "hours"))
    cost = f"{flops:.3g} FLOPs, {hours:.3g} h at {tflops:g} TFLOP/s"
    return [f"{len(left)} to train: {cost}"]
