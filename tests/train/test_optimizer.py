"""AdamW beside one written in NumPy, the decay rule, clipping."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models import ModelConfig, from_name, init
from kscale.train import TrainConfig
from kscale.train.optimizer import DECAY, adamw, zero_moments
from kscale.trees import match_rules


def tree(rng):
    shapes = {"kernel": (3, 2), "bias": (2,), "table": (4, 3), "scale": (3,)}
    draw = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), draw)


def numpy_adamw(config, gradients, params, rate, decay):
    """Three steps written out from the paper's algorithm, in float64."""
    p = {name: np.float64(x) for name, x in params.items()}
    m = dict.fromkeys(p, 0.0)
    v = dict.fromkeys(p, 0.0)
    for t, gradient in enumerate(gradients, start=1):
        g = {name: np.float64(x) for name, x in gradient.items()}
        norm = sum((x**2).sum() for x in g.values()) ** 0.5
        for name in p:
            clipped = g[name] * (min(1, config.clip / norm) if config.clip else 1)
            m[name] = config.b1 * m[name] + (1 - config.b1) * clipped
            v[name] = config.b2 * v[name] + (1 - config.b2) * clipped**2
            direction = m[name] / (1 - config.b1**t)
            direction /= (v[name] / (1 - config.b2**t)) ** 0.5 + config.eps
            shrink = decay if name in ("kernel", "table") else 0.0
            p[name] = p[name] - rate * (direction + shrink * p[name])
    return p


@pytest.mark.parametrize("clip", [0.0, 1.0, 100.0])
def test_three_steps_equal_numpy(clip):
    config = TrainConfig(clip=clip)
    rng = np.random.default_rng(0)
    params, gradients = tree(rng), [tree(rng) for _ in range(3)]
    expected = numpy_adamw(config, gradients, params, 0.1, 0.3)
    moments = zero_moments(params)
    step = jax.jit(lambda *args: adamw(config, *args))
    for t, gradient in enumerate(gradients):
        params, moments, norm = step(
            gradient, params, moments, jnp.int32(t), jnp.float32(0.1), jnp.float32(0.3)
        )
        flat = np.concatenate([np.ravel(x) for x in gradient.values()])
        np.testing.assert_allclose(norm, np.linalg.norm(flat), rtol=1e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(params[name], value, rtol=2e-5, atol=1e-6)


def test_without_decay_a_zero_gradient_moves_nothing():
    params = tree(np.random.default_rng(1))
    zero = jax.tree.map(jnp.zeros_like, params)
    step = jax.jit(lambda *args: adamw(TrainConfig(), *args))
    after, _, norm = step(zero, params, zero_moments(params), 0, 0.1, 0.0)
    assert float(norm) == 0
    jax.tree.map(np.testing.assert_array_equal, after, params)


@pytest.mark.parametrize("name", ["GPT2-1-1", "LLaMA-1-1", "Mistral-1-2"])
def test_exactly_the_matrices_of_every_model_decay(name):
    config: ModelConfig = from_name(name, vocab=7, head_size=8)
    params = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    matrices = jax.tree.map(lambda x: x.ndim > 1, params)
    assert match_rules(DECAY, matrices, "DECAY") == matrices


def test_an_unknown_parameter_is_an_error():
    with pytest.raises(ValueError, match="'mystery' matches no rule of DECAY"):
        match_rules(DECAY, {"mystery": 1}, "DECAY")
