"""Defaults, validation, automatic values, populations."""

import numpy as np
import pytest

from kscale import train
from kscale.train import Hyper, TrainConfig, count_members, resolve, stack_hypers


@pytest.mark.parametrize(
    ("field", "value", "condition"),
    [
        ("schedule", "cosinus", "one of"),
        ("learning_rate", float("nan"), "0 or more and finite"),
        ("weight_decay", -0.1, "0 or more"),
        ("clip", float("inf"), "finite"),
        ("b2", 1.0, r"in \[0, 1\)"),
        ("eps", 0.0, "greater than 0"),
        ("final_ratio", 1.5, "between 0 and 1"),
        ("warmup_steps", -1, "0 or more"),
        ("trainable", (), "one pattern or more"),
        ("keep", 0, "1 or more"),
        ("seed", -1, r"in \[0, 2\^32\)"),
    ],
)
def test_a_field_out_of_range_is_named(field, value, condition):
    message = rf"TrainConfig\.{field}=.* must be .*{condition}"
    with pytest.raises(ValueError, match=message):
        TrainConfig(**{field: value})


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        # 2^17 / 192 = 682, at most 512; 1000 steps are two dispatches of 500.
        ({"rows": 3, "context": 64, "total_steps": 1000}, (3, 500, 50)),
        # 2^17 / 12288 = 10.7; long sequences are differentiated one by one.
        ({"rows": 24, "context": 512, "total_steps": 1000}, (1, 10, 50)),
        # 2^17 / 768 = 170, six dispatches.
        ({"rows": 3, "context": 64, "total_steps": 1000, "members": 4}, (3, 167, 50)),
        ({"rows": 1536, "context": 512, "total_steps": 7}, (1, 1, 1)),
        # Rows that are routed together are differentiated together.
        ({"rows": 6, "context": 512, "total_steps": 9, "rows_together": 3}, (3, 9, 1)),
        ({"rows": 6, "context": 64, "total_steps": 9, "rows_together": 3}, (6, 9, 1)),
    ],
)
def test_automatic_values_on_a_cpu(sizes, expected):
    def automatic(*values):
        fields = ("rows_per_gradient", "steps_per_dispatch", "checkpoint_every")
        return TrainConfig(**dict(zip(fields, values, strict=True)))

    found = resolve(TrainConfig(), **sizes)
    assert found == automatic(*expected)
    for fixed in (found, automatic(6, 5, 9)):
        assert resolve(fixed, **sizes) == fixed
    longer = resolve(automatic(6, 10**9, 9), **sizes)
    assert longer.steps_per_dispatch == sizes["total_steps"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_steps": 0}, "total_steps=0 must be 1 or more"),
        ({"rows": 7}, "rows=7 must be a multiple of route_rows=3.* take 9"),
        ({"at_once": 2}, r"rows_per_gradient=2 must .* take 3"),
    ],
)
def test_sizes_that_cannot_be_trained_are_an_error(change, message):
    sizes = {"rows": 6, "context": 64, "total_steps": 9, "rows_together": 3} | change
    config = TrainConfig(rows_per_gradient=sizes.pop("at_once", 0))
    with pytest.raises(ValueError, match=message):
        resolve(config, **sizes)


def test_members_are_stacked():
    stacked = stack_hypers([Hyper(1e-3, 0.1, 4), Hyper(2e-3, 0.2, 5)])
    assert count_members(stacked) == 2
    np.testing.assert_allclose(stacked.learning_rate, [1e-3, 2e-3])
    np.testing.assert_array_equal(stacked.seed, [4, 5])
    assert count_members(train.make_hyper(TrainConfig())) is None
    assert count_members(stack_hypers([Hyper(1e-3, 0.1, 4)])) == 1
    with pytest.raises(ValueError, match=r"hypers=\[\] must have one member"):
        stack_hypers([])
