"""How a task is trained on the devices that there are, and what cannot be.

plan = plan_training(task)       # also for a dry run
plan = arrange(task)             # with the mesh of its devices
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from kscale import quant, train, trees
from kscale.configs import fields
from kscale.configs.base import Config
from kscale.runs.curve import longest_dispatch, steps_to_score
from kscale.runs.task import Task
from kscale.train.config import MOST_STEPS, Hyper
from kscale.train.dispatch import abstract_state


class Memory(NamedTuple):
    """The bytes that a training needs of one device at the least, and those there are.

    Attributes:
      state: of the parameters, and of the gradient and moments of those trained.
      work: of the rows that are differentiated at once: the stream, hidden layer and
        attention weights of each block, and the logits.
      rows: windows that are differentiated at once.
      device: that a device of this machine has; 0: not known.
    """

    state: float
    work: float
    rows: int
    device: int


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
    plan = plan_training(task)
    _require_memory(task, plan.memory)
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
    memory = estimate_memory(task, chosen.rows_per_gradient)
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
    objective, scheme = train.make_objective(config.model), config.qat
    if not scheme.bits:
        return objective

    def token_nats(params: Any, *rest: Any) -> tuple[jax.Array, dict]:
        return objective.token_nats(quant.fake_quantize(params, scheme), *rest)

    description = dict(objective.description) | {"qat": fields.to_dict(scheme)}
    return objective._replace(token_nats=token_nats, description=description)


def estimate_memory(task: Task, rows_per_gradient: int) -> Memory:
    """Estimates from below what training takes of a device.

    A parameter has 4 bytes, and 12 more for its gradient and moments where
    `train.trainable` matches it.

    Args:
      task: from `prepare`.
      rows_per_gradient: windows that one device differentiates at once.
    """
    model, data, mesh = task.config.model, task.config.data, task.config.mesh
    members = -(-len(task.hypers) // mesh.population)
    shares = mesh.model * mesh.expert
    trainable = task.config.train.trainable
    held = sum(
        leaf.size * (16 if trees.matches(path, trainable) else 4)
        for path, leaf in trees.leaves_by_path(task.shapes).items()
    )
    shards = mesh.data or max(1, jax.device_count() // (mesh.population * shares))
    rows = max(1, min(rows_per_gradient, data.batch // shards))
    scores = model.heads * data.context // 2  # cuDNN keeps none
    if model.compute == "bfloat16" and model.attention in ("auto", "cudnn"):
        scores = 0
    size = 2 if model.compute == "bfloat16" else 4
    a_block = size * (model.width + model.hidden + scores) / shares
    a_token = model.layers * a_block + 4 * model.vocab
    work = rows * data.context * a_token * members
    return Memory(held * members / shares, work, rows, device_memory())


def _require_memory(task: Task, memory: Memory) -> None:
    """Refuses what needs more memory at the least than a device has."""
    if memory.device and memory.state + memory.work > memory.device:
        raise ValueError(
            f"out of memory: {task.parameters.total:,} parameters with the moments of"
            f" those trained take {memory.state / 1e9:.3g} GB, {memory.rows} windows of"
            f" data.context={task.config.data.context} tokens at once take"
            f" {memory.work / 1e9:.3g} GB or more, and the device has"
            f" {memory.device / 1e9:.3g} GB: {_LESS}"
        )


_LESS = (
    "take a smaller model, fewer members, a smaller data.batch or data.context, or set"
    " train.rows_per_gradient to fewer windows at once"
)


def device_memory() -> int:
    """Returns the bytes of a device, of the machine on CPUs; 0: not known."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (device.memory_stats() or {}).get("bytes_limit", 0)


@contextlib.contextmanager
def explain_memory(config: Config) -> Iterator[None]:
    """Turns running out of memory, on a device or not, into one line.

    Raises:
      ValueError: it names what the memory is for, and what to lower.
    """
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        full = "RESOURCE_EXHAUSTED" in str(error) or isinstance(error, MemoryError)
        if not full:
            raise
        data, at_once = config.data, config.train.rows_per_gradient
        raise ValueError(
            f"out of memory with data.batch={data.batch}, data.context={data.context},"
            f" train.rows_per_gradient={at_once}, score.batch={config.score.batch}"
            f" (0: automatic): {_LESS}; a smaller score.batch if it was being scored"
        ) from error


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
