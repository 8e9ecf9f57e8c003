"""`kscale ablate`: where the model of a finished run stores what it knows.

kscale ablate --workdir=runs/demo-0123456789ab
kscale ablate --workdir=runs/mine --bits=2 --people=500     # harder; a sample

The model is scored whole; without each of its layers; and with one kind of weights, or
those of one layer, rounded to a few bits. Nothing is trained and nothing is written.
"""

import json
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from kscale import models, quant
from kscale.cli import flags as command_flags
from kscale.cli import score
from kscale.cli.flags import Command
from kscale.files import Row
from kscale.runs import ablation, folder, qat
from kscale.runs.task import Task


def ablate_run(
    workdir: pathlib.Path, bits: int = ablation.BITS, people: int = 0, member: int = 0
) -> Row:
    """Scores a member of a finished run whole and with parts of it removed or rounded.

    Args:
      workdir: a run folder.
      bits: of a rounded weight.
      people: how many, a random sample; 0 is what the run's config says.
      member: of a population.

    Returns:
      `score.plan` of the run, its layers, the bits of a rounded weight as `rounded_to`,
      and the rows of `ablation.ablate` as `rows`.

    Raises:
      ValueError: no finished run, no such member, too many people, or no such bits.
    """
    task, params = folder.load(workdir, member)
    row = plan(task, params, bits, people, member)
    return row | {"rows": ablation.ablate(task, params, bits, people)}


def plan(
    task: Task,
    params: models.Params,
    bits: int = ablation.BITS,
    people: int = 0,
    member: int = 0,
) -> Row:
    """What would be scored, and how often."""
    model = qat.plain(task, params)[0].config.model
    return score.plan(task, people, member) | {
        "layers": model.layers,
        "rounded_to": bits,
        "scores": 1 + len(ablation.changes(model, bits)),
    }


def plan_text(row: Row) -> str:
    """The plan in two sentences."""
    return (
        f"{score.plan_text(row)} That is done {row['scores']} times: whole, without"
        f" each of {row['layers']} layers, and with parts rounded to"
        f" {row['rounded_to']} bits."
    )


def text(row: Row) -> str:
    """The rows for a person to read; the last line is the answer."""
    widths = {"bits": 12, "tempered": 12, "kept": 8, "right": 8, "changed": 12}
    heads = "".join(f"{name:>{width}}" for name, width in widths.items())
    out = [f"{'':24}{heads}{'lost each':>11}"]
    for each in row["rows"]:
        out.append(
            f"{each['what']:<24}{each['bits']['total']:>12,.0f}"
            f"{each['tempered_bits']:>12,.0f}{_share(each):>8}{each['accuracy']:>8.1%}"
            f"{each['parameters']:>12,}{each['bits_lost_per_parameter']:>11.2f}"
        )
    return "\n".join([*out, "", answer(row)])


def answer(row: Row) -> str:
    """The answer in one sentence."""
    whole, *rows = row["rows"]
    known = f"{row['name']} holds {whole['bits']['total']:,.0f} bits"
    if whole["tempered_kept"] is None:
        return f"{known}: there is nothing to look for."
    kept = {each["what"]: _share(each) for each in rows if each["tempered_kept"] > 0}
    layers, bits = row["layers"], row["rounded_to"]
    removed = kept.get(f"without layer {layers - 1}", "none")
    rounded = [
        f"{kept.get(each['what'], 'none')} with {each['what']}"
        for each in rows
        if each["what"] in (f"attention at {bits} bits", f"MLP at {bits} bits")
    ]
    return (
        f"{known}; at the best temperature {removed} of them are left without its last"
        f" layer (1 - 1/L = {1 - 1 / layers:.0%}), {', '.join(rounded)}."
    )


def _share(each: Row) -> str:
    return "-" if each["tempered_kept"] is None else f"{each['tempered_kept']:.0%}"


def _define(flag_values: flags.FlagValues) -> None:
    command_flags.define_finished(flag_values)
    one = ", ".join(map(str, quant.BITS))
    flags.DEFINE_integer(
        "bits",
        ablation.BITS,
        f"of a rounded weight, one of {one}",
        flag_values=flag_values,
    )


def _ablate(command: Command) -> None:
    """Score a finished run with parts of its model removed or rounded."""
    workdir, chosen = command_flags.finished(command), command.flags
    asked = (chosen.bits, chosen.people, chosen.member)
    if chosen.dry_run:
        row = plan(*folder.load(workdir, chosen.member), *asked)
    else:
        row = ablate_run(workdir, *asked)
    said = plan_text if chosen.dry_run else text
    sys.stdout.write((json.dumps(row) if chosen.json else said(row)) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("ablate", _ablate, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
