"""What a run's text costs to send: knowledge measured twice, and two-part codes.

    row = compare_with_score(task, params)       # beside the score table's bits
    row = two_part_code(pathlib.Path("runs/mine"))

Bits are those of the frequencies that `kscale compress` codes with.
"""

import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from kscale import models, quant
from kscale.compression import Measure, encode_model
from kscale.data import Documents
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.compress import build_codec
from kscale.runs.evaluate import effective_params, score
from kscale.runs.folder import RunFolder
from kscale.runs.task import Task, merge_adapters, open_run
from kscale.scores.documents import choose_people

SAMPLE = 2000  # documents that stand for all that a run has read
EVERYTHING = Scheme(leaves=("*/kernel", "*/table"))


def compare_with_score(
    task: Task, params: models.Params, people: int = 0, *, member: int = 0
) -> Row:
    """Returns what training took off the code length, beside the score table's bits.

    One telling of each person, the document in which it is scored, is coded by the
    untrained and by the trained model. A token is knowledge where it has a label (name,
    values, facts that give values away), else syntax, as EOS is.

        drop of knowledge = untrained - trained
                          = (untrained - lists) + (lists - trained)

    `lists` is what a code takes that knows the lists of names and values but nobody:
    log2 N0 + log2 S0 a person. The second term is what the score table calls bits of
    name and value. Where the two differ, it is because the table asks what a value
    costs among values (one that begins others, a pronoun among its forms), and a code
    pays for the wording as well. The first term is lists and format; the table's bits
    of diversity (bioD: which strings there are) are of this kind.

    Args:
      task: of the run.
      params: of one model.
      people: how many, a random sample; 0 is all of them.
      member: of the population, whose seed the untrained model has.

    Returns:
      tokens; untrained, trained and drop, each by knowledge, syntax, total; lists and
      drop_from_lists; score (name, value, diversity, total, of the same people) and
      difference, `drop_from_lists - (name + value)`; by_label. In bits.
    """
    chosen, _ = choose_people(task.corpus, people or None, task.config.score.seed)
    plan = task.corpus.score_plan(chosen, task.config.score.seed)
    documents = task.pool.compose(plan)
    cut, labels = _strip_prefix(task, documents)
    seed = int(np.asarray(task.hypers[member].seed))
    start = models.init(task.config.model, jax.random.key(seed))
    costs = {
        name: build_codec(task, each).measure(cut).bits
        for name, each in {"untrained": start, "trained": params}.items()
    }
    kinds = np.array([label.kind for label in task.corpus.labels])[labels]
    by_kind = {name: _sum_by_kind(kinds, bits) for name, bits in costs.items()}
    before, after = by_kind["untrained"], by_kind["trained"]
    known = score(task, params, chosen, member=member)
    counts = known.capacity.bits
    share = len(chosen) / task.corpus.num_people
    found = {x: getattr(counts, x) * share for x in ("name", "value", "diversity")}
    lists = len(chosen) * (task.counts.value_bits + math.log2(task.world.name_space))
    from_lists = lists - after["knowledge"]
    return {
        "people": len(chosen),
        "tokens": len(labels),
        **by_kind,
        "drop": {kind: before[kind] - after[kind] for kind in before},
        "lists": lists,
        "drop_from_lists": from_lists,
        "score": found | {"total": sum(found.values())},
        "difference": from_lists - found["name"] - found["value"],
        "by_label": _sum_by_label(task, labels, costs),
    }


def _strip_prefix(
    task: Task, documents: Documents
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the documents without what they begin with, and labels with EOS's."""
    skipped, ends = len(task.pool.prefix), np.cumsum(documents.lengths)
    cut, labels = [], []
    for stop, length in zip(ends, documents.lengths, strict=True):
        inside = slice(stop - length + skipped, stop)
        cut.append(documents.tokens[inside])
        labels += [documents.labels[inside], [task.pool.eos_label]]
    return cut, np.concatenate(labels).astype(int)


def _sum_by_kind(kinds: np.ndarray, bits: np.ndarray) -> dict[str, float]:
    return {
        "knowledge": math.fsum(bits[kinds != "text"]),
        "syntax": math.fsum(bits[kinds == "text"]),
        "total": math.fsum(bits),
    }


def _sum_by_label(
    task: Task, labels: np.ndarray, costs: dict[str, np.ndarray]
) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for i in np.unique(labels):
        label = task.corpus.labels[i]
        name = f"{label.name}/first" if label.kind == "value1" else label.name
        row: Row = {"kind": label.kind, "tokens": int((labels == i).sum())}
        row |= {x: math.fsum(bits[labels == i]) for x, bits in costs.items()}
        found[name] = row
    return found


def two_part_code(
    workdir: pathlib.Path,
    bits: Sequence[int] = quant.BITS,
    *,
    scheme: Scheme = EVERYTHING,
    sample: int = SAMPLE,
    member: int = 0,
) -> Row:
    """Returns what all text that a run has read costs, by bits a weight.

        two-part:     bits of `encode_model` + bits of every document under that model
        prequential:  sum over steps of the loss before the step, log2 e per nat

    The second needs no model to be sent: the receiver trains along (Dawid 1984). Both
    leave out what both sides share: code, config, seeds.

    Args:
      workdir: of a finished run without parts.
      bits: of a weight, to the nearest point; the model in float16 comes first.
      scheme: how weights are rounded; its bits do not matter.
      sample: documents measured, drawn evenly from all visits, for all of them.
      member: of a population.

    Returns:
      documents (all visits); rows, each with weight_bits, model_bits, stored_bits (of
      `quant`, not entropy-coded), data_bits and its standard error data_error, total;
      best, the row of the least total; prequential_bits.

    Raises:
      ValueError: as `open_run`; a run with parts or a start; one whose log lacks rows;
        fewer than 2 documents to sample.
    """
    task, params = open_run(workdir, member)
    if task.parts or task.config.data.share != 1:
        raise ValueError(
            f"the run in {workdir} mixes parts: a two-part code is of one corpus; take"
            f" a run without config.parts"
        )
    learned = prequential_bits(task, RunFolder.find(workdir), member)
    params = effective_params(task.config, params)
    task, params = merge_adapters(task, params)
    documents, visits = _sample_visits(task, sample)
    rows = []
    for each in (16, *bits):
        chosen = dataclasses.replace(scheme, bits=0 if each == 16 else each)
        tree = quant.cast_rest(quant.quantize(params, chosen))
        codec = build_codec(task, quant.dequantize(tree))
        data, error = _extrapolate(codec.measure(documents), visits)
        model = 8 * len(encode_model(tree))
        row = {"weight_bits": each, "model_bits": model}
        row |= {"stored_bits": quant.stored_bits(tree), "data_bits": data}
        rows.append(row | {"data_error": error, "total": model + data})
    return {
        "name": task.config.name,
        "parameters": task.parameters.total,
        "documents": visits,
        "rows": rows,
        "best": min(rows, key=lambda row: row["total"]),
        "prequential_bits": learned,
    }


def prequential_bits(task: Task, folder: RunFolder, member: int = 0) -> float:
    """Returns the bits of all tokens of a training, each before its step.

    Args:
      task, folder: of a finished run without parts.
      member: of a population.

    Raises:
      ValueError: the run goes on from another, the member diverged, or the log is not
        of every token.
    """
    stream: Any = task.order.stream
    if folder.vocabulary.exists():  # also of a start that the config does not name
        raise ValueError(
            f"the run in {folder.path} goes on from another: its log is not of all that"
            f" the model has learned; take a run without a start"
        )
    if step := folder.diverged_at(member):
        raise ValueError(f"member {member} diverged at step {step}: choose another")
    rows, wanted = folder.read_logged(), stream.total_tokens - 1
    if (found := sum(row["tokens"] for row in rows)) != wanted:
        raise ValueError(
            f"{folder.metrics} has rows of {found:,} tokens, the run read {wanted:,}:"
            f" the bits of the others are lost; train it anew with --overwrite"
        )
    losses = (np.ravel(row["loss"])[member] for row in rows)
    bits = sum(row["tokens"] * x for row, x in zip(rows, losses, strict=True))
    return float(bits) / math.log(2)


def _sample_visits(task: Task, sample: int) -> tuple[list[np.ndarray], int]:
    """Returns documents that stand evenly among all visits, and how many these are."""
    stream: Any = task.order.stream
    if not sample >= 2:
        raise ValueError(f"sample={sample} must be 2 documents or more")
    index = np.linspace(0, stream.visits - 1, min(sample, stream.visits))
    plan = task.corpus.plan(*stream.visit(np.unique(index.astype(np.int64))))
    return _strip_prefix(task, task.pool.compose(plan))[0], stream.visits


def _extrapolate(found: Measure, visits: int) -> tuple[float, float]:
    """Returns the bits of all documents, of which some were measured, and the error."""
    starts = np.cumsum(found.lengths) - found.lengths
    each = np.add.reduceat(found.bits, starts)
    error = each.std(ddof=1) / math.sqrt(len(each)) if len(each) < visits else 0.0
    return float(each.mean() * visits), float(error * visits)
