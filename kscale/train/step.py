"""The pure train step: (state, batch, hyper) -> (state, metrics).

Axes: B rows (sequences) of the global batch, T positions, S slices of the batch, M
members of a population, L labels.

The state is a dict: ``params``, ``mu`` and ``nu`` (Adam's moments) of one structure,
and ``step``, the number of steps taken, a scalar also for a population. A batch is a
dict of ``tokens`` [B, T+1], ``labels`` [B, T+1] and optionally ``segments`` [B, T+1].
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kscale.train.config import Hyper, TrainConfig
from kscale.train.optimiser import Moments, adamw, zero_moments
from kscale.train.problem import Params, Problem
from kscale.train.schedule import learning_rate

PAD = 255
State = dict[str, Any]
Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]
Step = Callable[[State, Batch, Hyper], tuple[State, Metrics]]

# The step counter is shared by the members of a population, all else is theirs.
STATE_AXES = {"params": 0, "mu": 0, "nu": 0, "step": None}


def init_state(problem: Problem, hyper: Hyper) -> State:
    """The state before the first step.

    Args:
      problem: gives ``init``.
      hyper: its seed is used; [M] for a population.

    Returns:
      The state; members of a population start as their solo runs do.
    """

    def member(seed: jax.Array) -> State:
        params = problem.init(jax.random.key(seed))
        moments = zero_moments(params)
        return {"params": params, "mu": moments.mu, "nu": moments.nu}

    seed = jnp.asarray(hyper.seed)
    state = jax.vmap(member)(seed) if seed.ndim else member(seed)
    return state | {"step": jnp.zeros((), jnp.int32)}


def make_step(
    problem: Problem,
    config: TrainConfig,
    total_steps: int,
    labels: int,
    data_shards: int = 1,
) -> Step:
    """Builds the train step of one model.

    The loss is the sum of the nats of all targets that count (label other than PAD)
    over their number, both of the whole batch, however it is cut for accumulation.
    A step at or beyond ``total_steps`` leaves the state as it is and counts nothing.

    Args:
      problem: the model.
      config: resolved (``config.resolve``).
      total_steps: length of the run, for the schedule.
      labels: number of labels L.
      data_shards: devices that share the rows of a batch.

    Returns:
      ``step(state, batch, hyper) -> (state, metrics)`` with metrics, all sums over
      the batch: ``nats_sum``, ``token_count``, ``label_nats_sum`` [L] and
      ``label_count`` [L]; besides ``grad_norm`` (before clipping) and
      ``learning_rate``.

    Raises:
      ValueError: (when traced) the rows of a batch cannot be cut as asked.
    """

    def step(state: State, batch: Batch, hyper: Hyper) -> tuple[State, Metrics]:
        valid = state["step"] < total_steps
        gradient, metrics = _gradient(
            problem, config, state["params"], batch, labels, data_shards
        )
        rate = learning_rate(config, total_steps, state["step"], hyper.learning_rate)
        moments = Moments(state["mu"], state["nu"])
        params, moments, norm = adamw(
            config,
            gradient,
            state["params"],
            moments,
            state["step"],
            rate,
            hyper.weight_decay,
        )
        after = {"params": params, "mu": moments.mu, "nu": moments.nu}
        after["step"] = state["step"] + 1
        after = jax.tree.map(lambda new, old: jnp.where(valid, new, old), after, state)
        metrics = jax.tree.map(lambda x: jnp.where(valid, x, 0), metrics)
        return after, metrics | {"grad_norm": norm, "learning_rate": rate}

    return step


def over_population(step: Step, own_data: bool) -> Step:
    """The same step for M members at once.

    Args:
      step: from ``make_step``.
      own_data: whether batches carry a leading axis M; else all members read one.

    Returns:
      A step whose state (but ``step``), hyper and metrics have a leading axis M.
    """
    return jax.vmap(
        step,
        in_axes=(STATE_AXES, 0 if own_data else None, 0),
        out_axes=(STATE_AXES, 0),
        spmd_axis_name="population",
    )


def _gradient(
    problem: Problem,
    config: TrainConfig,
    params: Params,
    batch: Batch,
    labels: int,
    data_shards: int,
) -> tuple[Params, Metrics]:
    """Gradient of the mean loss, and the sums over the batch."""
    counted = jnp.sum(batch["labels"][:, 1:] != PAD)
    weight = 1.0 / jnp.maximum(counted, 1)

    def loss(params: Params, rows: Batch) -> tuple[jax.Array, Metrics]:
        sums = _sums(problem, params, rows, labels)
        return sums["nats_sum"] * weight, sums

    def both(rows: Batch) -> tuple[Params, Metrics]:
        (_, sums), gradient = jax.value_and_grad(loss, has_aux=True)(params, rows)
        return gradient, sums

    slices = _slices(batch, config.rows_per_gradient, data_shards)
    if slices["tokens"].shape[0] == 1:
        return both(batch)

    def accumulate(total: Any, rows: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, both(rows)), None

    first = jax.tree.map(lambda x: x[0], slices)
    rest = jax.tree.map(lambda x: x[1:], slices)
    return jax.lax.scan(accumulate, both(first), rest)[0]


def _sums(problem: Problem, params: Params, rows: Batch, labels: int) -> Metrics:
    tokens_BT, labels_BT = rows["tokens"], rows["labels"][:, 1:]
    segments_BT = rows.get("segments")
    if segments_BT is not None:
        segments_BT = segments_BT[:, :-1]
    nats_BT, _ = problem.token_nats(
        params, tokens_BT[:, :-1], tokens_BT[:, 1:], segments_BT
    )
    counts_BT = labels_BT != PAD
    # PAD is beyond the labels, so its rows are zero.
    onehot = jax.nn.one_hot(labels_BT.reshape(-1), labels, dtype=jnp.float32)
    per_label = jnp.matmul(
        jax.lax.stop_gradient(nats_BT).reshape(-1), onehot, precision="highest"
    )
    return {
        "nats_sum": jnp.sum(jnp.where(counts_BT, nats_BT, 0.0)),
        "token_count": jnp.sum(counts_BT, dtype=jnp.int32),
        "label_nats_sum": per_label,
        "label_count": jnp.sum(onehot, axis=0).astype(jnp.int32),
    }


def _slices(batch: Batch, rows_per_gradient: int, data_shards: int) -> Batch:
    """Cuts [B, ...] into [S, data_shards * rows_per_gradient, ...].

    Every slice takes rows of every shard, so that no device waits for another.
    """
    rows = batch["tokens"].shape[0]
    at_once = min(rows_per_gradient or rows, rows // data_shards)
    if at_once < 1 or rows % (data_shards * at_once):
        raise ValueError(
            f"A batch has {rows} rows, must be divisible by {data_shards} (the data "
            f"axis of the mesh) times {max(at_once, 1)} (rows_per_gradient); change "
            "the batch size, the mesh or TrainConfig.rows_per_gradient."
        )

    def cut(x: jax.Array) -> jax.Array:
        split = x.reshape(data_shards, -1, at_once, *x.shape[1:])
        return split.swapaxes(0, 1).reshape(-1, data_shards * at_once, *x.shape[1:])

    return {name: cut(array) for name, array in batch.items()}
