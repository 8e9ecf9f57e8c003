"""`kscale score`: score the model of a finished run again.

kscale score --workdir=runs/demo-0123456789ab
kscale score --workdir=runs/mine --people=2000      # a sample, with standard errors
kscale score --workdir=runs/mine --write            # renew result.json and scores.npz
kscale score --workdir=runs/mine --weights=FILE     # of kscale quantize --save
"""

from kscale.cli.flags import FINISHED, Command, Flag, UsageError, expand_path
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.runs.rows import answer, explain_negative, list_findings
from kscale.runs.score import score_run


def run(command: Command) -> Reply:
    """Scores the model of a finished run again, or says what would be scored."""
    chosen = command.flags
    if chosen.weights == "":
        raise UsageError("--weights= names no file: give one of kscale quantize --save")
    row = score_run(
        command.workdir,
        people=chosen.people,
        member=chosen.member,
        write=chosen.write,
        weights=expand_path(chosen.weights) if chosen.weights else None,
        dry_run=chosen.dry_run,
    )
    return Reply(row, plan_text(row) if chosen.dry_run else text(row))


VERB = Verb(
    "score",
    __doc__ or "",
    {
        **FINISHED,
        "weights": Flag(None, "a file of kscale quantize"),
        "write": Flag(False, "renew the run's result.json"),
    },
    run,
    dry_run="say what would be scored",
)


def plan_text(row: Row) -> str:
    """Returns the plan in one sentence."""
    return (
        f"{row['name']} ({row['parameters']:,} parameters) would be scored on"
        f" {row['people']:,} of {row['population']:,} people, whose world has"
        f" {row['bits_max']:,.0f} bits."
    )


def text(row: Row) -> str:
    """Returns the row for a person to read; its last line is the answer."""
    parts = ("name", "value", "diversity", "total")
    out = [f"{'part':<12}{'bits':>14}{'of':>14}{'+-':>10}"]
    for part in parts:
        if part == "total" or row["bits"][part] or row["bits_max"][part]:
            out.append(
                f"{part:<12}{row['bits'][part]:>14,.1f}{row['bits_max'][part]:>14,.1f}"
                f"{row['sampling_error'][part]:>10,.1f}"
            )
    out.append("+- is of the sample of people; other words of score.seed are not in it")
    if row["people"] > 1:  # else nothing bounds them
        moves = row["people_error"]["total"]
        out[-1] += f": they move the total by less than {moves:,.1f} (one sd)."
    out += explain_negative([row["bits"]])
    out += ["", f"{'piece':<14}accuracy"]
    out += [f"{name:<14}{share:.4f}" for name, share in row["accuracy"].items()]
    out += ["", *list_findings(row)]
    if "weights" in row:
        out.append(
            f"Scored is {row['weights']}: {row['weight_bits']} bits a weight,"
            f" {row['stored_bits']:,} stored bits, {row['bits_per_stored_bit']:.4f}"
            f" bits of knowledge in each."
        )
    return "\n".join([*out, answer([row])])
