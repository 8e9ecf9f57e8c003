"""Properties of parameters by path: the first rule that matches decides."""

import fnmatch
from collections.abc import Sequence
from typing import Any, TypeVar

import jax

Value = TypeVar("Value")


def by_path(rules: Sequence[tuple[str, Value]], tree: Any, what: str) -> Any:
    """Gives every leaf the value of the first rule that matches its path.

    Args:
      rules: pairs of a shell pattern (``*`` matches slashes too) and a value.
      tree: nested dict; a leaf's path is its keys joined by slashes.
      what: name of the rule list, for the error.

    Returns:
      The tree with each leaf replaced by its value.

    Raises:
      ValueError: a leaf matches no rule.

    Example:
      >>> by_path([("*/bias", 0), ("*", 1)], {"up": {"bias": None, "kernel": 2}}, "x")
      {'up': {'bias': 0, 'kernel': 1}}
    """

    def value(path: Any, leaf: Any) -> Value:
        del leaf
        name = path_name(path)
        for pattern, result in rules:
            if fnmatch.fnmatchcase(name, pattern):
                return result
        raise ValueError(
            f"Parameter {name!r} matches no rule of {what} "
            f"({', '.join(pattern for pattern, _ in rules)}); add a rule for it."
        )

    return jax.tree_util.tree_map_with_path(value, tree, is_leaf=lambda x: x is None)


def path_name(path: Any) -> str:
    """A key path of ``jax.tree_util`` as text: ``layer_0/mlp/up/kernel``."""
    return "/".join(str(getattr(part, "key", part)) for part in path)
