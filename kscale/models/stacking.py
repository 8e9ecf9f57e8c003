"""Layers side by side instead of stacked, so that each has a path of its own."""

import dataclasses

import jax

from kscale.models.config import ModelConfig
from kscale.models.transformer import Params


def unstacked(config: ModelConfig, params: Params) -> tuple[ModelConfig, Params]:
    """The same model without `scan_layers`.

    Args:
      config: the model.
      params: from ``init``, of arrays of any kind, without adapters.

    Returns:
      ``(config, params)`` with ``layer_0``, ``layer_1``, ... in place of ``layers``;
      as they came where they were not stacked.
    """
    if not config.scan_layers:
        return config, params
    rest = {name: part for name, part in params.items() if name != "layers"}
    layers = {
        f"layer_{i}": jax.tree.map(lambda leaf, i=i: leaf[i], params["layers"])
        for i in range(config.layers)
    }
    return dataclasses.replace(config, scan_layers=False), rest | layers
