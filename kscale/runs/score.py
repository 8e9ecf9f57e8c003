"""The model of a finished run, scored again: all people, a sample, or rounded weights.

row = score_run(pathlib.Path("runs/mine"), people=2000)
row["bits"]["total"], row["sampling_error"]["total"]
"""

import contextlib
import pathlib
from typing import Any

import jax
import numpy as np

from kscale import models, quant
from kscale.configs.base import fingerprint, member_config
from kscale.files import Row
from kscale.runs.claim import reopen
from kscale.runs.evaluate import score
from kscale.runs.folder import RunFolder
from kscale.runs.rows import measure_storage, summarize
from kscale.runs.task import Task, merge_adapters, open_run


def score_run(
    workdir: pathlib.Path,
    people: int = 0,
    member: int = 0,
    write: bool = False,
    weights: pathlib.Path | None = None,
    dry_run: bool = False,
) -> Row:
    """Scores a member of a finished run on the whole world or a sample.

    Args:
      workdir: a run folder.
      people: how many, a random sample; 0 is what the run's config says.
      member: of a population.
      write: put the table and the row into the run folder, in place of the old ones.
      weights: a file of `kscale quantize`, to be scored in place of the run's own.
      dry_run: score nothing.

    Returns:
      The result row; of a file also weights (its name), weight_bits, stored_bits and
      bits_per_stored_bit. Of a dry run `describe_scoring` alone.

    Raises:
      ValueError: as `open_run`; weights of another model, run or member; `write` with
        a sample or other weights.
    """
    if write and people:
        raise ValueError(
            f"people={people} is a sample: it is not written over the run's own result"
        )
    if write and weights:
        raise ValueError(
            f"weights={weights}: their scores are not written over the run's own result"
        )
    held = write and not dry_run
    with reopen(workdir, "scored") if held else contextlib.nullcontext():
        return _score_run(workdir, people, member, write, weights, dry_run)


def _score_run(
    workdir: pathlib.Path,
    people: int,
    member: int,
    write: bool,
    weights: pathlib.Path | None,
    dry_run: bool,
) -> Row:
    task, params = open_run(workdir, member)
    plan = describe_scoring(task, people, member)
    tree = None
    if weights is not None:
        task, params, tree = _load_weights(weights, task, params, plan["fingerprint"])
    if dry_run:
        return plan
    known = score(task, params, people, member=member)
    row = known.row
    if tree is not None:
        row |= measure_storage(tree, row["bits"]["total"])
        leaves = jax.tree.leaves(tree, is_leaf=quant.is_quantized)
        bits = [leaf.scheme.bits for leaf in leaves if quant.is_quantized(leaf)]
        row |= {"weights": str(weights), "weight_bits": max(bits)}
    if write:
        folder = RunFolder(workdir, len(task.hypers))
        rows = folder.read_members()
        rows[member] = rows[member] | row
        with folder.renew(folder.scores(member), folder.result):
            known.table.save(folder.scores(member))
            folder.write_result(summarize(rows))
    return row


def describe_scoring(task: Task, people: int = 0, member: int = 0) -> Row:
    """Returns what is scored: the model, its parameters, how many of the people."""
    if not 0 <= people <= task.corpus.num_people:
        raise ValueError(
            f"people={people} must be 1 to {task.corpus.num_people}, the people of the"
            f" run's corpus, or 0 for what its config says"
        )
    config = member_config(task.config, task.hypers[member])
    return {
        "name": config.name,
        "fingerprint": fingerprint(config),
        "parameters": task.parameters.total,
        "people": people or config.score.people or task.corpus.num_people,
        "population": task.corpus.num_people,
        "bits_max": task.world.bits_max().total,
    }


def _load_weights(
    path: pathlib.Path, task: Task, params: models.Params, own: str
) -> tuple[Task, models.Params, Any]:
    """Returns the run without adapters, what a file holds for it, and that as read."""
    RunFolder(path.parent).require_unchanged(path)
    tree = quant.load_quantized(path)
    # A file without the name of its run is compared by shapes alone.
    if (made_for := quant.load_about(path).get("fingerprint", own)) != own:
        raise ValueError(
            f"weights={path} are of the run or member {made_for}, not of {own},"
            f" which is to be scored; give a file of its own"
        )
    task, params = merge_adapters(task, params)
    found = quant.dequantize(tree)
    if jax.tree.map(np.shape, params) != jax.tree.map(np.shape, found):
        raise ValueError(
            f"weights={path} are of another model than the run's; give a file that"
            f" kscale quantize --save wrote for this run"
        )
    return task, found, tree
