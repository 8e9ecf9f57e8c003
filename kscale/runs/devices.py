"""How a task is trained on the devices that there are, and what cannot be.

plan = plan_training(task)       # also for a dry run
plan = arrange(task)             # with the mesh of its devices
"""

import dataclasses
import functools
from typing import Any

import jax
from jax.sharding import Mesh

from kscale import models, quant, train
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.runs.curve import longest_dispatch, steps_to_score
from kscale.runs.memory import Memory, estimate_memory, require_memory
from kscale.runs.task import Task
from kscale.train.config import MOST_STEPS, Hyper
from kscale.train.dispatch import abstract_state


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingPlan:
    """How a task is trained.

    Attributes:
      objective: the model as the trainer sees it.
      config: the train config without automatic values.
      hyper: the population, or the values of the one model.
      score_at: steps at which the model is scored on its way.
      memory: that it needs.
      mesh: of the devices; None: not asked for yet.
    """

    objective: train.Objective
    config: train.TrainConfig
    hyper: Hyper
    score_at: list[int]
    memory: Memory
    mesh: Mesh | None = None


def arrange(task: Task) -> TrainingPlan:
    """Plans the training of a task on the devices that there are.

    Raises:
      ValueError: as `plan_training`; the devices are not those of the mesh, or have too
        little memory; members, matrices or experts cannot be shared out over it.
    """
    mesh = train.make_mesh(**dataclasses.asdict(task.config.mesh))
    platform = jax.devices()[0].platform
    if task.config.model.attention == "cudnn" and platform != "gpu":
        raise ValueError(
            f"model.attention='cudnn' needs a GPU, this is a {platform}: take 'auto'"
        )
    plan = plan_training(task)
    require_memory(task, plan.memory)
    abstract_state(plan.objective, plan.hyper, mesh, plan.config.trainable)
    return dataclasses.replace(plan, mesh=mesh)


def plan_training(task: Task, steps: int = 0) -> TrainingPlan:
    """Plans the training of a task, on whatever devices there will be.

    Args:
      task: from `prepare`.
      steps: of the run; 0: counted.

    Raises:
      ValueError: rows cannot be shared out; the run is too short to be scored on its
        way.
    """
    config, steps = task.config, steps or task.order.steps
    chosen = train.resolve(
        config.train,
        rows=config.data.batch,
        context=config.data.context,
        total_steps=steps,
        members=len(task.hypers),
        rows_together=config.model.route_rows,
    )
    score_at = steps_to_score(config, steps)
    if score_at:
        longest = longest_dispatch(config, steps, chosen.steps_per_dispatch)
        chosen = dataclasses.replace(chosen, steps_per_dispatch=longest)
    if len(task.hypers) > 1:
        hyper = train.stack_hypers(task.hypers)
    else:
        chosen = dataclasses.replace(chosen, **task.hypers[0]._asdict())
        hyper = train.make_hyper(chosen)
    _require_rows(task, chosen.rows_per_gradient)
    memory = estimate_memory(task, chosen.rows_per_gradient, chosen.steps_per_dispatch)
    if steps > MOST_STEPS:
        raise ValueError(
            f"data.exposures={config.data.exposures} makes {steps:.3g} steps, and they"
            f" are counted up to 2^31 - 1: take fewer, or a larger data.batch"
        )
    return TrainingPlan(build_objective(config), chosen, hyper, score_at, memory)


def build_objective(config: Config) -> train.Objective:
    """Returns the trainer's view of a run's model.

    With `qat` the loss is that of the rounded weights, and its gradient moves the ones
    beneath (`quant.fake_quantize`).
    """
    return _build_objective(config.model, config.qat)


@functools.lru_cache(maxsize=8)
def _build_objective(
    model: models.ModelConfig, scheme: quant.Scheme
) -> train.Objective:
    """Returns the same objective for the same model, which is then compiled once."""
    objective = train.make_objective(model)
    if not scheme.bits:
        return objective

    def token_nats(params: Any, *rest: Any) -> tuple[jax.Array, dict]:
        return objective.token_nats(quant.fake_quantize(params, scheme), *rest)

    description = dict(objective.description) | {"qat": fields.to_dict(scheme)}
    return objective._replace(token_nats=token_nats, description=description)


def _require_rows(task: Task, rows_per_gradient: int) -> None:
    """Checks that a batch can be shared out over the mesh, or over the devices."""
    batch, mesh = task.config.data.batch, task.config.mesh
    others = max(1, mesh.population * mesh.expert * mesh.model)
    shards = mesh.data if mesh.data > 0 else max(1, jax.device_count() // others)
    at_once = min(rows_per_gradient, batch // shards)
    share = shards * max(at_once, 1)
    if at_once % task.config.model.route_rows:
        raise ValueError(
            f"data.batch={batch} over the {shards} devices of mesh.data leaves"
            f" {at_once} rows at once, which must be a multiple of"
            f" model.route_rows={task.config.model.route_rows}; change one of them"
        )
    if batch % share:
        raise ValueError(
            f"data.batch={batch} must be divisible by {share}, the {shards}"
            f" devices of mesh.data times train.rows_per_gradient={max(at_once, 1)};"
            f" take {-(-batch // share) * share}, or change one of them"
        )
