"""`kscale train`: train a config and say how many bits of its world the model holds.

kscale train --config=demo
kscale train --config=bios:people=20K,model=GPT2-4-2 --workdir=runs/mine
kscale train --config=mini --config.model.layers=4 --dry_run
kscale train --config=mini --config.members.seeds=0,1,2     # a population
"""

import pathlib
import sys
from collections.abc import Iterator

import kscale
from kscale.cli.flags import CONFIG, Command, Flag, UsageError, expand_path
from kscale.cli.verb import FAILED, Reply, Verb
from kscale.configs.base import Config, fingerprint, make_absolute
from kscale.files import Row
from kscale.runs.inspect import TFLOPS, plan_run
from kscale.runs.launch import end_with_parent
from kscale.runs.rows import answer, list_findings, summarize

COST = Flag(TFLOPS, "1e12 operations a second, sustained (40 % of an A100), for hours")


def plan(command: Command) -> Reply:
    """Says what the run would be."""
    row = plan_run(*_config_and_workdir(command), command.flags.tflops)
    return Reply(row, plan_text(row))


def run(command: Command) -> Reply:
    """Trains the config and says how many bits of its world the model holds."""
    config, workdir = _config_and_workdir(command)
    end_with_parent()
    rows = kscale.run(
        config,
        workdir,
        resume=command.flags.resume,
        overwrite=command.flags.overwrite,
        progress=sys.stderr,
    )
    sys.stderr.write(f"written to {workdir}\n")
    best = summarize(rows)
    code = FAILED if any(row.get("diverged") for row in rows) else 0
    return Reply(best, "\n".join([*list_findings(best), answer(rows)]), code)


VERB = Verb(
    "train",
    __doc__ or "",
    {
        "config": CONFIG,
        "workdir": Flag(None, "the run's folder; nothing is written outside it"),
        "overwrite": Flag(
            False, "throw away what is in the run's folder and start anew"
        ),
        "resume": Flag(False, "go on from the last checkpoint in the run's folder"),
        "device": Flag(
            "auto",
            "where to compute; auto: the fastest there is",
            ("auto", "cpu", "gpu", "tpu"),
        ),
        "tflops": COST,
    },
    run,
    plan=plan,
    dry_run="print the config, parameters, bits, steps, cost and memory, and stop",
)


def plan_text(row: Row) -> str:
    """Returns the plan for a person to read."""
    size, most, visits = row["parameters"], row["bits"], row.get("visits")
    mixture, about = [], "" if row["counted"] else "about "
    memory = row["memory"]
    needed = memory["state"] + memory["work"] + memory["batches"]
    here = memory["device"]
    having = f", which has {here / 1e9:.3g} GB here" * bool(here)
    if visits and visits["fewest"] != visits["most"]:
        mixture.append(
            f"visits       {visits['fewest']:,} to {visits['most']:,} of a person"
        )
    for name, part in row["parts"].items():
        windows = f"{part['windows']:,} windows about " if "windows" in part else ""
        mixture.append(f"part         {name}: {windows}{part['people']:,} people")
    return "\n".join(
        [
            *(f"{path} = {leaf!r}" for path, leaf in _leaves(row["config"])),
            "",
            f"parameters   {size['total']:,} ({size['embedding']:,} of them embedding)",
            f"vocabulary   {row['vocabulary']:,} tokens that the corpus can use",
            f"world        {most['total']:,.0f} bits (names {most['name']:,.0f}, values"
            f" {most['value']:,.0f}, diversity {most['diversity']:,.0f})",
            f"R_max        {row['max_bits_per_param']:.3f} bits per parameter",
            *mixture,
            f"run          {about}{row['steps']:,} steps, {row['tokens']:,} tokens,"
            f" {row['exposures']:g} exposures, {row['members']} member"
            + "s"
            * (row["members"] > 1),
            f"cost         {row['flops']:.3g} FLOPs, {row['hours']:.3g} h at"
            f" {row['tflops']:g} TFLOP/s",
            f"memory       {needed / 1e9:.3g} GB or more of a device{having}",
        ]
    )


def _config_and_workdir(command: Command) -> tuple[Config, pathlib.Path]:
    config = command.config
    if config is None:
        raise UsageError("--config is needed; kscale train --help lists them")
    config = make_absolute(config)
    name = f"runs/{config.name}-{fingerprint(config)}"
    return config, expand_path(command.flags.workdir or name)


def _leaves(tree: Row, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            yield from _leaves(leaf, f"{prefix}{name}.")
        else:
            yield prefix + name, leaf
