"""The pure train step: (state, batch, hyper) -> (state, metrics).

Axes: B rows (sequences) of the global batch, T positions, S slices of the batch, R
rows of a slice, N = B T targets, M members of a population, L labels.

The state is a dict: ``params``, ``mu`` and ``nu`` (Adam's moments) of one structure,
and ``step``, the number of steps taken, a scalar also for a population. A batch is a
dict of ``tokens`` [B, T+1], ``labels`` [B, T+1] and optionally ``segments`` [B, T+1].
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kscale.data import PAD
from kscale.train.config import Hyper, TrainConfig
from kscale.train.objective import Params, Problem
from kscale.train.optimizer import Moments, adamw, learning_rate, zero_moments
from kscale.trees import overlay, select

State = dict[str, Any]
Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]
Step = Callable[[State, Batch, Hyper], tuple[State, Metrics]]

# The step counter is shared by the members of a population, all else is theirs.
_STATE_AXES = {"params": 0, "mu": 0, "nu": 0, "step": None}


def init_state(
    problem: Problem, hyper: Hyper, trainable: Sequence[str] = ("*",)
) -> State:
    """The state before the first step.

    Args:
      problem: gives ``init``.
      hyper: its seed is used; [M] for a population.
      trainable: patterns of the parameters that have moments
        (``TrainConfig.trainable``).

    Returns:
      The state; members of a population start as their solo runs do.

    Raises:
      ValueError: nothing is trained, or a pattern matches no parameter.
    """

    def member(seed: jax.Array) -> State:
        params = problem.init(jax.random.key(seed))
        moments = zero_moments(select(params, trainable, "TrainConfig.trainable"))
        return {"params": params, "mu": moments.mu, "nu": moments.nu}

    seed = jnp.asarray(hyper.seed)
    state = jax.vmap(member)(seed) if seed.ndim else member(seed)
    return state | {"step": jnp.zeros((), jnp.int32)}


def make_step(
    problem: Problem,
    config: TrainConfig,
    total_steps: int,
    labels: int,
    *,
    data_shards: int = 1,
    population: bool = False,
    own_data: bool = False,
) -> Step:
    """Builds the train step.

    The loss is the sum of the nats of all targets that count (label other than PAD)
    over their number, both of the whole batch, however it is cut for accumulation; a
    mixture of experts adds ``balance_weight`` times its load-balance loss.
    A step at or beyond ``total_steps`` leaves the state as it is and counts nothing.

    Args:
      problem: the model.
      config: resolved (``config.resolve``).
      total_steps: length of the run, for the schedule.
      labels: number of labels L.
      data_shards: devices that share the rows of a batch.
      population: the state (but ``step``), the hyper and the metrics have a leading
        axis M; a member equals its solo run.
      own_data: batches have a leading axis M too; else all members read the same.

    Returns:
      ``step(state, batch, hyper) -> (state, metrics)`` with metrics, all sums over
      the batch: ``nats_sum``, ``token_count``, ``label_nats_sum`` [L] and
      ``label_count`` [L]; besides ``grad_norm`` (before clipping),
      ``learning_rate`` and, of a mixture of experts, the sums ``routing``.

    Raises:
      ValueError: (when traced) the rows of a batch cannot be cut as asked.
    """
    advance = make_advance(
        problem,
        config,
        total_steps,
        data_shards=data_shards,
        population=population,
        own_data=own_data,
    )

    def step(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        after, seen = advance(state, batch, hyper)
        return after, sums(seen, batch["labels"], labels)

    return step


def make_advance(
    problem: Problem,
    config: TrainConfig,
    total_steps: int,
    *,
    data_shards: int,
    population: bool,
    own_data: bool,
) -> Step:
    """``make_step`` without the sums, which cost less for many steps together.

    Returns:
      ``advance(state, batch, hyper) -> (state, seen)``; ``seen`` holds ``nats_BT``,
      ``grad_norm``, ``learning_rate``, maybe ``routing``, and ``valid``: whether the
      step was taken.
    """

    def take(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        params, done = state["params"], state["step"]
        gradient, seen = _gradient(problem, config, params, batch, data_shards)
        rate = learning_rate(config, total_steps, done, hyper.learning_rate)
        moments = Moments(state["mu"], state["nu"])
        part, moments, norm = adamw(
            config,
            gradient,
            select(params, config.trainable, "TrainConfig.trainable"),
            moments,
            done,
            rate,
            hyper.weight_decay,
        )
        params = overlay(params, part)
        after = {"params": params, "mu": moments.mu, "nu": moments.nu, "step": done + 1}
        return after, seen | {"grad_norm": norm, "learning_rate": rate}

    if population:
        take = jax.vmap(
            take,
            in_axes=(_STATE_AXES, 0 if own_data else None, 0),
            out_axes=(_STATE_AXES, 0),
            spmd_axis_name="population",
        )

    def advance(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        _, seen = jax.eval_shape(take, state, batch, hyper)

        def skip(state: State, *_: Any) -> tuple[State, Metrics]:
            return state, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), seen)

        valid = state["step"] < total_steps
        after, seen = jax.lax.cond(valid, take, skip, state, dict(batch), hyper)
        return after, seen | {"valid": valid}

    return advance


def sums(seen: Metrics, labels_BT: jax.Array, labels: int) -> Metrics:
    """The metrics of one step from what ``advance`` saw.

    Args:
      seen: ``nats_BT`` may have a leading axis M, and so has the rest but ``valid``.
      labels_BT: ``batch["labels"]`` [B, T+1], or [M, B, T+1].
      labels: number of labels L.

    Returns:
      The metrics of ``make_step``.
    """
    nats_BT, valid = seen["nats_BT"], seen["valid"]
    nats_N = nats_BT.reshape(*nats_BT.shape[:-2], -1)
    labels_N = labels_BT[..., 1:].reshape(*labels_BT.shape[:-2], -1)
    counts_N = (labels_N != PAD) & valid
    # A column for each label (PAD has none), and one for all of them.
    table_NL = jnp.concatenate(
        [
            jax.nn.one_hot(labels_N, labels, dtype=jnp.float32) * valid,
            counts_N[..., None].astype(jnp.float32),
        ],
        axis=-1,
    )
    product = "...n,nl->...l" if labels_N.ndim == 1 else "mn,mnl->ml"
    nats_L = jnp.einsum(product, nats_N, table_NL, precision="highest")
    count_L = jnp.broadcast_to(
        jnp.sum(table_NL, axis=-2).astype(jnp.int32), nats_L.shape
    )
    kept = ("grad_norm", "learning_rate", "routing")
    return {
        "nats_sum": nats_L[..., -1],
        "token_count": count_L[..., -1],
        "label_nats_sum": nats_L[..., :-1],
        "label_count": count_L[..., :-1],
    } | {name: seen[name] for name in kept if name in seen}


def _gradient(
    problem: Problem, config: TrainConfig, params: Params, batch: Batch, shards: int
) -> tuple[Params, Metrics]:
    """Gradient of the loss by what is trained; nats of all targets, sums of routing."""
    counted = jnp.sum(batch["labels"][:, 1:] != PAD)
    weight = 1.0 / jnp.maximum(counted, 1)

    part = select(params, config.trainable, "TrainConfig.trainable")
    rows = batch["tokens"].shape[0]

    def loss(part: Params, some: Batch) -> tuple[jax.Array, Metrics]:
        tokens_RT, labels_RT = some["tokens"], some["labels"][:, 1:]
        segments_RT = some.get("segments")
        if segments_RT is not None:
            segments_RT = segments_RT[:, :-1]
        nats_RT, aux = problem.token_nats(
            overlay(params, part), tokens_RT[:, :-1], tokens_RT[:, 1:], segments_RT
        )
        total = jnp.sum(jnp.where(labels_RT != PAD, nats_RT, 0.0)) * weight
        if "balance" in aux:
            share = tokens_RT.shape[0] / rows
            total = total + config.balance_weight * share * aux["balance"]
        routing = {"routing": aux["routing"]} if "routing" in aux else {}
        return total, {"nats_BT": nats_RT} | routing

    gradient = jax.grad(loss, has_aux=True)
    at_once = _rows_at_once(rows, config.rows_per_gradient, shards)
    if rows == shards * at_once:
        return gradient(part, batch)

    # Every slice takes rows of every shard, so that no device waits for another.
    def cut(x: jax.Array) -> jax.Array:
        split = x.reshape(shards, -1, at_once, *x.shape[1:])
        return split.swapaxes(0, 1).reshape(-1, shards * at_once, *x.shape[1:])

    def accumulate(total: Params, some: Batch) -> tuple[Params, Metrics]:
        more, seen = gradient(part, some)
        return jax.tree.map(jnp.add, total, more), seen

    zero = jax.tree.map(jnp.zeros_like, part)
    slices = {name: cut(array) for name, array in batch.items()}
    total, seen = jax.lax.scan(accumulate, zero, slices)
    nats_SRT = seen.pop("nats_BT")
    nats_BT = nats_SRT.reshape(-1, shards, at_once, nats_SRT.shape[-1])
    seen = jax.tree.map(lambda sums: jnp.sum(sums, axis=0), seen)
    return total, seen | {"nats_BT": nats_BT.swapaxes(0, 1).reshape(rows, -1)}


def _rows_at_once(rows: int, rows_per_gradient: int, shards: int) -> int:
    at_once = min(rows_per_gradient or rows, rows // shards)
    if at_once < 1 or rows % (shards * at_once):
        raise ValueError(
            f"A batch has {rows} rows, must be divisible by {shards} (the data "
            f"axis of the mesh) times {max(at_once, 1)} (rows_per_gradient); change "
            "the batch size, the mesh or TrainConfig.rows_per_gradient."
        )
    return at_once
