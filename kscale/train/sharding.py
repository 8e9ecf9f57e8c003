"""Where every leaf of the state and every row of a batch lies on the mesh.

Axes: K steps of a dispatch, M members, B rows, T positions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from kscale.train.config import Hyper, members
from kscale.trees import leaves_by_path, map_by_path, match_rules

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


def state_shardings(mesh: Mesh, state: Any, hyper: Hyper) -> Any:
    """A sharding for every leaf of the state.

    Args:
      mesh: from ``make_mesh``.
      state: the state or its shapes; the leading axis of a population's leaves lies
        on the mesh's population axis, the last axes follow ``MODEL_PARALLEL`` or, where
        there is a router, ``EXPERT_PARALLEL``.
      hyper: tells whether there is a population, and its size.

    Returns:
      Tree of ``NamedSharding``.

    Raises:
      ValueError: an axis is not divisible by the devices that share it; the message
        names the parameter.
    """
    size = members(hyper)
    _require_divisible("population", size or 1, mesh, "population", "members")
    rules = (("*", ()),)
    if mesh.shape["model"] * mesh.shape["expert"] > 1:
        routed = any(x.endswith("mlp/router/kernel") for x in leaves_by_path(state))
        rules = EXPERT_PARALLEL if routed else MODEL_PARALLEL

    def place(path: str, leaf: Any, spec: tuple[str | None, ...]) -> NamedSharding:
        lead = ("population",) if size is not None else ()
        gap = (None,) * (leaf.ndim - len(lead) - len(spec))
        for length, axis in zip(leaf.shape[leaf.ndim - len(spec) :], spec, strict=True):
            if axis is not None:
                name = f"parameter {path}"
                _require_divisible(name, length, mesh, axis, "columns or rows")
        return NamedSharding(mesh, PartitionSpec(*lead, *gap, *spec))

    placed = {
        part: map_by_path(
            place, state[part], match_rules(rules, state[part], "MODEL_PARALLEL")
        )
        for part in ("params", "mu", "nu")
    }
    return placed | {"step": NamedSharding(mesh, PartitionSpec())}


def hyper_sharding(mesh: Mesh, hyper: Hyper) -> NamedSharding:
    """A population's hypers lie with their members."""
    lead = ("population",) if members(hyper) is not None else ()
    return NamedSharding(mesh, PartitionSpec(*lead))


def chunk_sharding(mesh: Mesh, own_data: bool) -> NamedSharding:
    """Rows of [K, B, T+1] or [K, M, B, T+1] lie on the data axis, members on theirs."""
    lead = (None, "population") if own_data else (None,)
    return NamedSharding(mesh, PartitionSpec(*lead, "data"))


def place_chunk(
    chunk: Mapping[str, np.ndarray], mesh: Mesh, own_data: bool
) -> dict[str, jax.Array]:
    """Sends the batches of one dispatch to the devices.

    Args:
      chunk: arrays [K, B, T+1] or [K, M, B, T+1]; with several processes the rows of
        this one, in the order of the processes.
      mesh: from ``make_mesh``.
      own_data: whether members have batches of their own.

    Returns:
      Global arrays, sharded by ``chunk_sharding``.

    Raises:
      ValueError: the rows are not divisible by the data axis.
    """
    sharding = chunk_sharding(mesh, own_data)
    rows = chunk["tokens"].shape[-2] * jax.process_count()
    _require_divisible("batch", rows, mesh, "data", "rows")
    if jax.process_count() == 1:
        return {name: jax.device_put(x, sharding) for name, x in chunk.items()}
    return {
        name: jax.make_array_from_process_local_data(sharding, np.asarray(x))
        for name, x in chunk.items()
    }


def _require_divisible(
    what: str, length: int, mesh: Mesh, axis: str, unit: str
) -> None:
    devices = mesh.shape[axis]
    if length % devices:
        nearest = math.ceil(length / devices) * devices
        raise ValueError(
            f"The {what} has {length} {unit}, must be divisible by the {devices} "
            f"devices of the mesh's {axis} axis; use {nearest}, or another mesh."
        )


# The mesh of devices: population, data, expert, model. One device is trivial.
AXES = ("population", "data", "expert", "model")


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
      A mesh of four axes whose sharding the compiler fills in (``AxisType.Auto``).

    Raises:
      ValueError: the devices cannot be arranged so.

    Example:
      >>> make_mesh(devices=jax.devices()[:1]).shape["data"]
      1
    """
    devices = jax.devices() if devices is None else list(devices)
    if min(population, model, expert) < 1 or data < 0:
        raise ValueError(
            f"The mesh is population={population}, data={data}, expert={expert}, "
            f"model={model}; sizes must be 1 or more (data may be 0: all devices that "
            "are left)."
        )
    data = data or len(devices) // (population * expert * model)
    shape = (population, data, expert, model)
    if math.prod(shape) != len(devices):
        raise ValueError(
            f"The mesh is population={population} x data={data} x expert={expert} x "
            f"model={model}, but there are {len(devices)} devices; the product must "
            "be equal."
        )
    arranged = np.array(devices, dtype=object).reshape(shape)
    return Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def one_device() -> Mesh:
    """The trivial mesh: the first device of this process."""
    return make_mesh(devices=jax.local_devices()[:1])


def default_mesh() -> Mesh:
    """The mesh of a run that names none: one device.

    Raises:
      ValueError: there are several processes, each of which would train a model of
        its own.
    """
    if jax.process_count() > 1:
        raise ValueError(
            f"There are {jax.process_count()} processes and no mesh, so that each "
            "would train a model of its own; give a mesh (make_mesh)."
        )
    return one_device()
