"""`kscale train`: train a config and say how many bits of its world the model holds.

kscale train --config=demo
kscale train --config=bios:people=20K,model=GPT2-4-2 --workdir=runs/mine
kscale train --config=mini --config.model.layers=4 --dry_run
kscale train --config=mini --config.members.seeds=0,1,2     # a population
"""

import json
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from kscale.cli import flags as command_flags
from kscale.cli.flags import Command, UsageError
from kscale.configs import base as config_module
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs import devices, finetune, run
from kscale.runs.rows import findings
from kscale.runs.task import prepare
from kscale.tokenizers.vocabulary import NO_VOCABULARY


def plan(config: Config, workdir: pathlib.Path | None = None) -> Row:
    """What a run would be, without running it: sizes, bits, steps, the whole config.

    Args:
      config: of the run.
      workdir: its folder, which may not be that of its start; it is not looked into.

    Raises:
      ValueError: a contradiction in the config, what cannot be trained
        (`arrangement.check`), or a start that cannot be gone on from.
    """
    opened = finetune.opened(config, workdir=workdir)
    task = prepare(config, opened.vocabulary if opened else NO_VOCABULARY)
    if opened is not None:
        opened.check(task)
    devices.check(task)
    most, visits = task.world.bits_max(), task.order.visits()
    return {
        "parameters": task.parameters._asdict(),
        "vocabulary": task.pool.vocabulary.size,
        "bits": {
            "name": most.name,
            "value": most.value,
            "diversity": most.diversity,
            "total": most.total,
        },
        "max_bits_per_param": most.total / task.parameters.total,
        "exposures": task.order.exposures,
        "visits": {"fewest": int(visits.min()), "most": int(visits.max())},
        "parts": {
            part.config.name: {"windows": windows, "people": part.corpus.num_people}
            for part, windows in zip(task.parts, task.order.part_windows, strict=True)
        },
        "steps": task.order.steps,
        "tokens": task.order.stream.total_tokens,
        "members": len(task.hypers),
        "fingerprint": config_module.fingerprint(config),
        "config": fields.to_dict(config),
    }


def plan_text(row: Row) -> str:
    """The plan for a person to read."""
    out = [f"{path} = {leaf!r}" for path, leaf in _leaves(row["config"])]
    size, most = row["parameters"], row["bits"]
    return "\n".join(
        [
            *out,
            "",
            f"parameters   {size['total']:,} ({size['embedding']:,} of them embedding)",
            f"vocabulary   {row['vocabulary']:,} tokens that the corpus can use",
            f"world        {most['total']:,.0f} bits (names {most['name']:,.0f}, values"
            f" {most['value']:,.0f}, diversity {most['diversity']:,.0f})",
            f"R_max        {row['max_bits_per_param']:.3f} bits per parameter",
            *_mixture_lines(row),
            f"run          {row['steps']:,} steps, {row['tokens']:,} tokens,"
            f" {row['exposures']:g} exposures, {row['members']} member"
            + "s"
            * (row["members"] > 1),
            "",
        ]
    )


def _mixture_lines(row: Row) -> list[str]:
    """How often people are met, if unequally, and what is mixed in."""
    met, out = row["visits"], []
    if met["fewest"] != met["most"]:
        out.append(f"visits       {met['fewest']:,} to {met['most']:,} of a person")
    for name, part in row["parts"].items():
        out.append(
            f"part         {name}: {part['windows']:,} windows about"
            f" {part['people']:,} people"
        )
    return out


def _leaves(tree: Row, prefix: str = ""):
    for name, leaf in tree.items():
        if isinstance(leaf, dict):
            yield from _leaves(leaf, f"{prefix}{name}.")
        else:
            yield prefix + name, leaf


def _define(flag_values: flags.FlagValues) -> None:
    command_flags.define_run(flag_values)


def _train(command: Command) -> int:
    """Train a config and say how many bits of its world the model holds."""
    command_flags.refuse_arguments(command)
    config, chosen = command.config, command.flags
    if config is None:
        raise UsageError("--config is needed; kscale train --help lists them")
    command_flags.use_device(chosen.device)
    workdir = command_flags.folder(
        chosen.workdir or f"runs/{config.name}-{config_module.fingerprint(config)}"
    )
    if chosen.dry_run:
        row = plan(config, workdir)
        sys.stdout.write(json.dumps(row) + "\n" if chosen.json else plan_text(row))
        return 0
    try:
        rows = run.run(
            config,
            workdir,
            resume=chosen.resume,
            overwrite=chosen.overwrite,
            progress=sys.stderr,
        )
    except run.Interrupted as stopped:
        sys.stderr.write(f"kscale train: {stopped}; --resume goes on\n")
        return 0
    sys.stderr.write(f"written to {workdir}\n")
    best = run.summary(rows)
    said = [json.dumps(best)] if chosen.json else [*findings(best), run.answer(rows)]
    sys.stdout.write("\n".join(said) + "\n")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("train", _train, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
