"""The pure train step: (state, batch, hyper) -> (state, metrics).

Axes: B rows (sequences) of the global batch, T positions, S slices of the batch, R
rows of a slice, N = B T targets, L labels.

The state is a dict: `params`, `mu` and `nu` (Adam's moments) of one structure, and
`step`, the number of steps taken. A batch is a dict of `tokens` [B, T+1], `labels`
[B, T+1] and optionally `segments` [B, T+1].
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from kscale.data import PAD
from kscale.train.config import Hyper, TrainConfig
from kscale.train.objective import Objective, Params
from kscale.train.optimizer import adamw, learning_rate
from kscale.trees import overlay, select

State = dict[str, Any]
Batch = Mapping[str, Any]
Metrics = dict[str, Any]
Step = Callable[[State, Batch, Hyper], tuple[State, Metrics]]

# What a `Hyper` says, and when something is written, makes no other program.
_NO_PROGRAM = {"learning_rate": 0.0, "weight_decay": 0.0, "seed": 0}
_NO_PROGRAM |= dict.fromkeys(("steps_per_dispatch", "log_every", "checkpoint_every"), 0)
_NO_PROGRAM |= {"keep": 1}

# The step counter is shared by the members of a population, all else is theirs.
_STATE_AXES = {"params": 0, "mu": 0, "nu": 0, "step": None}


def init_state(
    objective: Objective, hyper: Hyper, trainable: Sequence[str] = ("*",)
) -> State:
    """Draws the state before the first step.

    Args:
      objective: gives `init`.
      hyper: its seed is used; [M] for a population, of whose state every leaf but
        `step` has a leading axis M, and whose members start as their solo runs do.
      trainable: patterns of the parameters that have moments, each of which matches.
    """

    def member(seed: jax.Array) -> State:
        params = objective.init(jax.random.key(seed))
        part = select(params, trainable, "TrainConfig.trainable")
        mu, nu = (jax.tree.map(jnp.zeros_like, part) for _ in range(2))
        return {"params": params, "mu": mu, "nu": nu}

    seed = jnp.asarray(hyper.seed)
    state = jax.vmap(member)(seed) if seed.ndim else member(seed)
    return state | {"step": jnp.zeros((), jnp.int32)}


def make_step(
    objective: Objective,
    config: TrainConfig,
    total_steps: int,
    labels: int,
    *,
    data_shards: int = 1,
) -> Step:
    """Builds the train step of one model; `vmap_step` makes it one of a population.

    The loss is the sum of the nats of all targets that count (label other than PAD)
    over their number, both of the whole batch, however it is cut for accumulation; a
    mixture of experts adds `balance_weight` times its load-balance loss.
    A step at or beyond `total_steps` leaves the state as it is and counts nothing.

    Args:
      objective: the model.
      config: its optimizer, schedule, `trainable` and `rows_per_gradient` are used.
      total_steps: length of the run, for the schedule.
      labels: number of labels L.
      data_shards: devices that share the rows of a batch.

    Returns:
      `step(state, batch, hyper) -> (state, metrics)`, a pure function to be compiled
      by `jax.jit`, the same one for the same program. Metrics are sums over the
      batch: `nats_sum`, `token_count`, `label_nats_sum` [L], `label_count` [L] and, of
      a mixture of experts, `routing`; besides `grad_norm` (before clipping) and
      `learning_rate`.
    """
    whole = dataclasses.replace(config, trainable=tuple(config.trainable))
    program = dataclasses.replace(whole, **_NO_PROGRAM)
    return _make_step(objective, program, total_steps, labels, data_shards)


@functools.lru_cache(maxsize=8)
def _make_step(
    objective: Objective,
    config: TrainConfig,
    total_steps: int,
    labels: int,
    shards: int,
) -> Step:
    """Returns the step of a config, the same function for the same program."""

    @functools.partial(jax.jit, inline=True)  # traced once, for shapes and values
    def take(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        params, done = state["params"], state["step"]
        gradient, nats_BT, routing = _gradient(objective, config, params, batch, shards)
        rate = learning_rate(config, total_steps, done, hyper.learning_rate)
        part = select(params, config.trainable, "TrainConfig.trainable")
        adam = optax.ScaleByAdamState(done, state["mu"], state["nu"])
        part, adam, norm = adamw(config, gradient, part, adam, rate, hyper.weight_decay)
        metrics = _sum_by_label(nats_BT, batch["labels"], labels) | routing
        metrics |= {"grad_norm": norm, "learning_rate": rate}
        after = {"params": overlay(params, part), "mu": adam.mu, "nu": adam.nu}
        return after | {"step": done + 1}, metrics

    def step(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        batch = dict(batch)
        _, metrics = jax.eval_shape(take, state, batch, hyper)

        def skip(state: State, *_: Any) -> tuple[State, Metrics]:
            return state, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), metrics)

        lasts = state["step"] < total_steps
        return jax.lax.cond(lasts, take, skip, state, batch, hyper)

    return step


def vmap_step(step: Step) -> Step:
    """Turns the step of one model into that of a population on the same batch.

    Its state (but `step`), hyper and metrics have a leading axis M; a member equals
    its solo run.
    """
    return jax.vmap(
        step,
        in_axes=(_STATE_AXES, None, 0),
        out_axes=(_STATE_AXES, 0),
        spmd_axis_name="population",
    )


def _sum_by_label(nats_BT: jax.Array, labels_BT: jax.Array, labels: int) -> Metrics:
    """Sums nats and counts targets by label and in all; `labels_BT` is [B, T+1]."""
    labels_N = labels_BT[:, 1:].reshape(-1)
    # A column for each label (PAD has none), and one for all of them.
    each_NL = jax.nn.one_hot(labels_N, labels, dtype=jnp.float32)
    all_N1 = (labels_N != PAD)[:, None].astype(jnp.float32)
    table_NL = jnp.concatenate([each_NL, all_N1], axis=-1)
    nats_L = jnp.einsum("n,nl->l", nats_BT.reshape(-1), table_NL, precision="highest")
    count_L = jnp.sum(table_NL, axis=0).astype(jnp.int32)
    return {
        "nats_sum": nats_L[-1],
        "token_count": count_L[-1],
        "label_nats_sum": nats_L[:-1],
        "label_count": count_L[:-1],
    }


def _gradient(
    objective: Objective, config: TrainConfig, params: Params, batch: Batch, shards: int
) -> tuple[Params, jax.Array, Metrics]:
    """Returns the gradient of what is trained, nats of all targets, sums of routing."""
    counted = jnp.sum(batch["labels"][:, 1:] != PAD)
    weight = 1.0 / jnp.maximum(counted, 1)

    part = select(params, config.trainable, "TrainConfig.trainable")
    rows = batch["tokens"].shape[0]

    def loss(part: Params, some: Batch) -> tuple[jax.Array, tuple[jax.Array, Metrics]]:
        tokens_RT, labels_RT = some["tokens"], some["labels"][:, 1:]
        segments_RT = some.get("segments")
        if segments_RT is not None:
            segments_RT = segments_RT[:, :-1]
        nats_RT, aux = objective.token_nats(
            overlay(params, part), tokens_RT[:, :-1], tokens_RT[:, 1:], segments_RT
        )
        total = jnp.sum(jnp.where(labels_RT != PAD, nats_RT, 0.0)) * weight
        if "balance" in aux:
            share = tokens_RT.shape[0] / rows
            total = total + config.balance_weight * share * aux["balance"]
        return total, (nats_RT, {k: x for k, x in aux.items() if k == "routing"})

    gradient = jax.grad(loss, has_aux=True)
    at_once = min(config.rows_per_gradient or rows, rows // shards)
    if at_once < 1 or rows % (shards * at_once):
        raise ValueError(
            f"rows={rows} of a batch must be divisible by {shards} (the data axis of"
            f" the mesh) times {max(at_once, 1)} (rows_per_gradient): change the batch"
            f" size, the mesh or TrainConfig.rows_per_gradient"
        )
    if rows == shards * at_once:
        total, seen = gradient(part, batch)
        return total, *seen

    # Every slice takes rows of every shard, so that no device waits for another.
    def cut(x: jax.Array) -> jax.Array:
        split = x.reshape(shards, -1, at_once, *x.shape[1:])
        return split.swapaxes(0, 1).reshape(-1, shards * at_once, *x.shape[1:])

    def accumulate(total: Params, some: Batch) -> tuple[Params, Any]:
        more, seen = gradient(part, some)
        return jax.tree.map(jnp.add, total, more), seen

    zero = jax.tree.map(jnp.zeros_like, part)
    slices = {name: cut(array) for name, array in batch.items()}
    total, (nats_SRT, routing) = jax.lax.scan(accumulate, zero, slices)
    nats_BT = nats_SRT.reshape(-1, shards, at_once, nats_SRT.shape[-1])
    routing = jax.tree.map(lambda sums: jnp.sum(sums, axis=0), routing)
    return total, nats_BT.swapaxes(0, 1).reshape(rows, -1), routing
