"""`kscale score`: score the model of a finished run again.

kscale score --workdir=runs/demo-0123456789ab
kscale score --workdir=runs/mine --people=2000      # a sample, with standard errors
kscale score --workdir=runs/mine --write            # renew result.json and scores.npz
kscale score --workdir=runs/mine --weights=FILE     # of kscale quantize --save
"""

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from absl import flags

from kscale import files, models, quant
from kscale.cli import flags as command_flags
from kscale.cli.flags import Command, UsageError
from kscale.configs import base as config_module
from kscale.files import Row
from kscale.runs import evaluate, folder, qat, run
from kscale.runs.rows import findings
from kscale.runs.task import Task


def score_run(
    workdir: pathlib.Path,
    people: int = 0,
    member: int = 0,
    write: bool = False,
    weights: pathlib.Path | None = None,
) -> Row:
    """Scores a member of a finished run on the whole world or a sample.

    Args:
      workdir: a run folder.
      people: how many, a random sample; 0 is what the run's config says.
      member: of a population.
      write: put the table and the row into the run folder, in place of the old ones.
      weights: a file of `kscale quantize`, to be scored in place of the run's own.

    Returns:
      The result row; of a file also weights (its name), weight_bits, stored_bits and
      bits_per_stored_bit.

    Raises:
      ValueError: no finished run, no such member, weights of another model, run or
        member, or `write` with a sample or other weights, which would replace what
        they are not.
    """
    _require_own(weights, write, people)
    task, params = folder.load(workdir, member)
    _require_people(task, people)
    tree = None
    if weights is not None:
        task, params, tree = _rounded(task, params, member, weights)
    table = run.score_params(task, params, people or None)
    row = run.make_row(task, table, member)
    row |= evaluate.evaluate(task, params, table, member)
    if tree is not None:
        row |= qat.stored(tree, row["bits"]["total"])
        row |= {"weights": str(weights), "weight_bits": _weight_bits(tree)}
    if write:
        name = f"_{member}" if len(task.hypers) > 1 else ""
        table.save(workdir / f"scores{name}.npz")
        old = json.loads((workdir / "result.json").read_text(encoding="utf-8"))
        rows = old.get("members", [old])
        rows[member] = rows[member] | row
        files.write_json(workdir / "result.json", run.summary(rows))
    return row


def _require_own(weights: pathlib.Path | None, write: bool, people: int) -> None:
    """Refuses to write what is not of the whole run as it was trained."""
    if write and people:
        raise ValueError(
            f"people={people} is a sample: it is not written over the run's own result"
        )
    if write and weights:
        raise ValueError(
            f"weights={weights}: their scores are not written over the run's own result"
        )


def _rounded(
    task: Task, params: models.Params, member: int, weights: pathlib.Path
) -> tuple[Task, models.Params, Any]:
    """The run without adapters, and what a file holds for it: parameters, and as read.

    A file that does not say of which run it is, is told by its shapes alone.
    """
    tree, about = quant.load(weights), quant.about(weights)
    own = config_module.fingerprint(_config(task, member))
    if about.get("fingerprint", own) != own:
        raise ValueError(
            f"weights={weights} are of the run or member {about['fingerprint']}, not of"
            f" {own}, which is to be scored; give a file of its own"
        )
    task, params = qat.plain(task, params)
    found = quant.dequantize(tree)
    shapes = [jax.tree.map(np.shape, each) for each in (params, found)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"weights={weights} are of another model than the run's; give a file that"
            f" kscale quantize --save wrote for this run"
        )
    return task, found, tree


def _weight_bits(tree: Any) -> int:
    """Of a weight that is rounded; 32 where none is."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, quant.Quantized))
    rounded = [x.scheme.bits for x in leaves if isinstance(x, quant.Quantized)]
    return max(rounded, default=32)


def _config(task: Task, member: int) -> config_module.Config:
    return run.member_config(task.config, task.hypers[member])


def plan(task: Task, people: int = 0, member: int = 0) -> Row:
    """What would be scored: the model, its parameters, how many people of how many.

    Raises:
      ValueError: there are not so many people.
    """
    _require_people(task, people)
    config = _config(task, member)
    return {
        "name": config.name,
        "fingerprint": config_module.fingerprint(config),
        "parameters": task.parameters.total,
        "people": people or config.score.people or task.corpus.num_people,
        "population": task.corpus.num_people,
        "bits_max": task.world.bits_max().total,
    }


def _require_people(task: Task, people: int) -> None:
    if not 0 <= people <= task.corpus.num_people:
        raise ValueError(
            f"people={people} must be 1 to {task.corpus.num_people}, the people whom"
            f" the run's corpus tells of, or 0 for what its config says"
        )


def plan_text(row: Row) -> str:
    """The plan in one sentence."""
    return (
        f"{row['name']} ({row['parameters']:,} parameters) would be scored on"
        f" {row['people']:,} of {row['population']:,} people, whose world has"
        f" {row['bits_max']:,.0f} bits."
    )


def _define(flag_values: flags.FlagValues) -> None:
    command_flags.define_finished(flag_values)
    flags.DEFINE_string(
        "weights", None, "a file of kscale quantize", flag_values=flag_values
    )
    flags.DEFINE_boolean(
        "write", False, "renew the run's result.json", flag_values=flag_values
    )


def _score(command: Command) -> None:
    """Score the model of a finished run again."""
    workdir, chosen = command_flags.finished(command), command.flags
    if chosen.weights == "":
        raise UsageError("--weights= names no file: give one of kscale quantize --save")
    weights = command_flags.folder(chosen.weights) if chosen.weights else None
    _require_own(weights, chosen.write, chosen.people)
    if chosen.dry_run:
        task, params = folder.load(workdir, chosen.member)
        if weights is not None:
            _rounded(task, params, chosen.member, weights)
        row = plan(task, chosen.people, chosen.member)
        sys.stdout.write((json.dumps(row) if chosen.json else plan_text(row)) + "\n")
        return
    row = score_run(workdir, chosen.people, chosen.member, chosen.write, weights)
    sys.stdout.write((json.dumps(row) if chosen.json else text(row)) + "\n")


def text(row: Row) -> str:
    """The row for a person to read; its last line is the answer."""
    parts = ("name", "value", "diversity", "total")
    out = [f"{'part':<12}{'bits':>14}{'of':>14}{'+-':>10}"]
    for part in parts if row["bits_max"]["diversity"] else (*parts[:2], "total"):
        out.append(
            f"{part:<12}{row['bits'][part]:>14,.1f}{row['bits_max'][part]:>14,.1f}"
            f"{row['sampling_error'][part]:>10,.1f}"
        )
    out += ["", f"{'piece':<14}accuracy"]
    out += [f"{name:<14}{share:.4f}" for name, share in row["accuracy"].items()]
    said = [_of_weights(row)] if "weights" in row else []
    return "\n".join([*out, "", *findings(row), *said, run.answer([row])])


def _of_weights(row: Row) -> str:
    return (
        f"Scored is {row['weights']}: {row['weight_bits']} bits a weight,"
        f" {row['stored_bits']:,} stored bits, {row['bits_per_stored_bit']:.4f} bits of"
        f" knowledge in each."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("score", _score, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
