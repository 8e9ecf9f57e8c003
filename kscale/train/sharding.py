"""Where every leaf of the state and every row of a batch lies on the mesh.

The mesh has four axes: population, data, expert, model. One device is trivial.

Axes of arrays: K steps of a dispatch, M members, B rows, T positions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from kscale.train.config import Hyper, count_members
from kscale.trees import leaves_by_path, map_by_path, match_rules

AXES = ("population", "data", "expert", "model")

# The last axes of a parameter; axes before them are not sharded.
# Matrices into heads and hidden units are cut by columns, those out of them by rows,
# so that one sum over devices ends each block; tables are cut by width.
MODEL_PARALLEL: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("*qkv/kernel", (None, "model")),
    ("*qkv/bias", ("model",)),
    ("*up/kernel", (None, "model")),
    ("*up/bias", ("model",)),
    ("*out/kernel", ("model", None)),
    ("*down/kernel", ("model", None)),
    ("*table", (None, "model")),
    ("*", ()),
)

# Of a mixture of experts, whose matrices have a leading axis of experts.
EXPERT_PARALLEL: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    ("lora/*mlp/up/kernel/*", ("expert", None, None)),
    ("lora/*mlp/down/kernel/*", ("expert", None, None)),
    ("*mlp/up/kernel", ("expert", None, "model")),
    ("*mlp/up/bias", ("expert", "model")),
    ("*mlp/down/kernel", ("expert", "model", None)),
    ("*mlp/down/bias", ("expert", None)),
    *MODEL_PARALLEL,
)


def make_mesh(
    population: int = 1,
    data: int = 0,
    model: int = 1,
    expert: int = 1,
    devices: Sequence[Any] | None = None,
) -> Mesh:
    """Arranges devices as population x data x expert x model.

    Args:
      population: groups of devices that train different members.
      data: devices that share the rows of a batch; 0: all that are left.
      model: devices that share the matrices of one model.
      expert: devices that share the experts of one model.
      devices: those to be used; None: all there are, of all processes.

    Returns:
      A mesh of four axes whose sharding the compiler fills in (`AxisType.Auto`).

    Example:
      >>> make_mesh(devices=jax.devices()[:1]).shape["data"]
      1
    """
    devices = jax.devices() if devices is None else list(devices)
    sizes = f"population={population}, data={data}, expert={expert}, model={model}"
    if min(population, model, expert) < 1 or data < 0:
        raise ValueError(
            f"the mesh's {sizes} must be 1 or more each (data may be 0: all devices"
            f" that are left)"
        )
    data = data or len(devices) // (population * expert * model)
    shape = (population, data, expert, model)
    if math.prod(shape) != len(devices):
        raise ValueError(
            f"the product of the mesh's {sizes} must be {len(devices)}, the devices"
            f" there are: change the mesh"
        )
    arranged = np.array(devices, dtype=object).reshape(shape)
    return Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def one_device() -> Mesh:
    """Returns the mesh of one device, for a run that names none, of one process."""
    if jax.process_count() > 1:
        raise ValueError(
            f"{jax.process_count()} processes without a mesh would each train a model"
            f" of their own: give a mesh (make_mesh)"
        )
    return make_mesh(devices=jax.local_devices()[:1])


def state_shardings(mesh: Mesh, state: Any, hyper: Hyper) -> Any:
    """Returns the `NamedSharding` of every leaf of a state, or of its shapes.

    The leading axis of a population's leaves (`hyper` has its size) lies on the mesh's
    population axis, the last axes follow `MODEL_PARALLEL` or, where there is a router,
    `EXPERT_PARALLEL`. The devices that share an axis must divide it.
    """
    size = count_members(hyper)
    require_divisible("the population", size or 1, mesh, "population", "members")
    rules = (("*", ()),)
    if mesh.shape["model"] * mesh.shape["expert"] > 1:
        routed = any(x.endswith("mlp/router/kernel") for x in leaves_by_path(state))
        rules = EXPERT_PARALLEL if routed else MODEL_PARALLEL

    def place(path: str, leaf: Any, spec: tuple[str | None, ...]) -> NamedSharding:
        lead = ("population",) if size is not None else ()
        gap = (None,) * (leaf.ndim - len(lead) - len(spec))
        for length, axis in zip(leaf.shape[leaf.ndim - len(spec) :], spec, strict=True):
            if axis is not None:
                what = f"parameter {path}"
                require_divisible(what, length, mesh, axis, "columns or rows")
        return NamedSharding(mesh, PartitionSpec(*lead, *gap, *spec))

    shardings: dict[str, Any] = {"step": NamedSharding(mesh, PartitionSpec())}
    for part in ("params", "mu", "nu"):
        axes = match_rules(rules, state[part], "MODEL_PARALLEL")
        shardings[part] = map_by_path(place, state[part], axes)
    return shardings


def hyper_sharding(mesh: Mesh, hyper: Hyper) -> NamedSharding:
    """Returns where hypers lie: those of a population with their members."""
    lead = ("population",) if count_members(hyper) is not None else ()
    return NamedSharding(mesh, PartitionSpec(*lead))


def chunk_sharding(mesh: Mesh) -> NamedSharding:
    """Returns where batches [K, B, T+1] lie: rows on the data axis."""
    return NamedSharding(mesh, PartitionSpec(None, "data"))


def place_chunk(chunk: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Sends the batches of one dispatch, [K, B, T+1], to the devices.

    With several processes the chunk has the rows of this one, in their order.
    """
    sharding = chunk_sharding(mesh)
    if jax.process_count() == 1:
        return {name: jax.device_put(x, sharding) for name, x in chunk.items()}
    return {
        name: jax.make_array_from_process_local_data(sharding, np.asarray(x))
        for name, x in chunk.items()
    }


def require_divisible(what: str, length: int, mesh: Mesh, axis: str, unit: str) -> None:
    """Checks that the devices of an axis of the mesh can share so many units."""
    devices = mesh.shape[axis]
    if length % devices:
        nearest = math.ceil(length / devices) * devices
        raise ValueError(
            f"{what} has {length} {unit}, must be divisible by the {devices} devices of"
            f" the mesh's {axis} axis: use {nearest}, or another mesh"
        )
