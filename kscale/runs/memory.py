"""The memory that a training needs, before it is taken, and when it runs out.

memory = estimate_memory(task, rows_per_gradient=24, steps_per_dispatch=10)
require_memory(task, memory)     # a ValueError says what to lower
"""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import jax

from kscale import trees
from kscale.configs.base import Config
from kscale.runs.task import Task

_LESS = (
    "take a smaller model, fewer members, a smaller data.batch or data.context, or set"
    " train.rows_per_gradient to fewer windows at once"
)


class Memory(NamedTuple):
    """The bytes that a training needs of one device at the least, and those there are.

    Attributes:
      state: of the parameters, and of the gradient and moments of those trained.
      work: of the rows that are differentiated at once: the stream, hidden layer and
        attention weights of each block, and the logits.
      rows: windows that are differentiated at once.
      batches: of two dispatches, the one at work and the next.
      waiting: of the dispatches that the machine holds ready, `data.prefetch` of them
        and two at work.
      device: that a device of this machine has; 0: not known.
      machine: that the machine has.
    """

    state: float
    work: float
    rows: int
    batches: float
    waiting: float
    device: int
    machine: int

    @property
    def needed(self) -> float:
        """Bytes of a device."""
        return self.state + self.work + self.batches


def estimate_memory(
    task: Task, rows_per_gradient: int, steps_per_dispatch: int
) -> Memory:
    """Estimates from below what training takes of a device.

    A parameter has 4 bytes, and 12 more for its gradient and moments where
    `train.trainable` matches it.

    Args:
      task: from `prepare`.
      rows_per_gradient: windows that one device differentiates at once.
      steps_per_dispatch: whose batches a device holds at once.
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
    # Tokens are int32, labels uint8, numbers of documents int32
    a_position = 9 if task.config.corpus.mask_documents else 5
    a_dispatch = steps_per_dispatch * data.batch * (data.context + 1) * a_position
    return Memory(
        state=held * members / shares,
        work=work,
        rows=rows,
        batches=2 * a_dispatch / shards,
        waiting=(data.prefetch + 2) * a_dispatch / jax.process_count(),
        device=device_memory(),
        machine=_machine_memory(),
    )


def require_memory(task: Task, memory: Memory) -> None:
    """Refuses what needs more memory than a device, or the machine, has."""
    if memory.waiting > memory.machine:
        raise ValueError(
            f"out of memory: batches of data.batch={task.config.data.batch} windows,"
            f" many steps at once, take {memory.waiting / 1e9:.3g} GB, and the machine"
            f" has {memory.machine / 1e9:.3g} GB: take a smaller data.batch,"
            f" data.context, data.prefetch or train.steps_per_dispatch"
        )
    if memory.device and memory.needed > memory.device:
        raise ValueError(
            f"out of memory: {task.parameters.total:,} parameters with the moments of"
            f" those trained take {memory.state / 1e9:.3g} GB, {memory.rows} windows of"
            f" data.context={task.config.data.context} tokens at once take"
            f" {memory.work / 1e9:.3g} GB or more, the batches of two dispatches"
            f" {memory.batches / 1e9:.3g} GB, and the device has"
            f" {memory.device / 1e9:.3g} GB: {_LESS}"
        )


def device_memory() -> int:
    """Returns the bytes of a device, of the machine on CPUs; 0: not known."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return _machine_memory()
    return (device.memory_stats() or {}).get("bytes_limit", 0)


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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
