"""`kscale quantize`: what a finished run's knowledge is worth in fewer bits a weight.

kscale quantize --workdir=runs/demo-0123456789ab                  # 8 to 2 bits, GPTQ
kscale quantize --workdir=runs/mine --bits=4 --method=nearest --group=32
kscale quantize --workdir=runs/mine --bits=4 --save               # and keep the file
kscale score --workdir=runs/mine --weights=runs/mine/quantized_gptq_4.npz

Nothing is trained. With --save each rounded model is written into the run's folder, in
as few bytes as it has bits.
"""

import dataclasses

from kscale import quant
from kscale.cli import score
from kscale.cli.flags import FINISHED, Command, Flag, UsageError
from kscale.cli.verb import Reply, Verb
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.quantize import METHODS, SAMPLE, Choice, quantize_run
from kscale.runs.rows import explain_negative

_GPTQ = dataclasses.asdict(quant.GptqOptions())
_MEANINGS = {
    "damp": "added to the inputs' second moments, in parts of their mean",
    "act_order": "the inputs that vary most come first",
    "block": "inputs whose updates are applied together",
    "sequential": "inputs as they come from rounded layers",
}


def run(command: Command) -> Reply:
    """Rounds a finished run's weights and scores what is left."""
    workdir, chosen = command.workdir, command.flags
    row = quantize_run(
        workdir,
        _choice(command),
        chosen.people,
        chosen.member,
        chosen.save,
        chosen.overwrite,
        chosen.dry_run,
    )
    if not chosen.dry_run:
        return Reply(row, text(row))
    several = ", ".join(map(str, row["choice"]["bits"]))
    return Reply(
        row, f"{score.plan_text(row)} It would be rounded to {several} bits first."
    )


VERB = Verb(
    "quantize",
    __doc__ or "",
    {
        **FINISHED,
        "bits": Flag(tuple(map(str, quant.BITS)), "of a weight"),
        "leaves": Flag(Scheme().leaves, "which weights"),
        "method": Flag("gptq", "GPTQ, or to the nearest point of the grid", METHODS),
        "group": Flag(0, "inputs that share a scale; 0: all of a channel"),
        "sample": Flag(SAMPLE, "biographies from which GPTQ learns"),
        **{x: Flag(_GPTQ[x], f"of GPTQ: {_MEANINGS[x]}") for x in _GPTQ},
        "symmetric": Flag(True, "a grid around 0, without zero points"),
        "save": Flag(False, "write the rounded models into the run's folder"),
        "overwrite": Flag(False, "also over what is there"),
    },
    run,
    dry_run="say what would be scored",
)


def _choice(command: Command) -> Choice:
    chosen = command.flags
    if not chosen.bits or set(chosen.bits) - set(map(str, quant.BITS)):
        raise UsageError(f"--bits={','.join(chosen.bits)}: each out of {quant.BITS}")
    idle = [name for name in (*_GPTQ, "sample") if chosen[name].present]
    if chosen.method != "gptq" and idle:
        raise UsageError(
            f"--{idle[0]} is of GPTQ and has no effect with --method={chosen.method}:"
            f" leave it out"
        )
    gptq = {name: chosen[name].value for name in _GPTQ}
    return Choice(
        bits=tuple(map(int, chosen.bits)),
        method=chosen.method,
        scheme=Scheme(
            group=chosen.group, symmetric=chosen.symmetric, leaves=tuple(chosen.leaves)
        ),
        options=gptq if chosen.method == "gptq" else {},
        sample=chosen.sample,
    )


def text(row: Row) -> str:
    """Returns the rows for a person to read; the last line is the answer."""
    heads = ("bits", "kept", "stored bits", "per stored bit", "seconds")
    wide = max(20, *(len(one["what"]) + 1 for one in row["rows"]))
    out = [
        f"{'':{wide}}{heads[0]:>12}{heads[1]:>8}{heads[2]:>14}{heads[3]:>16}{heads[4]:>9}"
    ]
    for one in row["rows"]:
        kept = "-" if one["bits_kept"] is None else f"{one['bits_kept']:.1%}"
        out.append(
            f"{one['what']:<{wide}}{one['bits']['total']:>12,.0f}{kept:>8}"
            f"{one['stored_bits']:>14,}{one['bits_per_stored_bit']:>16.4f}"
            f"{one['seconds']:>9.1f}"
        )
    bits = [one["bits"] for one in row["rows"]]
    below = explain_negative([one for one in bits if one["total"] < 0])
    files = [f"wrote {one['file']}" for one in row["rows"] if "file" in one]
    return "\n".join([*out, "", *below, *files, answer(row)])


def answer(row: Row) -> str:
    """Returns the answer in one sentence."""
    whole = row["rows"][0]
    if whole["bits"]["total"] <= 0:
        held = f"{whole['bits']['total']:,.0f}"
        return f"{row['name']} holds {held} bits: there is nothing to keep."
    best = max(row["rows"], key=lambda one: one["bits_per_stored_bit"])
    size = whole["weight_bits"]
    stored = f"rounded to {size} bits" if size < 16 else "16 bits a parameter"
    trained_bits = f"{whole['bits_per_stored_bit']:.3f}"
    if best is whole:
        return (
            f"{row['name']} holds most in a stored bit as trained ({stored}):"
            f" {trained_bits} bits of knowledge."
        )
    return (
        f"{row['name']} holds most in a stored bit {best['what']}:"
        f" {best['bits_per_stored_bit']:.3f} bits of knowledge, where as trained"
        f" ({stored}) it holds {trained_bits}."
    )
