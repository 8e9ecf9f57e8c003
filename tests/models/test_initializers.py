import dataclasses
import math

import jax
import numpy as np
import pytest

from kscale.models import ModelConfig, init
from kscale.models.initializers import draw_params, initial_moments
from kscale.trees import leaves_by_path


def by_path(config, seed=0):
    return leaves_by_path(init(config, jax.random.key(seed)))


@pytest.mark.parametrize("residual", ["scaled", "zero", "plain"])
def test_statistics_are_those_of_the_table(residual):
    config = ModelConfig(
        vocab=200, layers=3, heads=2, tied=False, init_std=0.08, residual_init=residual
    )
    for path, leaf in by_path(config).items():
        mean, std = initial_moments(config, path)
        tolerance = 5 * std / math.sqrt(leaf.size)
        assert abs(leaf.mean() - mean) <= tolerance, path
        assert abs(leaf.std() - std) <= tolerance, path


def test_table_by_hand():
    config = ModelConfig(layers=8, init_std=0.02)
    for path, moments in {
        "embed/table": (0, 0.02),
        "layer_3/attention/qkv/kernel": (0, 0.02),
        "layer_3/attention/out/kernel": (0, 0.005),
        "layer_3/mlp/router/kernel": (0, 0.02),
        "layer_3/mlp/up/kernel": (0, 0.02),
        "layer_3/mlp/down/kernel": (0, 0.005),
        "layer_3/mlp/down/bias": (0, 0),
        "final_norm/scale": (1, 0),
    }.items():
        assert initial_moments(config, path) == moments
    with pytest.raises(ValueError, match="'layer_0/router' matches no rule"):
        initial_moments(config, "layer_0/router")


def test_experts_start_as_other_matrices():
    config = ModelConfig(layers=8, experts=4)
    leaf = jax.ShapeDtypeStruct((4, 64, 64), "float32")
    shapes = {"layer_0": {"mlp": {"down": {"kernel": leaf}}}}
    drawn = draw_params(config, shapes, jax.random.key(0))
    kernel = np.asarray(drawn["layer_0"]["mlp"]["down"]["kernel"])
    np.testing.assert_allclose(kernel.std(axis=(1, 2)), 0.005, rtol=0.1)
    assert not np.allclose(kernel[0], kernel[1])


def test_a_parameter_depends_on_its_path_and_the_seed_alone():
    config = ModelConfig(vocab=200, layers=2, heads=2, residual_init="plain")
    leaves, again = by_path(config), by_path(config, seed=1)
    first, second = (leaves[f"layer_{i}/mlp/up/kernel"] for i in (0, 1))
    assert not np.allclose(first, second)
    assert not np.allclose(first, again["layer_0/mlp/up/kernel"])
    deep = by_path(dataclasses.replace(config, layers=4))
    for path, leaf in leaves.items():
        np.testing.assert_array_equal(leaf, deep[path])
