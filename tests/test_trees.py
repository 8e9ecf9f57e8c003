"""Parameters by path: names, rules, selection, overlay."""

import pytest

from kscale.trees import (
    first_match,
    leaves_by_path,
    map_by_path,
    match_rules,
    nest,
    overlay,
    select,
)

TREE = {"layer_0": {"up": {"kernel": 1, "bias": 2}}, "norm": {"scale": 3}}


def test_leaves_by_path_and_nest_are_inverse():
    leaves = {"layer_0/up/bias": 2, "layer_0/up/kernel": 1, "norm/scale": 3}
    assert leaves_by_path(TREE) == leaves
    assert nest(leaves) == TREE
    assert nest({}) == {}
    assert leaves_by_path({"list": [2, (3, 4)]}, lambda x: isinstance(x, tuple)) == {
        "list/[0]": 2,
        "list/[1]": (3, 4),
    }


def test_a_function_gets_the_path_and_the_leaves_of_all_trees():
    found = map_by_path(lambda *args: args, TREE, TREE)
    assert found["layer_0"]["up"]["bias"] == ("layer_0/up/bias", 2, 2)


def test_the_first_rule_that_matches_decides():
    rules = [("layer_0/*/kernel", "a"), ("*/kernel", "b"), ("*", "c")]
    expected = {"layer_0": {"up": {"kernel": "a", "bias": "c"}}, "norm": {"scale": "c"}}
    assert match_rules(rules, TREE, "RULES") == expected
    assert first_match(rules, "other/kernel", "RULES") == "b"


def test_a_leaf_without_a_rule_is_an_error():
    message = r"'layer_0/up/bias' matches no rule of RULES \(\*kernel, norm\*\); add"
    with pytest.raises(ValueError, match=message):
        match_rules([("*kernel", 1), ("norm*", 2)], TREE, "RULES")


def test_a_selection_is_nested_as_the_tree_and_can_be_laid_over_it():
    assert select(TREE, ["*/kernel", "norm/*"], "p") == {
        "layer_0": {"up": {"kernel": 1}},
        "norm": {"scale": 3},
    }
    assert select(TREE, ["*"], "p") == TREE
    put = overlay(TREE, {"layer_0": {"up": {"bias": 9}}})
    assert put == {"layer_0": {"up": {"kernel": 1, "bias": 9}}, "norm": {"scale": 3}}


def test_a_pattern_that_selects_nothing_is_an_error_with_the_nearest_path():
    message = "p has 'norm/scales', which matches no parameter; the nearest is 'norm/s"
    with pytest.raises(ValueError, match=message):
        select(TREE, ["*/kernel", "norm/scales"], "p")
