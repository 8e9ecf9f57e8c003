"""Paths of parameters as text: what patterns of weights are compared with."""

from typing import Any


def path_name(path: Any) -> str:
    """A key path of ``jax.tree_util`` with slashes.

    Example:
      >>> import jax
      >>> params = {"layer_0": {"mlp": {"up": {"kernel": 1.0}}}}
      >>> [path_name(path) for path, _ in jax.tree.leaves_with_path(params)]
      ['layer_0/mlp/up/kernel']
    """
    return "/".join(str(getattr(part, "key", part)) for part in path)
