"""`kscale quantize`: what a finished run's knowledge is worth in fewer bits a weight.

kscale quantize --workdir=runs/demo-0123456789ab                  # 8 to 2 bits, GPTQ
kscale quantize --workdir=runs/mine --bits=4 --method=nearest --group=32
kscale quantize --workdir=runs/mine --bits=4 --save               # and keep the file
kscale score --workdir=runs/mine --weights=runs/mine/quantized_gptq_4.npz

Nothing is trained. With --save each rounded model is written into the run's folder, in
as few bytes as it has bits.
"""

import dataclasses
import json
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from kscale import models, quant
from kscale.cli import flags as command_flags
from kscale.cli import score
from kscale.cli.flags import Command, UsageError
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs import evaluate, folder, qat, run
from kscale.runs.task import Task


@dataclasses.dataclass(frozen=True)
class Choice:
    """How a model is rounded.

    Attributes:
      bits: each of these numbers of bits, out of `quant.BITS`.
      method: "gptq" or "nearest".
      scheme: all else; its bits do not matter.
      options: of `quant.gptq`.
      sample: biographies from which GPTQ learns.

    Raises:
      ValueError: as `rounding.require_method`.
    """

    bits: tuple[int, ...] = quant.BITS
    method: qat.Method = "gptq"
    scheme: Scheme = dataclasses.field(default_factory=Scheme)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sample: int = qat.SAMPLE

    def __post_init__(self) -> None:
        qat.require_method(self.method, self.sample, **self.options)


def quantize_run(
    workdir: pathlib.Path,
    choice: Choice,
    people: int = 0,
    member: int = 0,
    save: bool = False,
    overwrite: bool = False,
) -> Row:
    """Rounds a member of a finished run to each number of bits, and scores it.

    Args:
      workdir: a run folder.
      choice: how it is rounded.
      people: how many are scored, a random sample; 0 is what the run's config says.
      member: of a population.
      save: write each rounded model into the folder.
      overwrite: also over one that is there.

    Returns:
      `score.plan` of the run, and `rows`: the model as it is (16 bits a parameter would
      store it; of a run with `qat` its rounded weights), then each rounded one, exactly
      as its file has it: what, weight_bits, bits, bits_kept, accuracy, stored_bits,
      bits_per_stored_bit, seconds (of rounding) and file, if saved.

    Raises:
      ValueError: no finished run, no such member, too many people, bits that are not
        known, a pattern that matches no weight, a file that is there.
    """
    task, params, row = _opened(workdir, choice, people, member, save, overwrite)
    aware = task.config.qat.bits
    _, used = qat.plain(task, qat.used(task, params))
    kept = quant.quantize(params, task.config.qat) if aware else used
    task, params = qat.plain(task, params)

    what = f"as trained (rounded to {aware} bits)" if aware else "as trained"
    first = {"what": what, "weight_bits": aware or 16, "seconds": 0.0}
    rows = [first | _scored(task, used, kept, people, member)]
    files = _files(workdir, choice, member, len(task.hypers))
    about = {name: row[name] for name in ("name", "fingerprint")}
    for bits, file in files.items():
        scheme = dataclasses.replace(choice.scheme, bits=bits)
        began = time.perf_counter()
        tree = qat.rounded(
            task, params, scheme, choice.method, choice.sample, **choice.options
        )
        tree = quant.cut(tree)
        one = {
            "what": f"{choice.method} at {bits} bits",
            "weight_bits": bits,
            "seconds": time.perf_counter() - began,
        } | _scored(task, quant.dequantize(tree), tree, people, member)
        if save:
            quant.save(file, tree, about=about)
            one |= {"file": str(file)}
        rows.append(one)
    whole = rows[0]["bits"]["total"]
    for one in rows:
        one["bits_kept"] = one["bits"]["total"] / whole if whole > 0 else None
    return row | {"rows": rows}


def _scored(
    task: Task, used: models.Params, tree: Any, people: int, member: int
) -> Row:
    """What a model knows that computes with `used` and is stored as `tree`."""
    table = evaluate.score_params(task, used, people or None)
    known = run.make_row(task, table, member)
    said = {name: known[name] for name in ("bits", "sampling_error", "accuracy")}
    return said | qat.stored(tree, known["bits"]["total"])


def _opened(
    workdir: pathlib.Path,
    choice: Choice,
    people: int,
    member: int,
    save: bool,
    overwrite: bool,
) -> tuple[Task, models.Params, Row]:
    """A finished run and the plan of its scores, if all that is asked can be done."""
    task, params = folder.load(workdir, member)
    row = score.plan(task, people, member)
    there = [
        file
        for file in _files(workdir, choice, member, len(task.hypers)).values()
        if file.exists()
    ]
    if save and there and not overwrite:
        raise ValueError(f"{there[0]} is there: pass --overwrite to replace it")
    qat.check(qat.plain(task, params)[1], choice.scheme)
    chosen = dataclasses.asdict(choice) | {"options": dict(choice.options)}
    chosen["scheme"].pop("bits")  # each of the choice's own
    return task, params, row | {"choice": chosen}


def _files(
    workdir: pathlib.Path, choice: Choice, member: int, members: int
) -> dict[int, pathlib.Path]:
    return {
        bits: workdir / file_name(choice.method, bits, member, members)
        for bits in choice.bits
    }


def file_name(method: str, bits: int, member: int = 0, members: int = 1) -> str:
    """What the file of a rounded model is called in its run's folder."""
    return f"quantized_{method}_{bits}{f'_{member}' if members > 1 else ''}.npz"


def text(row: Row) -> str:
    """The rows for a person to read; the last line is the answer."""
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
    files = [f"wrote {one['file']}" for one in row["rows"] if "file" in one]
    return "\n".join([*out, "", *files, answer(row)])


def answer(row: Row) -> str:
    """The answer in one sentence."""
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


def _plan_text(row: Row) -> str:
    several = ", ".join(map(str, row["choice"]["bits"]))
    return f"{score.plan_text(row)} It would be rounded to {several} bits first."


def _define(flag_values: flags.FlagValues) -> None:
    command_flags.define_finished(flag_values)
    default = Choice()
    bits, leaves = map(str, default.bits), default.scheme.leaves
    flags.DEFINE_list("bits", list(bits), "of a weight", flag_values=flag_values)
    flags.DEFINE_list("leaves", list(leaves), "which weights", flag_values=flag_values)
    how = "GPTQ, or to the nearest point of the grid"
    flags.DEFINE_enum("method", "gptq", qat.METHODS, how, flag_values=flag_values)
    numbers = {
        "group": (0, "inputs that share a scale; 0: all of a channel"),
        "sample": (default.sample, "biographies from which GPTQ learns"),
        "block": (128, "of GPTQ: inputs whose updates are applied together"),
    }
    for name, (value, meaning) in numbers.items():
        flags.DEFINE_integer(name, value, meaning, flag_values=flag_values)
    damp = "of GPTQ: added to the inputs' second moments, in parts of their mean"
    flags.DEFINE_float("damp", 0.01, damp, flag_values=flag_values)
    switches = {
        "symmetric": (True, "a grid around 0, without zero points"),
        "act_order": (True, "of GPTQ: the inputs that vary most come first"),
        "sequential": (True, "of GPTQ: inputs as they come from rounded layers"),
        "save": (False, "write the rounded models into the run's folder"),
        "overwrite": (False, "also over what is there"),
    }
    for name, (value, meaning) in switches.items():
        flags.DEFINE_boolean(name, value, meaning, flag_values=flag_values)


def _choice(chosen: flags.FlagValues) -> Choice:
    unknown = [word for word in chosen.bits if word not in map(str, quant.BITS)]
    if unknown or not chosen.bits:
        raise UsageError(f"--bits={','.join(chosen.bits)}: each out of {quant.BITS}")
    options = ("damp", "act_order", "block", "sequential")
    idle = [name for name in (*options, "sample") if chosen[name].present]
    if chosen.method != "gptq" and idle:
        raise UsageError(
            f"--{idle[0]} is of GPTQ and has no effect with --method={chosen.method}:"
            f" leave it out"
        )
    return Choice(
        bits=tuple(map(int, chosen.bits)),
        method=chosen.method,
        scheme=Scheme(
            group=chosen.group,
            symmetric=chosen.symmetric,
            leaves=tuple(chosen.leaves),
        ),
        options={name: chosen[name].value for name in options}
        if chosen.method == "gptq"
        else {},
        sample=chosen.sample,
    )


def _quantize(command: Command) -> None:
    """Round a finished run's weights and score what is left."""
    workdir, chosen = command_flags.finished(command), command.flags
    choice = _choice(chosen)
    asked = (workdir, choice, chosen.people, chosen.member)
    asked += (chosen.save, chosen.overwrite)
    row = _opened(*asked)[-1] if chosen.dry_run else quantize_run(*asked)
    said = _plan_text if chosen.dry_run else text
    sys.stdout.write((json.dumps(row) if chosen.json else said(row)) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("quantize", _quantize, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
