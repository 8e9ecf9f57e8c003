"""Where a model stores what it knows: scores of it with parts removed or rounded.

    for row in ablate_run(pathlib.Path("runs/mine"), bits=3)["rows"]:
        print(row["what"], row["bits"]["total"], row["accuracy"])

What is lost without a part was stored there, or is read by way of it.
"""

import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from kscale import models, quant, scores
from kscale.files import Row
from kscale.runs.evaluate import effective_params, score
from kscale.runs.score import describe_scoring
from kscale.runs.task import Task, merge_adapters, open_run
from kscale.trees import leaves_by_path, map_by_path, matches

BITS = 3  # few enough to hurt, enough to tell one part from another
_FEW = 200  # people for whom a temperature is chosen
_HALVINGS = 6  # of the logits, at most


def ablate_run(
    workdir: pathlib.Path,
    bits: int = BITS,
    people: int = 0,
    member: int = 0,
    dry_run: bool = False,
) -> Row:
    """Scores a member of a finished run whole and with parts of it removed or rounded.

    Args:
      workdir: a run folder.
      bits: of a rounded weight.
      people: how many, a random sample; 0 is what the run's config says.
      member: of a population.
      dry_run: leave out `rows`; nothing is scored.

    Returns:
      `describe_scoring` of the run; layers; rounded_to, the bits of a rounded weight;
      scores, how many are taken; rows, of `ablate`.
    """
    task, params = open_run(workdir, member)
    model = merge_adapters(task, params)[0].config.model
    row = describe_scoring(task, people, member) | {
        "layers": model.layers,
        "rounded_to": bits,
        "scores": 1 + len(list_changes(model, bits)),
    }
    return row if dry_run else row | {"rows": ablate(task, params, bits, people)}


class Change(NamedTuple):
    """What is done to a model.

    Attributes:
      what: in words.
      leaves: patterns of the parameters concerned.
      bits: to which they are rounded; 0: they are removed.
    """

    what: str
    leaves: tuple[str, ...]
    bits: int


def list_changes(config: models.ModelConfig, bits: int = BITS) -> list[Change]:
    """Lists each layer removed, each kind of weight and each layer rounded.

    Args:
      config: the model, its adapters merged (they may untie it).
      bits: of a rounded weight, one of `quant.BITS`.

    Example:
      >>> [x.what for x in list_changes(models.from_name("GPT2_0-1-1"), bits=2)]
      ['without layer 0', 'attention at 2 bits', 'embedding at 2 bits',
       'layer 0 at 2 bits', 'all layers at 2 bits']
    """
    if bits not in quant.BITS:
        raise ValueError(f"bits={bits} must be one of {quant.BITS}")
    layers = range(config.layers)
    rounded: dict[str, tuple[str, ...]] = {"attention": ("layer*/attention/*/kernel",)}
    if config.mlp != "none":
        rounded["MLP"] = ("layer*/mlp/up/kernel", "layer*/mlp/down/kernel")
    if config.experts:
        rounded["router"] = ("layer*/mlp/router/kernel",)
    rounded["embedding"] = ("embed/table",)
    if not config.tied:
        rounded["output layer"] = ("head/table",)
    rounded |= {f"layer {i}": (f"layer_{i}/*/kernel",) for i in layers}
    rounded["all layers"] = ("layer*/kernel",)
    removed = [Change(f"without layer {i}", (f"layer_{i}/*",), 0) for i in layers]
    return removed + [
        Change(f"{what} at {bits} bits", leaves, bits)
        for what, leaves in rounded.items()
    ]


def apply_change(params: models.Params, change: Change) -> models.Params:
    """Returns the parameters after a change.

    Of a removed layer both projections back into the residual stream are set to zero:
    the function that is left is that of the other layers.
    """
    if change.bits:
        scheme = quant.Scheme(bits=change.bits, leaves=change.leaves)
        return quant.dequantize(quant.quantize(params, scheme))
    ends = [
        leaves.replace("/*", end)
        for leaves in change.leaves
        for end in ("/attention/out/*", "/mlp/down/*")
    ]
    return map_by_path(
        lambda path, leaf: np.zeros_like(leaf) if matches(path, ends) else leaf, params
    )


def ablate(
    task: Task, params: models.Params, bits: int = BITS, people: int = 0
) -> list[Row]:
    """Scores a model whole and after each of its changes.

    A damaged model is surer than it may be, and its bits can be far below zero though
    it still knows something. So bits are also taken with all logits divided by one
    temperature, the best of 1, 1.4, 2, 2.8, ... for `_FEW` of the people.

    Args:
      task, params: of one model; adapters are merged first.
      bits: of a weight that is rounded to the nearest point, one scale a channel.
      people: how many, the same sample each time; 0 is what the config says.

    Returns:
      A row each, that of the whole model first: what; bits (of knowledge, by part);
      sampling_error (of bits); accuracy (share of values that are greedily right);
      temperature; tempered_bits (in all); bits_kept, tempered_kept (of what the whole
      model holds, None where that is nothing); parameters (changed);
      bits_lost_per_parameter (tempered bits, of these parameters).

    Source: Allen-Zhu & Li 2024, section 8.1. They remove the last layer of a trained
    model and train a probe for what is left; here nothing is trained anew.
    """
    task, params = merge_adapters(task, effective_params(task.config, params))
    sizes = {path: leaf.size for path, leaf in leaves_by_path(params).items()}
    rows: list[Row] = [_row("whole", task, params, people) | {"parameters": 0}]
    for change in list_changes(task.config.model, bits):
        row = _row(change.what, task, apply_change(params, change), people)
        touched = [n for path, n in sizes.items() if matches(path, change.leaves)]
        rows.append(row | {"parameters": sum(touched)})
    whole = rows[0]["bits"]["total"], rows[0]["tempered_bits"]
    for row in rows:
        left = row["bits"]["total"], row["tempered_bits"]
        kept = [x / of if of > 0 else None for x, of in zip(left, whole, strict=True)]
        row["bits_kept"], row["tempered_kept"] = kept
        lost = whole[1] - left[1]
        row["bits_lost_per_parameter"] = lost / max(row["parameters"], 1)
    return rows


def temper(
    task: Task, params: models.Params, temperature: float
) -> tuple[Task, models.Params]:
    """Returns the model with all logits divided: untied, its output layer scaled."""
    model = task.config.model
    table = params["embed" if model.tied else "head"]["table"]
    config = dataclasses.replace(
        task.config, model=dataclasses.replace(model, tied=False)
    )
    head = {"table": table / np.float32(temperature)}
    return dataclasses.replace(task, config=config), params | {"head": head}


def _row(what: str, task: Task, params: models.Params, people: int) -> Row:
    known = score(task, params, people)
    temperature = _best_temperature(task, params, people)
    bits = known.bits.total
    if temperature > 1:
        bits = score(*temper(task, params, temperature), people).bits.total
    summary = known.capacity.summary()
    right = scores.person_accuracy(task.corpus.labels, known.table)
    return {
        "what": what,
        "bits": summary["bits"],
        "sampling_error": summary["sampling_error"],
        "accuracy": float(np.nanmean(right)),
        "temperature": temperature,
        "tempered_bits": bits,
    }


def _best_temperature(task: Task, params: models.Params, people: int) -> float:
    """Returns the first one better than the next: bits are concave in its inverse."""
    few = min(_FEW, people or task.corpus.num_people)
    best, most = 1.0, -np.inf
    for power in range(2 * _HALVINGS + 1):
        temperature = 2.0 ** (power / 2)
        bits = score(*temper(task, params, temperature), few).bits.total
        if bits <= most:
            break
        best, most = temperature, bits
    return best
