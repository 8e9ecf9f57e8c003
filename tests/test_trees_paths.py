"""Rules by path."""

import pytest

from kscale.trees import by_path

TREE = {"layer_0": {"up": {"kernel": 1, "bias": 2}}, "norm": {"scale": 3}}


def test_the_first_rule_that_matches_decides():
    rules = [("layer_0/*/kernel", "a"), ("*/kernel", "b"), ("*", "c")]
    expected = {"layer_0": {"up": {"kernel": "a", "bias": "c"}}, "norm": {"scale": "c"}}
    assert by_path(rules, TREE, "RULES") == expected


def test_a_leaf_without_a_rule_is_an_error():
    message = r"'layer_0/up/bias' matches no rule of RULES \(\*kernel, norm\*\); add"
    with pytest.raises(ValueError, match=message):
        by_path([("*kernel", 1), ("norm*", 2)], TREE, "RULES")
