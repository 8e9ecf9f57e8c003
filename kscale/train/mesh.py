"""The mesh of devices: population, data, model. One device is the trivial mesh."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

AXES = ("population", "data", "model")


def make_mesh(
    population: int = 1,
    data: int = 0,
    model: int = 1,
    devices: Sequence[Any] | None = None,
) -> Mesh:
    """Arranges devices as population x data x model.

    Args:
      population: groups of devices that train different members.
      data: devices that share the rows of a batch; 0: all that are left.
      model: devices that share the matrices of one model.
      devices: those to be used; None: all there are, of all processes.

    Returns:
      A mesh of three axes whose sharding the compiler fills in (``AxisType.Auto``).

    Raises:
      ValueError: the devices cannot be arranged so.

    Example:
      >>> make_mesh(devices=jax.devices()[:1]).shape["data"]
      1
    """
    devices = jax.devices() if devices is None else list(devices)
    if population < 1 or model < 1 or data < 0:
        raise ValueError(
            f"The mesh is population={population}, data={data}, model={model}; sizes "
            "must be 1 or more (data may be 0: all devices that are left)."
        )
    data = data or len(devices) // (population * model)
    if population * data * model != len(devices):
        raise ValueError(
            f"The mesh is population={population} x data={data} x model={model}, but "
            f"there are {len(devices)} devices; the product must be equal."
        )
    arranged = np.array(devices, dtype=object).reshape(population, data, model)
    return Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * 3)


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
