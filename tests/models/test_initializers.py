import math

import jax
import numpy as np
import pytest

from kscale.models import ModelConfig, init
from kscale.models.initializers import draw_params, initial_moments


def by_path(config, seed=0):
    params = init(config, jax.random.key(seed))
    return {
        "/".join(part.key for part in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }


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
    assert initial_moments(config, "embed/table") == (0, 0.02)
    assert initial_moments(config, "layer_3/attention/qkv/kernel") == (0, 0.02)
    assert initial_moments(config, "layer_3/attention/out/kernel") == (0, 0.005)
    assert initial_moments(config, "layer_3/mlp/down/kernel") == (0, 0.005)
    assert initial_moments(config, "layer_3/mlp/down/bias") == (0, 0)
    assert initial_moments(config, "final_norm/scale") == (1, 0)


def test_experts_start_as_other_matrices():
    config = ModelConfig(layers=8, experts=4)
    assert initial_moments(config, "layer_3/mlp/router/kernel") == (0, 0.02)
    assert initial_moments(config, "layer_3/mlp/up/kernel") == (0, 0.02)
    leaf = jax.ShapeDtypeStruct((4, 64, 64), "float32")
    shapes = {"layer_0": {"mlp": {"down": {"kernel": leaf}}}}
    drawn = draw_params(config, shapes, jax.random.key(0))
    kernel = np.asarray(drawn["layer_0"]["mlp"]["down"]["kernel"])
    np.testing.assert_allclose(kernel.std(axis=(1, 2)), 0.005, rtol=0.1)
    assert not np.allclose(kernel[0], kernel[1])


def test_unlisted_path_is_an_error():
    with pytest.raises(ValueError, match="'layer_0/router' matches no rule"):
        initial_moments(ModelConfig(), "layer_0/router")


def test_parameters_of_one_shape_differ():
    leaves = by_path(ModelConfig(vocab=50, layers=2))
    first, second = (leaves[f"layer_{i}/mlp/up/kernel"] for i in (0, 1))
    assert not np.allclose(first, second)
    again = by_path(ModelConfig(vocab=50, layers=2), seed=1)
    assert not np.allclose(first, again["layer_0/mlp/up/kernel"])


def test_shared_paths_start_alike():
    deep = by_path(ModelConfig(vocab=50, layers=4, residual_init="plain"))
    for path, leaf in by_path(ModelConfig(vocab=50, residual_init="plain")).items():
        np.testing.assert_array_equal(leaf, deep[path])
