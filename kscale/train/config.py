"""What a training run is made of: every default of the trainer, once, in sight."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

SCHEDULES = ("cosine", "constant", "linear", "trapezoid")

# A dispatch should take about a second, so that its overhead vanishes and Ctrl-C, logs
# and checkpoints still come soon enough.
_DISPATCH_TOKENS = {"cpu": 2**17, "accelerator": 2**20}
_LONGEST_DISPATCH = 512
# On CPUs one sequence at a time stays in cache once sequences are this long.
_LONG_CONTEXT = 256
_CHECKPOINTS_A_RUN = 20


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a model is trained: AdamW, its schedule, and the rhythm of the run.

    Attributes:
      learning_rate: peak learning rate.
      weight_decay: decoupled decay of matrices, multiplied by the learning rate.
      b1, b2: Adam's decay rates of the first and second moment.
      eps: Adam's epsilon, added to the root of the second moment.
      clip: largest global norm of the gradient; 0 means no clipping.
      schedule: ``"cosine"``, ``"linear"``, ``"constant"`` or ``"trapezoid"``.
      warmup_steps, warmup_ratio: the warm-up takes ``max(warmup_steps,
        round(warmup_ratio * total_steps))`` steps. A run shorter than its warm-up
        ends on the way up, at ``total_steps / warmup`` of the peak.
      warmdown_ratio: share of the run over which a trapezoid falls at its end.
      final_ratio: the last step's learning rate in units of the peak.
      rows_per_gradient: sequences that one device differentiates at once; the rest
        of the batch is accumulated. 0: one on CPUs if the context has 256 tokens or
        more, else all.
      steps_per_dispatch: optimizer steps in one call of the device. 0: as many as
        take about 2^17 tokens on CPUs and 2^20 on accelerators, at most 512.
      seed: of the initial parameters, where no ``Hyper`` says otherwise.
      trainable: patterns of the paths of parameters that are trained (``*`` matches
        slashes); all others stay as they are and have no moments.
      balance_weight: of the load-balance loss of a mixture of experts, which is added
        to the mean loss of a token in nats.
      log_every: steps between logged rows, rounded up to dispatches; 0: each dispatch.
      checkpoint_every: steps between checkpoints, rounded up to dispatches; 0: a
        twentieth of the run. The last state is always saved.
      keep: how many of the latest checkpoints stay.

    Raises:
      ValueError: a field out of range; the message names it and its condition.

    Source: "Physics of Language Models: Part 3.3", appendix A.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    b1: float = 0.9
    b2: float = 0.98
    eps: float = 1e-6
    clip: float = 1.0
    schedule: str = "cosine"
    warmup_steps: int = 1000
    warmup_ratio: float = 0.0
    warmdown_ratio: float = 0.9
    final_ratio: float = 0.1
    rows_per_gradient: int = 0
    steps_per_dispatch: int = 0
    seed: int = 0
    trainable: tuple[str, ...] = ("*",)
    balance_weight: float = 0.01
    log_every: int = 0
    checkpoint_every: int = 0
    keep: int = 2

    def __post_init__(self) -> None:
        _require(self.schedule in SCHEDULES, self, "schedule", f"one of {SCHEDULES}")
        for field in ("learning_rate", "weight_decay", "clip", "balance_weight"):
            value = getattr(self, field)
            _require(0 <= value < math.inf, self, field, "0 or more and finite")
        for field in ("b1", "b2"):
            _require(0 <= getattr(self, field) < 1, self, field, "in [0, 1)")
        _require(0 < self.eps < math.inf, self, "eps", "greater than 0 and finite")
        for field in ("warmup_ratio", "warmdown_ratio", "final_ratio"):
            _require(0 <= getattr(self, field) <= 1, self, field, "between 0 and 1")
        for field in _NATURAL:
            _require(getattr(self, field) >= 0, self, field, "0 or more")
        _require(len(self.trainable) > 0, self, "trainable", "one pattern or more")
        _require(self.keep >= 1, self, "keep", "1 or more")
        _require(0 <= self.seed < 2**32, self, "seed", "in [0, 2^32)")


_NATURAL = (
    "warmup_steps",
    "rows_per_gradient",
    "steps_per_dispatch",
    "log_every",
    "checkpoint_every",
)

# Fields that change what is written when, never what is computed.
RHYTHM = ("log_every", "checkpoint_every", "keep")

# Fields that came after the first checkpoints, which are described without them.
LATER = ("trainable", "balance_weight")


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


def solo(config: TrainConfig) -> Hyper:
    """The config's own values, for a run of one model."""
    return _arrays(config.learning_rate, config.weight_decay, config.seed)


def population(members: Sequence[Hyper]) -> Hyper:
    """Members stacked on a leading axis M, to be trained side by side.

    Args:
      members: one ``Hyper`` of plain numbers a member; at least one.

    Returns:
      A ``Hyper`` of arrays [M].

    Raises:
      ValueError: there is no member.

    Example:
      >>> population([Hyper(1e-3, 0.02, seed) for seed in (0, 1)]).seed.shape
      (2,)
    """
    if not members:
        raise ValueError("population() got no members, needs at least one Hyper.")
    rates, decays, seeds = zip(*members, strict=True)
    return _arrays(list(rates), list(decays), list(seeds))


def members(hyper: Hyper) -> int | None:
    """Number of members M of a population, or None for a single model."""
    shape = jnp.shape(hyper.seed)
    return shape[0] if shape else None


def resolve(
    config: TrainConfig,
    *,
    rows: int,
    context: int,
    total_steps: int,
    members: int = 1,
    together: int = 1,
) -> TrainConfig:
    """Replaces every automatic 0 by the value that it stands for on this machine.

    Args:
      config: what the user asked for.
      rows: sequences in a global batch.
      context: tokens of a sequence that the model reads.
      total_steps: optimizer steps of the whole run.
      members: size of the population.
      together: rows that must be differentiated together
        (``ModelConfig.route_rows``).

    Returns:
      The config with ``rows_per_gradient``, ``steps_per_dispatch`` and
      ``checkpoint_every`` set; the dispatches are of equal length, so that only few
      steps of the last one are padding.

    Raises:
      ValueError: one of the numbers is not positive; ``rows`` or
        ``rows_per_gradient`` is no multiple of ``together``.
    """
    for name, value in (
        ("rows of a batch", rows),
        ("TrainConfig.rows_per_gradient", config.rows_per_gradient),
    ):
        if value % together:
            raise ValueError(
                f"{name} is {value}, must be a multiple of route_rows={together}, as so"
                f" many rows share the room of the experts; take"
                f" {-(-value // together) * together}, or change route_rows."
            )
    for name, value in (
        ("rows", rows),
        ("context", context),
        ("steps", total_steps),
        ("members", members),
    ):
        if value < 1:
            raise ValueError(f"A run of {value} {name} trains nothing; must be 1+.")
    cpu = jax.default_backend() == "cpu"
    tokens = _DISPATCH_TOKENS["cpu" if cpu else "accelerator"]
    longest = min(max(1, tokens // (rows * context * members)), _LONGEST_DISPATCH)
    dispatches = math.ceil(total_steps / longest)
    return dataclasses.replace(
        config,
        rows_per_gradient=config.rows_per_gradient
        or (together if cpu and context >= _LONG_CONTEXT else rows),
        steps_per_dispatch=config.steps_per_dispatch
        or math.ceil(total_steps / dispatches),
        checkpoint_every=config.checkpoint_every
        or math.ceil(total_steps / _CHECKPOINTS_A_RUN),
    )


def _arrays(learning_rate: Any, weight_decay: Any, seed: Any) -> Hyper:
    return Hyper(
        jnp.asarray(learning_rate, jnp.float32),
        jnp.asarray(weight_decay, jnp.float32),
        jnp.asarray(seed, jnp.uint32),
    )


def _require(holds: bool, config: TrainConfig, field: str, condition: str) -> None:
    if not holds:
        value = getattr(config, field)
        raise ValueError(f"TrainConfig.{field} is {value!r}, must be {condition}.")
