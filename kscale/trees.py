"""Parameters by path: names, rules, selection, overlay.

The path of a parameter is its keys joined by slashes, such as `layer_0/mlp/up/kernel`.
A pattern is a shell pattern of whole paths, in which `*` matches slashes too.
"""

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import jax

Value = TypeVar("Value")


def path_name(key_path: Any) -> str:
    """Returns the path of a leaf whose key path `jax.tree_util` gave.

    Example:
      >>> params = {"layer_0": {"mlp": {"up": {"kernel": 1.0}}}}
      >>> [path_name(path) for path, _ in jax.tree.leaves_with_path(params)]
      ['layer_0/mlp/up/kernel']
    """
    return "/".join(str(getattr(part, "key", part)) for part in key_path)


def leaves_by_path(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> dict[str, Any]:
    """Returns the leaves of a tree by path, in the tree's order; see `nest`.

    Example:
      >>> leaves_by_path({"up": {"kernel": 2, "bias": 1}})
      {'up/bias': 1, 'up/kernel': 2}
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf)
    return {path_name(path): leaf for path, leaf in leaves}


def nest(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Returns leaves by path as a nested dict: the inverse of `leaves_by_path`.

    Raises:
      ValueError: a leaf lies below another.

    Example:
      >>> nest({"embed/table": 1, "head/table": 2})
      {'embed': {'table': 1}, 'head': {'table': 2}}
    """
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *parents, last = path.split("/")
        level = tree
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise ValueError(f"{path} lies below a leaf, {parent}")
        if last in level:
            raise ValueError(f"{path} is a leaf, and has leaves below it")
        level[last] = leaf
    return tree


def map_by_path(
    function: Callable[..., Any],
    tree: Any,
    *others: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Returns the tree with each leaf replaced by `function(path, leaf, ...)`.

    Args:
      function: takes the path, the leaf, and the leaves of the other trees.
      tree: any tree.
      others: trees that have the structure of `tree`, or go on below its leaves.
      is_leaf: which nodes are leaves, besides those that always are.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: function(path_name(path), *leaves),
        tree,
        *others,
        is_leaf=is_leaf,
    )


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Checks whether one of the patterns matches a path."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def first_match(rules: Sequence[tuple[str, Value]], path: str, what: str) -> Value:
    """Returns the value of the first rule (pattern, value) that matches a path.

    Raises:
      ValueError: no rule matches; the message calls the rules `what`.
    """
    for pattern, value in rules:
        if fnmatch.fnmatchcase(path, pattern):
            return value
    raise ValueError(
        f"Parameter {path!r} matches no rule of {what} "
        f"({', '.join(pattern for pattern, _ in rules)}); add a rule for it."
    )


def match_rules(rules: Sequence[tuple[str, Value]], tree: Any, what: str) -> Any:
    """Returns the tree with each leaf replaced by its `first_match`.

    Example:
      >>> match_rules([("*/bias", 0), ("*", 1)], {"up": {"bias": 5, "kernel": 6}}, "x")
      {'up': {'bias': 0, 'kernel': 1}}
    """
    return map_by_path(lambda path, leaf: first_match(rules, path, what), tree)


def require_matches(
    patterns: Iterable[str], paths: Iterable[str], what: str, unit: str = "parameter"
) -> None:
    """Checks that each pattern matches a path.

    Raises:
      ValueError: a pattern matches none; the message calls the patterns `what`, a path
        a `unit`, and gives the nearest one.
    """
    paths = list(paths)
    for pattern in patterns:
        if not fnmatch.filter(paths, pattern):
            near = difflib.get_close_matches(pattern, paths, n=1, cutoff=0.0)
            raise ValueError(
                f"{what} has {pattern!r}, which matches no {unit}; the nearest is "
                f"{''.join(near) or 'none'!r}."
            )


def select(tree: Any, patterns: Sequence[str], what: str) -> dict[str, Any]:
    """Returns the leaves that one of the patterns matches, nested as in the tree.

    Raises:
      ValueError: as `require_matches`.

    Example:
      >>> select({"up": {"bias": 1, "kernel": 2}}, ["*/bias"], "x")
      {'up': {'bias': 1}}
    """
    leaves = leaves_by_path(tree)
    require_matches(patterns, leaves, what)
    return nest({path: x for path, x in leaves.items() if matches(path, patterns)})


def overlay(tree: Any, part: Any) -> Any:
    """Returns the tree with the leaves of a part of it (`select`) in their places.

    Example:
      >>> overlay({"up": {"bias": 1, "kernel": 2}}, {"up": {"bias": 3}})
      {'up': {'bias': 3, 'kernel': 2}}
    """
    if not isinstance(part, Mapping):
        return part
    return {
        key: overlay(leaf, part[key]) if key in part else leaf
        for key, leaf in tree.items()
    }
