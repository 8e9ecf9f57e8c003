"""Paths of parameters as text."""

import jax

from kscale.trees import nested, path_name


def test_keys_of_every_kind_are_joined_by_slashes():
    tree = {"layer_0": {"kernel": 1}, "list": [2, 3]}
    names = [path_name(path) for path, _ in jax.tree.leaves_with_path(tree)]
    assert names == ["layer_0/kernel", "list/[0]", "list/[1]"]


def test_nested_is_the_inverse():
    tree = {"a": {"b": {"c": 1}, "d": 2}, "e": 3}
    leaves = {path_name(path): x for path, x in jax.tree.leaves_with_path(tree)}
    assert leaves == {"a/b/c": 1, "a/d": 2, "e": 3}
    assert nested(leaves) == tree
    assert nested({}) == {}
