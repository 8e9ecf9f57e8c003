"""What a training run is made of: every default of the trainer, once, in sight."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

SCHEDULES = ("cosine", "constant", "linear", "trapezoid")

# Fields that change what is written when, never what is computed.
RHYTHM = ("log_every", "checkpoint_every", "keep")

# A dispatch should take about a second, so that its overhead vanishes and Ctrl-C, logs
# and checkpoints still come soon enough.
_DISPATCH_TOKENS = {"cpu": 2**17, "accelerator": 2**20}
_LONGEST_DISPATCH = 512
# On CPUs one sequence at a time stays in cache once sequences are this long.
_LONG_CONTEXT = 256
_CHECKPOINTS_A_RUN = 20
MOST_STEPS = 2**31 - 1  # they are counted in int32
Steps = Annotated[int, (0, MOST_STEPS)]


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a model is trained: AdamW, its schedule, and the rhythm of the run.

    Fields that may be 0 for an automatic value are set by `resolve`.

    Attributes:
      learning_rate: peak learning rate.
      weight_decay: decoupled decay of matrices, multiplied by the learning rate.
      b1, b2: Adam's decay rates of the first and second moment.
      eps: Adam's epsilon, added to the root of the second moment.
      clip: largest global norm of the gradient; 0 means no clipping.
      schedule: "cosine", "linear", "constant" or "trapezoid".
      warmup_steps, warmup_ratio: the warm-up takes `max(warmup_steps,
        round(warmup_ratio * total_steps))` steps. A run shorter than its warm-up
        ends on the way up, at `total_steps / warmup` of the peak.
      warmdown_ratio: share of the run over which a trapezoid falls at its end.
      final_ratio: the last step's learning rate in units of the peak.
      rows_per_gradient: sequences that one device differentiates at once; the rest
        of the batch is accumulated. 0: one on CPUs if the context has 256 tokens or
        more, else all.
      steps_per_dispatch: optimizer steps in one call of the device, at most all. 0:
        as many as take about 2^17 tokens on CPUs and 2^20 on accelerators, at most 512.
      seed: of the initial parameters, where no `Hyper` says otherwise.
      trainable: patterns of the paths of parameters that are trained (`*` matches
        slashes); all others stay as they are and have no moments.
      balance_weight: of the load-balance loss of a mixture of experts, which is added
        to the mean loss of a token in nats.
      log_every: steps between logged rows, rounded up to dispatches; 0: each dispatch.
      checkpoint_every: steps between checkpoints, rounded up to dispatches; 0: a
        twentieth of the run. The last state is always saved.
      keep: how many of the latest checkpoints stay.

    Source: Allen-Zhu & Li 2024, appendix A.
    """

    learning_rate: Annotated[float, (0, 1e37)] = 1e-3
    weight_decay: Annotated[float, (0, 1e37)] = 0.02
    b1: float = 0.9
    b2: float = 0.98
    eps: Annotated[float, (0, 1e37)] = 1e-6
    clip: Annotated[float, (0, 1e37)] = 1.0
    schedule: str = "cosine"
    warmup_steps: Steps = 1000
    warmup_ratio: float = 0.0
    warmdown_ratio: float = 0.9
    final_ratio: float = 0.1
    rows_per_gradient: Annotated[int, (0, 10**6)] = 0
    steps_per_dispatch: Steps = 0
    seed: int = 0
    trainable: tuple[str, ...] = ("*",)
    balance_weight: Annotated[float, (0, 1e37)] = 0.01
    log_every: Steps = 0
    checkpoint_every: Steps = 0
    keep: Annotated[int, (1, 10**6)] = 2

    def __post_init__(self) -> None:
        conditions = {
            "schedule": (self.schedule in SCHEDULES, f"one of {SCHEDULES}"),
            "eps": (0 < self.eps < math.inf, "greater than 0 and finite"),
            "trainable": (len(self.trainable) > 0, "one pattern or more"),
            "keep": (self.keep >= 1, "1 or more"),
            "seed": (0 <= self.seed < 2**32, "in [0, 2^32)"),
        }
        for field in ("learning_rate", "weight_decay", "clip", "balance_weight"):
            holds = 0 <= getattr(self, field) < math.inf
            conditions[field] = (holds, "0 or more and finite")
        for field in ("b1", "b2"):
            conditions[field] = (0 <= getattr(self, field) < 1, "in [0, 1)")
        for field in ("warmup_ratio", "warmdown_ratio", "final_ratio"):
            conditions[field] = (0 <= getattr(self, field) <= 1, "between 0 and 1")
        for field in ("warmup_steps", "log_every", *_AUTOMATIC):
            conditions[field] = (getattr(self, field) >= 0, "0 or more")
        for field, (holds, condition) in conditions.items():
            if not holds:
                raise ValueError(
                    f"TrainConfig.{field}={getattr(self, field)!r} must be {condition}"
                )


_AUTOMATIC = ("rows_per_gradient", "steps_per_dispatch", "checkpoint_every")


class Hyper(NamedTuple):
    """What may differ between the members of a population.

    Attributes:
      learning_rate: peak learning rate; a number, or [M] for a population.
      weight_decay: the same shape.
      seed: of the initial parameters; the same shape.
    """

    learning_rate: Any
    weight_decay: Any
    seed: Any


def make_hyper(config: TrainConfig) -> Hyper:
    """Returns the config's own values as arrays, for a run of one model."""
    return _arrays(config.learning_rate, config.weight_decay, config.seed)


def stack_hypers(hypers: Sequence[Hyper]) -> Hyper:
    """Stacks members, numbers each, on a leading axis M, to be trained side by side.

    Example:
      >>> stack_hypers([Hyper(1e-3, 0.02, seed) for seed in (0, 1)]).seed.shape
      (2,)
    """
    if not hypers:
        raise ValueError("hypers=[] must have one member or more")
    return _arrays(*map(list, zip(*hypers, strict=True)))


def count_members(hyper: Hyper) -> int | None:
    """Returns the number of members M of a population, or None for a single model."""
    shape = jnp.shape(hyper.seed)
    return shape[0] if shape else None


def resolve(
    config: TrainConfig,
    *,
    rows: int,
    context: int,
    total_steps: int,
    members: int = 1,
    rows_together: int = 1,
) -> TrainConfig:
    """Replaces every automatic 0 by the value that it stands for on this machine.

    `fit` does so itself; call it to know or to change the values before a run.

    Args:
      config: what the user asked for; values that are set stay as they are.
      rows: sequences in a global batch.
      context: tokens of a sequence that the model reads.
      total_steps: optimizer steps of the whole run.
      members: size of the population.
      rows_together: rows that must be differentiated together (`Objective`).

    Returns:
      The config; its dispatches are of equal length, so that only few steps of the
      last one are padding.

    Raises:
      ValueError: `rows` or `rows_per_gradient` is no multiple of `rows_together`; a
        number is not positive.
    """
    sizes = {"rows": rows, "context": context, "total_steps": total_steps}
    for name, value in (sizes | {"members": members}).items():
        if value < 1:
            raise ValueError(f"{name}={value} must be 1 or more to train anything")
    at_once = config.rows_per_gradient
    for name, value in (("rows", rows), ("TrainConfig.rows_per_gradient", at_once)):
        if value % rows_together:
            raise ValueError(
                f"{name}={value} must be a multiple of route_rows={rows_together}, as"
                f" so many rows share the room of the experts: take"
                f" {-(-value // rows_together) * rows_together}, or change route_rows"
            )
    cpu = jax.default_backend() == "cpu"
    tokens = _DISPATCH_TOKENS["cpu" if cpu else "accelerator"]
    longest = min(max(1, tokens // (rows * context * members)), _LONGEST_DISPATCH)
    dispatches = math.ceil(total_steps / longest)
    long = cpu and context >= _LONG_CONTEXT
    automatic = {
        "rows_per_gradient": rows_together if long else rows,
        "steps_per_dispatch": math.ceil(total_steps / dispatches),
        "checkpoint_every": math.ceil(total_steps / _CHECKPOINTS_A_RUN),
    }
    chosen = {name: getattr(config, name) or automatic[name] for name in _AUTOMATIC}
    chosen["steps_per_dispatch"] = min(chosen["steps_per_dispatch"], total_steps)
    return dataclasses.replace(config, **chosen)


def _arrays(learning_rate: Any, weight_decay: Any, seed: Any) -> Hyper:
    rate, decay = (jnp.asarray(x, jnp.float32) for x in (learning_rate, weight_decay))
    return Hyper(rate, decay, jnp.asarray(seed, jnp.uint32))
