"""Paths of parameters as text: what patterns of weights are compared with."""

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax


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


# Properties of parameters by path: the first rule that matches decides.
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


def part_of(tree: Any, patterns: Sequence[str], what: str) -> dict[str, Any]:
    """The leaves that one of the patterns matches, nested as in the tree.

    Args:
      tree: nested dict.
      patterns: shell patterns of paths, as in ``by_path``.
      what: name of the patterns, for the error.

    Raises:
      ValueError: a pattern matches no leaf; the message gives the nearest path.

    Example:
      >>> part_of({"up": {"bias": 1, "kernel": 2}}, ["*/bias"], "x")
      {'up': {'bias': 1}}
    """
    leaves = [(path_name(path), leaf) for path, leaf in jax.tree.leaves_with_path(tree)]
    names = [name for name, _ in leaves]
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.0)
            raise ValueError(
                f"{what} has {pattern!r}, which matches no parameter; the nearest is "
                f"{''.join(near) or 'none'!r}."
            )
    chosen = (
        (name, leaf)
        for name, leaf in leaves
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    )
    return nested(dict(chosen))


def overlaid(tree: Any, part: Any) -> Any:
    """The tree with the leaves of a part of it (``part_of``) in their places.

    Example:
      >>> overlaid({"up": {"bias": 1, "kernel": 2}}, {"up": {"bias": 3}})
      {'up': {'bias': 3, 'kernel': 2}}
    """
    if not isinstance(part, Mapping):
        return part
    return {
        key: overlaid(leaf, part[key]) if key in part else leaf
        for key, leaf in tree.items()
    }
