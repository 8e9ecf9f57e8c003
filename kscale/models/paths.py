"""Paths of parameters as text: what patterns of weights are compared with."""

from collections.abc import Mapping
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


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves by path as a nested dict: the inverse of naming them.

    Example:
      >>> nested({"embed/table": 1, "head/table": 2})
      {'embed': {'table': 1}, 'head': {'table': 2}}
    """
    tree: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *parents, last = name.split("/")
        level = tree
        for parent in parents:
            level = level.setdefault(parent, {})
        level[last] = leaf
    return tree
