"""Defaults, validation, automatic values, populations."""

import numpy as np
import pytest

from kscale.train import Hyper, TrainConfig, members, population, resolve, solo


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
        ("keep", 0, "1 or more"),
        ("seed", -1, r"in \[0, 2\^32\)"),
    ],
)
def test_a_field_out_of_range_is_named(field, value, condition):
    with pytest.raises(ValueError, match=rf"TrainConfig\.{field} is .*{condition}"):
        TrainConfig(**{field: value})


def test_automatic_values_on_a_cpu():
    tiny = resolve(TrainConfig(), rows=3, context=64, total_steps=1000)
    assert tiny.rows_per_gradient == 3
    # 2^17 / 192 = 682, at most 512; 1000 steps are two dispatches of 500.
    assert tiny.steps_per_dispatch == 500
    assert tiny.checkpoint_every == 50
    long = resolve(TrainConfig(), rows=24, context=512, total_steps=1000)
    assert long.rows_per_gradient == 1
    assert long.steps_per_dispatch == 10  # 2^17 / 12288 = 10.7
    many = resolve(TrainConfig(), rows=3, context=64, total_steps=1000, members=4)
    assert many.steps_per_dispatch == 167  # 2^17 / 768 = 170, six dispatches


def test_a_huge_batch_is_one_step_a_dispatch():
    assert (
        resolve(TrainConfig(), rows=1536, context=512, total_steps=7).steps_per_dispatch
        == 1
    )


def test_what_the_user_set_stays():
    mine = TrainConfig(rows_per_gradient=2, steps_per_dispatch=5, checkpoint_every=9)
    assert resolve(mine, rows=4, context=512, total_steps=100) == mine


def test_a_run_without_steps_is_an_error():
    with pytest.raises(ValueError, match="0 steps trains nothing"):
        resolve(TrainConfig(), rows=1, context=1, total_steps=0)


def test_members_are_stacked():
    stacked = population([Hyper(1e-3, 0.1, 4), Hyper(2e-3, 0.2, 5)])
    assert members(stacked) == 2
    np.testing.assert_allclose(stacked.learning_rate, [1e-3, 2e-3])
    np.testing.assert_array_equal(stacked.seed, [4, 5])
    assert members(solo(TrainConfig())) is None
    assert members(population([Hyper(1e-3, 0.1, 4)])) == 1


def test_a_population_of_none_is_an_error():
    with pytest.raises(ValueError, match="got no members"):
        population([])
