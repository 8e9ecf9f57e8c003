"""K train steps as one call of the device: compiled once, state donated.

Axes: K steps of a dispatch, M members, B rows, T positions.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from kscale.train.config import Hyper, count_members
from kscale.train.objective import Objective, Params
from kscale.train.sharding import chunk_sharding, hyper_sharding, state_shardings
from kscale.train.step import Metrics, State, Step, init_state, vmap_step
from kscale.trees import leaves_by_path, map_by_path

# Random numbers take long to compile (3.2 s for four tiny members, 0.8 s like this) and
# are drawn once.
_QUICK = {"xla_backend_optimization_level": 0}


def abstract_state(
    objective: Objective, hyper: Hyper, mesh: Mesh, trainable: Sequence[str] = ("*",)
) -> Any:
    """Returns shapes, dtypes and shardings of the state, without allocating it."""
    shapes = jax.eval_shape(_make_draw(objective, tuple(trainable)), hyper)
    return jax.tree.map(
        lambda leaf, sharding: leaf.update(sharding=sharding),
        shapes,
        state_shardings(mesh, shapes, hyper),
    )


def start_state(
    objective: Objective,
    hyper: Hyper,
    mesh: Mesh,
    trainable: Sequence[str] = ("*",),
    params: Params | None = None,
) -> State:
    """Makes the state before the first step on the mesh, drawn or from parameters.

    Args:
      objective, hyper, trainable: as in `init_state`.
      mesh: where the state lies.
      params: None to draw them; else those of one model, which are copied. Of a
        population, a leaf of one model is that of every member, one with an axis M has
        a member's at each. Without adapters (`lora`), where the model has them, these
        are drawn.

    Raises:
      ValueError: a parameter is missing, not the model's, or of another shape.
    """
    abstract = abstract_state(objective, hyper, mesh, trainable)
    on_cpus = mesh.devices.flat[0].platform == "cpu"
    state = jax.jit(
        _make_draw(objective, tuple(trainable)),
        in_shardings=hyper_sharding(mesh, hyper),
        out_shardings=jax.tree.map(lambda leaf: leaf.sharding, abstract),
        compiler_options=_QUICK if on_cpus else None,
    )(hyper)
    if params is None:
        return state
    if "lora" in state["params"] and "lora" not in params:
        params = params | {"lora": state["params"]["lora"]}
    only = leaves_by_path(params).keys() ^ leaves_by_path(abstract["params"]).keys()
    if only:
        raise ValueError(
            f"start: the parameters {sorted(only)} are in one of the two models only:"
            f" start from parameters of the same model"
        )

    def place(path: str, leaf: Any, value: Any) -> jax.Array:
        """Copies a parameter to where it belongs: the first step takes the state."""
        shape = leaf.shape if count_members(hyper) is None else leaf.shape[1:]
        if jnp.shape(value) not in (shape, leaf.shape):
            raise ValueError(
                f"start: {path} has shape {jnp.shape(value)}, must have"
                f" the model's {shape}: start from parameters of the same model"
            )
        whole = jnp.broadcast_to(jnp.array(value, leaf.dtype), leaf.shape)
        return jax.device_put(whole, leaf.sharding)

    placed = map_by_path(place, abstract["params"], params)
    return state | {"params": placed}


def compile_dispatch(
    step: Step, state: Any, chunk: Mapping[str, Any], hyper: Hyper, mesh: Mesh
) -> jax.stages.Compiled:
    """Compiles a scan of the step over the batches of a dispatch.

    Args:
      step: of one model (`make_step`).
      state: from `abstract_state`.
      chunk: arrays [K, B, T+1], or their shapes.
      hyper, mesh: as of the state.

    Returns:
      `(state, chunk, hyper) -> (state, metrics)`; the state given is gone afterwards.
      Metrics have a leading axis K (then M for a population). It cannot be compiled
      again by accident: any later chunk must have the same shapes.

    Raises:
      ValueError: rows cannot be cut by `rows_per_gradient` and the data axis.
    """
    dispatch = _make_dispatch(step, count_members(hyper) is not None)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    program = jax.jit(
        dispatch,
        in_shardings=(shardings, chunk_sharding(mesh), hyper_sharding(mesh, hyper)),
        out_shardings=(shardings, NamedSharding(mesh, PartitionSpec())),
        donate_argnums=0,
    )
    return program.lower(state, dict(chunk), hyper).compile()


# JAX traces and compiles the same function once: runs of one shape, one after another,
# share their programs.
@functools.lru_cache(maxsize=8)
def _make_draw(
    objective: Objective, trainable: tuple[str, ...]
) -> Callable[[Hyper], State]:
    """Returns `init_state` of an objective."""
    return lambda hyper: init_state(objective, hyper, trainable)


@functools.lru_cache(maxsize=8)
def _make_dispatch(
    step: Step, population: bool
) -> Callable[..., tuple[State, Metrics]]:
    """Returns the scan of a step over batches."""
    step = vmap_step(step) if population else step

    def dispatch(state: State, chunk: Any, hyper: Hyper) -> tuple[State, Metrics]:
        return jax.lax.scan(lambda s, batch: step(s, batch, hyper), state, chunk)

    return dispatch
