"""The weights of a finished run rounded to few bits, and what they still know.

    row = quantize_run(pathlib.Path("runs/mine"), Choice(bits=(4,), method="nearest"))
    row["rows"][1]["bits_kept"]

Nothing is trained: GPTQ or rounding to the nearest, of the whole model at once.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from kscale import data, models, quant
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.claim import reopen
from kscale.runs.evaluate import score
from kscale.runs.folder import RunFolder
from kscale.runs.rows import measure_storage
from kscale.runs.score import describe_scoring
from kscale.runs.task import Task, merge_adapters, open_run, require_weights

Method = Literal["gptq", "nearest"]
METHODS = get_args(Method)
SAMPLE = 1000  # biographies from which GPTQ learns what inputs are like, as published


@dataclasses.dataclass(frozen=True)
class Choice:
    """How a model is rounded.

    Attributes:
      bits: each of these numbers of bits, out of `quant.BITS`.
      method: "gptq" or "nearest".
      scheme: all else; its bits do not matter.
      options: fields of `quant.GptqOptions`.
      sample: biographies from which GPTQ learns, 1 or more.
    """

    bits: tuple[int, ...] = quant.BITS
    method: Method = "gptq"
    scheme: Scheme = dataclasses.field(default_factory=Scheme)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sample: int = SAMPLE

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method={self.method!r} must be one of {METHODS}")
        if self.method == "gptq":
            if self.sample < 1:
                raise ValueError(f"sample={self.sample} must be 1 or more biographies")
            quant.GptqOptions(**self.options)


def quantize_run(
    workdir: pathlib.Path,
    choice: Choice,
    people: int = 0,
    member: int = 0,
    save: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> Row:
    """Rounds a member of a finished run to each number of bits, and scores it.

    Args:
      workdir: a run folder.
      choice: how it is rounded.
      people: how many are scored, a random sample; 0 is what the run's config says.
      member: of a population.
      save: write each rounded model into the folder.
      overwrite: also over one that is there.
      dry_run: leave out `rows`; nothing is rounded or scored.

    Returns:
      `describe_scoring` of the run, its `choice`, and `rows`: the model as it is in 16
      bits a parameter (of a run with `qat` its rounded weights and all else in 16),
      then each rounded one. All are scored exactly as a file has them, numbers that are
      not rounded in float16: what, weight_bits, bits, bits_kept, accuracy, stored_bits,
      bits_per_stored_bit, seconds (of rounding) and file, if saved.

    Raises:
      ValueError: as `open_run`; a pattern that matches no weight, a file that is there.
    """
    held = save and not dry_run
    with reopen(workdir, "rounded") if held else contextlib.nullcontext():
        return _quantize_run(workdir, choice, people, member, save, overwrite, dry_run)


def _quantize_run(
    workdir: pathlib.Path,
    choice: Choice,
    people: int,
    member: int,
    save: bool,
    overwrite: bool,
    dry_run: bool,
) -> Row:
    task, params = open_run(workdir, member)
    row = describe_scoring(task, people, member)
    folder = RunFolder(workdir, len(task.hypers))
    files = {
        bits: folder.quantized(choice.method, bits, member) for bits in choice.bits
    }
    there = [file for file in files.values() if file.exists()]
    if save and there and not overwrite:
        raise ValueError(f"{there[0]} is there: pass --overwrite to replace it")
    require_weights(merge_adapters(task, params)[1], choice.scheme)
    chosen = dataclasses.asdict(choice) | {"options": dict(choice.options)}
    chosen["scheme"].pop("bits")  # each of the choice's own
    row |= {"choice": chosen}
    if dry_run:
        return row
    aware = task.config.qat.bits
    kept = quant.quantize(params, task.config.qat)
    stored = quant.cast_rest(kept if aware else merge_adapters(task, params)[1])
    whole = merge_adapters(task, quant.dequantize(stored))[1]
    task, params = merge_adapters(task, params)

    what = f"as trained (rounded to {aware} bits)" if aware else "as trained"
    first = {"what": what, "weight_bits": aware or 16, "seconds": 0.0}
    rows = [first | _score(task, whole, stored, people, member)]
    about = {name: row[name] for name in ("name", "fingerprint")}
    for bits, file in files.items():
        began = time.perf_counter()
        tree = quant.cast_rest(quantize_params(task, params, bits, choice))
        one = {
            "what": f"{choice.method} at {bits} bits",
            "weight_bits": bits,
            "seconds": time.perf_counter() - began,
        } | _score(task, quant.dequantize(tree), tree, people, member)
        if save:
            with folder.renew(file):
                quant.save_quantized(file, tree, about=about)
            one |= {"file": str(file)}
        rows.append(one)
    most = rows[0]["bits"]["total"]
    for one in rows:
        one["bits_kept"] = one["bits"]["total"] / most if most > 0 else None
    return row | {"rows": rows}


def quantize_params(
    task: Task, params: models.Params, bits: int, choice: Choice
) -> Any:
    """Rounds weights of one model, without adapters, to a tree of `quant.quantize`."""
    scheme = dataclasses.replace(choice.scheme, bits=bits)
    if choice.method == "nearest":
        return quant.quantize(params, scheme)
    windows = sample_windows(task, choice.sample)
    return quant.quantize_gptq(
        task.config.model, params, scheme, *windows, **choice.options
    )[0]


def sample_windows(task: Task, sample: int = SAMPLE) -> tuple[np.ndarray, np.ndarray]:
    """Returns biographies in windows, as in training: documents it was trained on.

    Args:
      task: of the run; another `score.seed` takes others.
      sample: how many biographies, 1 or more, of so many people if there are.

    Returns:
      tokens and segments, int32 [windows, context]; padding has segment -1.
    """
    chosen = task.config
    each = task.corpus.num_people * task.corpus.documents_per_exposure
    stream = data.Stream(
        task.corpus,
        task.pool,
        -(-sample // each),
        chosen.data.context,
        chosen.score.seed,
        limit=sample,
    )
    masked = chosen.corpus.mask_documents
    windows = stream.windows(0, stream.num_windows, segments=masked)
    tokens, labels = windows["tokens"][:, :-1], windows["labels"][:, :-1]
    segments = windows["segments"][:, :-1] if masked else np.zeros_like(tokens)
    return tokens, np.where(labels == data.PAD, -1, segments).astype(np.int32)


def _score(
    task: Task, params: models.Params, tree: Any, people: int, member: int
) -> Row:
    """Scores a model that computes with `params` and is stored as `tree`."""
    known = score(task, params, people, member=member).capacity.summary()
    row = {name: known[name] for name in ("bits", "sampling_error", "accuracy")}
    return row | measure_storage(tree, known["bits"]["total"])
