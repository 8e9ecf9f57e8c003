"""How a task is trained on the devices that there are, and what cannot be.

chosen, hyper = arrangement.check(task)    # also for a dry run
chosen, hyper, mesh = arrangement.arrange(task)
"""

import dataclasses

import jax
from jax.sharding import Mesh

from kscale import train
from kscale.runs import evaluate as curve_module
from kscale.runs import qat
from kscale.runs.task import Task
from kscale.train.config import Hyper
from kscale.train.dispatch import abstract_state


def arrange(task: Task) -> tuple[train.TrainConfig, Hyper | None, Mesh]:
    """How a task is trained on the devices that there are.

    Returns:
      The train config without automatic values, the population (None: one model, whose
      values are in the config), the mesh.

    Raises:
      ValueError: as `check`; the devices are not those of the mesh; members, matrices
        or experts cannot be shared out over it.
    """
    _require_experts(task)
    mesh = train.make_mesh(**dataclasses.asdict(task.config.mesh))
    chosen, hyper = check(task)
    one = hyper or train.make_hyper(chosen)
    abstract_state(qat.problem(task), one, mesh, chosen.trainable)
    return chosen, hyper, mesh


def check(task: Task) -> tuple[train.TrainConfig, Hyper | None]:
    """Refuse what cannot be trained, without asking for the devices of its mesh.

    Returns:
      The train config and the population, as `arrange`.

    Raises:
      ValueError: rows cannot be shared out; there are no experts to share out; no
        parameter is what `trainable` or `qat` names; the run is too short to be scored
        on its way.
    """
    _require_experts(task)
    order, hyper = task.config.data, None
    chosen = train.resolve(
        task.config.train,
        rows=order.batch,
        context=order.context,
        total_steps=task.order.steps,
        members=len(task.hypers),
        rows_together=task.config.model.route_rows,
    )
    steps = chosen.steps_per_dispatch
    steps = curve_module.dispatch(task.config, task.order.steps, steps)
    chosen = dataclasses.replace(chosen, steps_per_dispatch=steps)
    if len(task.hypers) > 1:
        hyper = train.stack_hypers(task.hypers)
    else:
        chosen = dataclasses.replace(chosen, **task.hypers[0]._asdict())
    _require_rows(task, chosen.rows_per_gradient)
    _require_parameters(task, chosen)
    return chosen, hyper


def _require_experts(task: Task) -> None:
    if task.config.mesh.expert > 1 and not task.config.model.experts:
        raise ValueError(
            f"mesh.expert={task.config.mesh.expert} shares out experts, and"
            f" model.experts=0: the model has none; take mesh.expert=1, or give it some"
        )


def _require_rows(task: Task, rows_per_gradient: int) -> None:
    """Refuses a batch that cannot be shared out over the mesh, or over the devices."""
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


def _require_parameters(task: Task, chosen: train.TrainConfig) -> None:
    """Refuses patterns of parameters that the model does not have."""
    problem = qat.problem(task)
    shapes = jax.eval_shape(problem.init, jax.random.key(0))
    adapters = [x for x in chosen.trainable if x.startswith("lora/")]
    if adapters and "lora" not in shapes:
        raise ValueError(
            f"train.trainable has {adapters[0]!r}, and the model has no adapters: name"
            f" some in model.lora.rules, such as '*/attention/query:8'"
        )
    one = train.make_hyper(chosen)
    jax.eval_shape(lambda: train.init_state(problem, one, chosen.trainable))
