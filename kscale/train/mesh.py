"""The mesh of devices: population, data, expert, model. One device is trivial."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

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
