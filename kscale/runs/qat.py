"""Rounded weights of a run: while it is trained, and of a model that is finished.

problem = rounding.problem(task)                  # what the trainer trains
task, params = rounding.plain(*trained.load(folder))
tree = rounding.rounded(task, params, Scheme(bits=4), "gptq")
rounding.stored(tree, bits=1e5)["bits_per_stored_bit"]
"""

import dataclasses
from typing import Any, Literal, get_args

import jax
import numpy as np

from kscale import data, models, quant, train
from kscale.configs import fields
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.task import Task

Method = Literal["gptq", "nearest"]
METHODS = get_args(Method)
SAMPLE = 1000  # biographies from which GPTQ learns what inputs are like, as published
_WHOLE = 16  # bits of a number that is not rounded


def problem(task: Task) -> train.Problem:
    """The trainer's view of a task's model; with `qat` its weights seem rounded.

    The loss is that of the rounded weights, and its gradient moves the ones beneath
    (`quant.fake`).

    Raises:
      ValueError: a pattern of `qat.leaves` matches no weight of the model.
    """
    plainly, scheme = train.problem_of(task.config.model), task.config.qat
    if not scheme.bits:
        return plainly

    check(jax.eval_shape(plainly.init, jax.random.key(0)), scheme)

    def token_nats(params: Any, *rest: Any) -> tuple[jax.Array, dict]:
        return plainly.token_nats(quant.fake(params, scheme), *rest)

    told = {"qat": fields.to_dict(scheme)}
    return plainly._replace(
        token_nats=token_nats, description=dict(plainly.description) | told
    )


def check(params: Any, scheme: Scheme) -> None:
    """Refuse a scheme that names a weight which is not there; nothing is computed.

    Args:
      params: of one model, or their shapes.
      scheme: which weights.

    Raises:
      ValueError: a pattern matches no weight.
    """
    jax.eval_shape(lambda params: quant.fake(params, scheme), params)


def require_method(method: str, sample: int = SAMPLE, **options: Any) -> None:
    """Refuse what `rounded` cannot do, before anything is computed.

    Raises:
      ValueError: no such method, no sample, an option of GPTQ that is out of range.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} must be one of {METHODS}")
    if method == "gptq":
        _require_sample(sample)
        quant.require_options(**options)


def _require_sample(sample: int) -> None:
    if sample < 1:
        raise ValueError(f"sample={sample} must be 1 or more biographies")


def used(task: Task, params: models.Params) -> models.Params:
    """The parameters that a task's model computes with: rounded, if by `qat`."""
    return quant.dequantize(quant.quantize(params, task.config.qat))


def plain(task: Task, params: models.Params) -> tuple[Task, models.Params]:
    """The same model with its adapters merged into the weights, and no `qat`.

    What it computed with is had by giving `used` parameters; others are rounded no
    more.
    """
    model, params = models.merged(task.config.model, params)
    config = dataclasses.replace(task.config, model=model, qat=quant.NO_ROUNDING)
    return dataclasses.replace(task, config=config), params


def rounded(
    task: Task,
    params: models.Params,
    scheme: Scheme,
    method: Method = "gptq",
    sample: int = SAMPLE,
    **options: Any,
) -> Any:
    """A finished model with its weights rounded.

    Args:
      task: of the run, without adapters (`plain`).
      params: of one model.
      scheme: which weights and to how many bits.
      method: "gptq", or "nearest" point of the grid.
      sample: of how many biographies GPTQ takes the layers' inputs.
      **options: of `quant.gptq`: damp, act_order, block, sequential.

    Returns:
      The tree that `quant.dequantize`, `quant.save` and `stored` take.

    Raises:
      ValueError: no such method; a pattern that matches no weight; no sample.
    """
    require_method(method, sample, **options)
    if method == "nearest":
        return quant.quantize(params, scheme)
    tokens, segments = texts(task, sample)
    return quant.gptq(task.config.model, params, scheme, tokens, segments, **options)


def texts(task: Task, sample: int = SAMPLE) -> tuple[np.ndarray, np.ndarray]:
    """Biographies in windows, as in training: documents that the model has met.

    Args:
      task: of the run.
      sample: how many biographies, of so many people if there are; another
        `score.seed` takes others.

    Returns:
      tokens and segments, int32 [windows, context]; padding has segment -1.

    Raises:
      ValueError: there is no sample.
    """
    _require_sample(sample)
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


def stored(tree: Any, bits: float, rest: int = _WHOLE) -> Row:
    """What a rounded model takes, and the knowledge in each stored bit.

    Args:
      tree: from `rounded`, or plain parameters.
      bits: of knowledge that it holds.
      rest: bits in which a number is stored that is not rounded.

    Returns:
      stored_bits and bits_per_stored_bit.
    """
    size = quant.stored_bits(tree, rest)
    return {"stored_bits": size, "bits_per_stored_bit": bits / size}


def of_training(task: Task, params: models.Params, bits: float) -> Row:
    """As `stored`, of a model trained with rounded weights; nothing of another."""
    scheme = task.config.qat
    return stored(quant.quantize(params, scheme), bits) if scheme.bits else {}
