"""Rounded weights of a run while it is trained, and what a rounded model takes.

problem = qat.problem(task)                  # what the trainer trains
task, params = qat.plain(*folder.load(workdir))
qat.stored(quant.quantize(params, Scheme(bits=4)), bits=1e5)["bits_per_stored_bit"]
"""

import dataclasses
from typing import Any

import jax

from kscale import models, quant, train
from kscale.configs import fields
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.task import Task

_WHOLE = 16  # bits of a number that is not rounded


def problem(task: Task) -> train.Objective:
    """The trainer's view of a task's model; with `qat` its weights seem rounded.

    The loss is that of the rounded weights, and its gradient moves the ones beneath
    (`quant.fake_quantize`).

    Raises:
      ValueError: a pattern of `qat.leaves` matches no weight of the model.
    """
    plainly, scheme = train.make_objective(task.config.model), task.config.qat
    if not scheme.bits:
        return plainly

    check(jax.eval_shape(plainly.init, jax.random.key(0)), scheme)

    def token_nats(params: Any, *rest: Any) -> tuple[jax.Array, dict]:
        return plainly.token_nats(quant.fake_quantize(params, scheme), *rest)

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
    jax.eval_shape(lambda params: quant.fake_quantize(params, scheme), params)


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


def stored(tree: Any, bits: float, rest: int = _WHOLE) -> Row:
    """What a rounded model takes, and the knowledge in each stored bit.

    Args:
      tree: rounded weights, or plain parameters.
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
