"""`kscale demo`: four facts about capacity in one picture, in minutes on two cores.

A model at its limit holds about 1 bit per parameter after 100 exposures and about 2
after 1000, most of them which strings there are. Where bits are who has what it holds
fewer and answers most questions. A model with room to spare holds all there is. Each
run is a process of its own on a core of its own: for models this small that beats
sharing cores.

kscale demo                         # goes on with what is in runs/demo
kscale demo --overwrite             # trains anew
"""

import sys
from collections.abc import Sequence

from kscale import configs, report
from kscale.cli.flags import Command, Flag, expand_path
from kscale.cli.verb import Reply, Verb
from kscale.configs.base import fingerprint
from kscale.files import Row
from kscale.runs.launch import train_side_by_side

# The longest first, so that two cores end at about the same time.
RUNS = {
    "demo_d48": "at its limit, 1000 exposures",
    "demo_bindings": "who has what, 1000 exposures",
    "demo_room": "room to spare, 1000 exposures",
    "demo_d48_100": "at its limit, 100 exposures",
}


def plan(_: Command) -> Reply:
    """Lists the runs."""
    marks = {spec: fingerprint(configs.load(spec)) for spec in RUNS}
    lines = [f"{spec:<14}{marks[spec]}  {about}" for spec, about in RUNS.items()]
    return Reply(marks, "\n".join(lines))


def run(command: Command) -> Reply:
    """Trains four tiny models side by side and draws bits per parameter."""
    folder, chosen = expand_path(command.flags.workdir), command.flags
    folder.mkdir(parents=True, exist_ok=True)
    sys.stderr.write("four models on all cores: about five minutes on two cores\n")
    rows = train_side_by_side(folder, list(RUNS), chosen.overwrite, sys.stderr)
    picture = folder / "demo.png"
    report.draw_exposures(rows, picture, "What small models hold of a world")
    return Reply(rows, f"{table(rows)}\n\npicture: {picture}\n{sentence(rows)}")


VERB = Verb(
    "demo",
    __doc__ or "",
    {
        "workdir": Flag("runs/demo", "where it runs"),
        "overwrite": Flag(False, "train anew what is there"),
    },
    run,
    plan=plan,
    dry_run="print what would run, and stop",
)


def table(rows: Sequence[Row]) -> str:
    """Returns the rows for a person to read."""
    out = [
        f"{'':<30}{'people':>7}{'params':>8}{'bits held':>11}{'of':>9}"
        f"{'bits/param':>12}{'at most':>9}{'values right':>14}"
    ]
    for row in rows:
        out.append(
            f"{RUNS.get(row['name'], row['name']):<30}{row['people']:>7,}"
            f"{row['parameters']:>8,}{row['bits']['total']:>11,.0f}"
            f"{row['bits_max']['total']:>9,.0f}{row['bits_per_param']:>12.2f}"
            f"{row['max_bits_per_param']:>9.2f}{report.values_right(row):>14.0%}"
        )
    return "\n".join(out)


def sentence(rows: Sequence[Row]) -> str:
    """Returns what the demo shows, in one sentence."""
    by_name = {row["name"]: row for row in rows}
    held = {name: row["bits_per_param"] for name, row in by_name.items()}
    room, bound = by_name["demo_room"], by_name["demo_bindings"]
    return (
        f"A transformer at its limit holds {held['demo_d48_100']:.2f} bits per"
        f" parameter after 100 exposures and {held['demo_d48']:.2f} after 1000, most of"
        f" them which strings there are; where bits are who has what it holds"
        f" {held['demo_bindings']:.2f} with {report.values_right(bound):.0%} of the"
        f" values right; one with room to spare holds {held['demo_room']:.2f} of"
        f" {room['max_bits_per_param']:.2f}."
    )
