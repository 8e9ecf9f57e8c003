"""Rounded weights of a run while it is trained, and what a rounded model takes.

objective = qat.build_objective(task.config)   # what the trainer trains
task, params = qat.merge_adapters(*open_run(path))
tree = quant.quantize(params, Scheme(bits=4))
qat.measure_storage(tree, bits=1e5)["bits_per_stored_bit"]
"""

import dataclasses
from typing import Any

import jax

from kscale import models, quant, train
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.files import Row
from kscale.quant import Scheme
from kscale.runs.task import Task

_WHOLE = 16  # bits of a number that is not rounded


def build_objective(config: Config) -> train.Objective:
    """Returns the trainer's view of a run's model; with `qat` its weights seem rounded.

    The loss is that of the rounded weights, and its gradient moves the ones beneath
    (`quant.fake_quantize`).

    Args:
      config: of the run, the model's vocabulary set.
    """
    objective, scheme = train.make_objective(config.model), config.qat
    if not scheme.bits:
        return objective

    def token_nats(params: Any, *rest: Any) -> tuple[jax.Array, dict]:
        return objective.token_nats(quant.fake_quantize(params, scheme), *rest)

    description = dict(objective.description) | {"qat": fields.to_dict(scheme)}
    return objective._replace(token_nats=token_nats, description=description)


def check(params: Any, scheme: Scheme) -> None:
    """Checks that a scheme names weights that are there; nothing is computed.

    Args:
      params: of one model, or their shapes.
      scheme: which weights.

    Raises:
      ValueError: a pattern matches no weight.
    """
    jax.eval_shape(lambda params: quant.fake_quantize(params, scheme), params)


def effective_params(config: Config, params: models.Params) -> models.Params:
    """Returns the parameters that a run's model computes with: rounded, if by `qat`."""
    return quant.dequantize(quant.quantize(params, config.qat))


def merge_adapters(task: Task, params: models.Params) -> tuple[Task, models.Params]:
    """Returns the same model with its adapters merged into the weights, and no `qat`.

    `qat` is dropped: to keep its rounding, give the parameters of `effective_params`.
    """
    model, params = models.merge_adapters(task.config.model, params)
    config = dataclasses.replace(task.config, model=model, qat=quant.NO_ROUNDING)
    return dataclasses.replace(task, config=config), params


def measure_storage(tree: Any, bits: float, rest: int = _WHOLE) -> Row:
    """Returns what a rounded model takes, and the knowledge in each stored bit.

    Args:
      tree: rounded weights, or plain parameters.
      bits: of knowledge that it holds.
      rest: bits in which a number is stored that is not rounded.

    Returns:
      stored_bits and bits_per_stored_bit.
    """
    size = quant.stored_bits(tree, rest)
    return {"stored_bits": size, "bits_per_stored_bit": bits / size}


def measure_trained_storage(task: Task, params: models.Params, bits: float) -> Row:
    """Returns `measure_storage` of a model trained with rounded weights, or {}."""
    scheme = task.config.qat
    return measure_storage(quant.quantize(params, scheme), bits) if scheme.bits else {}
