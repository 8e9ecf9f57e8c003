"""`kscale ablate`: where the model of a finished run stores what it knows.

kscale ablate --workdir=runs/demo-0123456789ab
kscale ablate --workdir=runs/mine --bits=2 --people=500     # harder; a sample

The model is scored whole; without each of its layers; and with one kind of weights, or
those of one layer, rounded to a few bits. Nothing is trained and nothing is written.
"""

from kscale import quant
from kscale.cli import score
from kscale.cli.flags import FINISHED, Command, Flag
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.runs.ablation import BITS, ablate_run
from kscale.runs.rows import explain_negative


def run(command: Command) -> Reply:
    """Scores a finished run with parts of its model removed or rounded."""
    chosen = command.flags
    row = ablate_run(
        command.workdir, chosen.bits, chosen.people, chosen.member, chosen.dry_run
    )
    planned = (
        f"{score.plan_text(row)} That is done {row['scores']} times: whole, without"
        f" each of {row['layers']} layers, and with parts rounded to"
        f" {row['rounded_to']} bits."
    )
    return Reply(row, planned if chosen.dry_run else text(row))


VERB = Verb(
    "ablate",
    __doc__ or "",
    {
        **FINISHED,
        "bits": Flag(
            BITS, f"of a rounded weight, one of {', '.join(map(str, quant.BITS))}"
        ),
    },
    run,
    dry_run="say what would be scored",
)


def text(row: Row) -> str:
    """Returns the rows for a person to read; the last line is the answer."""
    widths = {"bits": 12, "tempered": 12, "kept": 8, "right": 8, "changed": 12}
    heads = "".join(f"{name:>{width}}" for name, width in widths.items())
    out = [f"{'':24}{heads}{'lost each':>11}"]
    for each in row["rows"]:
        out.append(
            f"{each['what']:<24}{each['bits']['total']:>12,.0f}"
            f"{each['tempered_bits']:>12,.0f}{_share(each):>8}{each['accuracy']:>8.1%}"
            f"{each['parameters']:>12,}{each['bits_lost_per_parameter']:>11.2f}"
        )
    bits = [each["bits"] for each in row["rows"]]
    below = explain_negative([one for one in bits if one["total"] < 0])
    return "\n".join([*out, *below, "", answer(row)])


def answer(row: Row) -> str:
    """Returns the answer in one sentence."""
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
