"""K train steps as one call of the device: compiled once, state donated.

Axes: K steps of a dispatch, M members, B rows, T positions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from kscale.train.config import Hyper, TrainConfig, members
from kscale.train.objective import Params, Problem
from kscale.train.sharding import chunk_sharding, hyper_sharding, state_shardings
from kscale.train.step import Metrics, State, init_state, make_advance, sums
from kscale.trees import leaves_by_path, map_by_path

# Random numbers take long to compile (3.2 s for four tiny members, 0.8 s like this) and
# are drawn once.
_QUICK = {"xla_backend_optimization_level": 0}


class Program(NamedTuple):
    """A compiled training program; it cannot be recompiled by accident.

    Attributes:
      run: ``(state, chunk, hyper) -> (state, metrics)``; the state given is gone
        afterwards. Metrics have a leading axis K (then M for a population).
      hyper: the hypers, on the devices.
    """

    run: Any
    hyper: Hyper

    def __call__(
        self, state: State, chunk: Mapping[str, jax.Array]
    ) -> tuple[State, Metrics]:
        """Takes K steps."""
        return self.run(state, chunk, self.hyper)


def abstract_state(
    problem: Problem, hyper: Hyper, mesh: Mesh, trainable: Sequence[str] = ("*",)
) -> Any:
    """Shapes, dtypes and shardings of the state, without allocating it."""
    shapes = jax.eval_shape(lambda hyper: init_state(problem, hyper, trainable), hyper)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        ),
        shapes,
        state_shardings(mesh, shapes, hyper),
    )


def first_state(
    problem: Problem, hyper: Hyper, mesh: Mesh, trainable: Sequence[str] = ("*",)
) -> State:
    """The state before the first step, made where it lies."""
    shardings = jax.tree.map(
        lambda leaf: leaf.sharding, abstract_state(problem, hyper, mesh, trainable)
    )
    on_cpus = mesh.devices.flat[0].platform == "cpu"
    make = jax.jit(
        lambda hyper: init_state(problem, hyper, trainable),
        in_shardings=hyper_sharding(mesh, hyper),
        out_shardings=shardings,
        compiler_options=_QUICK if on_cpus else None,
    )
    return make(hyper)


def start_state(
    problem: Problem,
    hyper: Hyper,
    mesh: Mesh,
    params: Params,
    trainable: Sequence[str] = ("*",),
) -> State:
    """The state before the first step of a run that goes on from other parameters.

    Args:
      problem: gives the shapes.
      hyper: of one model, or [M] of a population.
      mesh: where it lies.
      params: in the shapes of one model; they are copied. Of a population, a leaf of
        one model is that of every member, one with an axis M has a member's at each.
        Without adapters (``lora``), where the model has them: they are new ones.
      trainable: patterns of the parameters that have moments.

    Raises:
      ValueError: a parameter is missing, not the model's, or of another shape.
    """
    abstract = abstract_state(problem, hyper, mesh, trainable)
    state = first_state(problem, hyper, mesh, trainable)
    if "lora" in state["params"] and "lora" not in params:
        params = params | {"lora": state["params"]["lora"]}

    found, wanted = (
        leaves_by_path(tree).keys() for tree in (params, abstract["params"])
    )
    if found != wanted:
        raise ValueError(
            f"start: the parameters {sorted(found ^ wanted)} are in one of the two"
            f" models only: start from parameters of the same model"
        )

    def place(path: str, leaf: Any, value: Any) -> jax.Array:
        """A copy of a parameter where it belongs: the first step takes the state."""
        shape = leaf.shape if members(hyper) is None else leaf.shape[1:]
        if jnp.shape(value) not in (shape, leaf.shape):
            raise ValueError(
                f"start: {path} has shape {jnp.shape(value)}, the model needs {shape}"
            )
        whole = jnp.broadcast_to(jnp.array(value, leaf.dtype), leaf.shape)
        return jax.device_put(whole, leaf.sharding)

    placed = map_by_path(place, abstract["params"], params)
    return state | {"params": placed}


def compile_program(
    problem: Problem,
    config: TrainConfig,
    total_steps: int,
    labels: int,
    hyper: Hyper,
    mesh: Mesh,
    chunk: Mapping[str, Any],
) -> Program:
    """Compiles K steps of a run for the shapes of its first chunk.

    Args:
      problem: the model.
      config: resolved (``config.resolve``).
      total_steps: length of the run.
      labels: number of labels.
      hyper: of one model, or [M] of a population.
      mesh: where it runs.
      chunk: the first dispatch's arrays on the devices, or their shapes:
        [K, B, T+1], or [K, M, B, T+1] where members have batches of their own.

    Returns:
      The program. Any later chunk must have the same shapes.

    Raises:
      ValueError: rows cannot be cut by ``rows_per_gradient`` and the data axis.
    """
    own_data = chunk["tokens"].ndim == 4
    state = abstract_state(problem, hyper, mesh, config.trainable)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    advance = make_advance(
        problem,
        config,
        total_steps,
        data_shards=mesh.shape["data"],
        population=members(hyper) is not None,
        own_data=own_data,
    )

    def dispatch(state: State, chunk: Any, hyper: Hyper) -> tuple[State, Metrics]:
        state, seen = jax.lax.scan(
            lambda state, batch: advance(state, batch, hyper), state, chunk
        )
        per_step = jax.vmap(lambda seen, wanted: sums(seen, wanted, labels))
        return state, per_step(seen, chunk["labels"])

    placed = hyper_sharding(mesh, hyper)
    compiled = (
        jax.jit(
            dispatch,
            in_shardings=(shardings, chunk_sharding(mesh, own_data), placed),
            out_shardings=(shardings, NamedSharding(mesh, PartitionSpec())),
            donate_argnums=0,
        )
        .lower(state, dict(chunk), hyper)
        .compile()
    )
    return Program(compiled, jax.device_put(hyper, placed))
