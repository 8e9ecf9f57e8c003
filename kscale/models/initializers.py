"""How parameters start: one table from path to mean and standard deviation."""

import math
import zlib
from typing import Any

import jax
import jax.numpy as jnp

from kscale.models.config import ModelConfig
from kscale.trees import first_match, map_by_path

# First match wins. Allen-Zhu & Li 2024 starts as GPT-2 does, residual projections
# scaled; Pan et al. 2025 (modded-nanogpt) starts them at zero: `residual_init`.
INITIAL: tuple[tuple[str, str], ...] = (
    ("embed/table", "matrix"),
    ("head/table", "matrix"),
    ("layer_*/attention/out/kernel", "residual"),
    ("layer_*/mlp/down/kernel", "residual"),
    ("layer_*/kernel", "matrix"),
    ("*/bias", "zero"),
    ("*/scale", "one"),
)


def initial_moments(config: ModelConfig, path: str) -> tuple[float, float]:
    """Returns mean and standard deviation with which the parameter at `path` starts.

    Example:
      >>> initial_moments(ModelConfig(layers=2), "layer_1/mlp/down/kernel")
      (0.0, 0.01)

    Source: GPT-2 (residual projections scaled by `1 / sqrt(2 layers)`).
    """
    scale = {"scaled": (2 * config.layers) ** -0.5, "zero": 0.0, "plain": 1.0}
    moments = {
        "matrix": (0.0, config.init_std),
        "residual": (0.0, config.init_std * scale[config.residual_init]),
        "zero": (0.0, 0.0),
        "one": (1.0, 0.0),
    }
    return moments[first_match(INITIAL, path, "INITIAL")]


def draw_params(config: ModelConfig, shapes: Any, key: jax.Array) -> Any:
    """Draws a nested dict of float32 arrays of these shapes from `INITIAL`.

    A parameter depends on the key and its own path only, so that models which share a
    path and shape share its start.
    """

    def one(path: str, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        mean, std = initial_moments(config, path)
        if std == 0 or math.prod(leaf.shape) == 0:
            return jnp.full(leaf.shape, mean, jnp.float32)
        own = jax.random.fold_in(key, zlib.crc32(path.encode()))
        return mean + std * jax.random.normal(own, leaf.shape, jnp.float32)

    return map_by_path(one, shapes)


def declare(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Declares a parameter and its shape; its values come from `draw_params`."""
    del key
    return jnp.zeros(shape, jnp.float32)
