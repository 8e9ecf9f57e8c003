"""AdamW beside one written in NumPy, the decay rule, learning rates."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.models import from_name, init
from kscale.train import SCHEDULES, TrainConfig, learning_rate
from kscale.train.optimizer import DECAY, adamw
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
    config, rng = TrainConfig(clip=clip), np.random.default_rng(0)
    first, gradients = tree(rng), [tree(rng) for _ in range(3)]
    step = jax.jit(lambda *args: adamw(config, *args))
    params, adam = first, optax.scale_by_adam().init(first)
    for gradient in gradients:
        params, adam, norm = step(gradient, params, adam, 0.1, 0.3)
        flat = np.concatenate([np.ravel(x) for x in gradient.values()])
        np.testing.assert_allclose(norm, np.linalg.norm(flat), rtol=1e-5)
    for name, value in numpy_adamw(config, gradients, first, 0.1, 0.3).items():
        np.testing.assert_allclose(params[name], value, rtol=2e-5, atol=1e-6)
    # Without decay a zero gradient moves nothing.
    zero, begun = jax.tree.map(jnp.zeros_like, first), optax.scale_by_adam().init(first)
    after, _, norm = step(zero, first, begun, 0.1, 0.0)
    assert float(norm) == 0
    jax.tree.map(np.testing.assert_array_equal, after, first)


@pytest.mark.parametrize("name", ["GPT2-1-1", "LLaMA-1-1", "Mistral-1-2"])
def test_exactly_the_matrices_of_every_model_decay(name):
    config = from_name(name, vocab=7, head_size=8)
    params = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    matrices = jax.tree.map(lambda x: x.ndim > 1, params)
    assert match_rules(DECAY, matrices, "DECAY") == matrices
    with pytest.raises(ValueError, match="'mystery' matches no rule of DECAY"):
        match_rules(DECAY, {"mystery": 1}, "DECAY")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("constant", 2), [0.5, 1, 1, 1, 1, 1]),
        (("linear", 2), [0.5, 1, 0.75, 0.5, 0.25, 0]),
        (("cosine", 2), [0.5, 1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0]),
        (("trapezoid", 2, 0.0, 0.5), [0.5, 1, 1, 2 / 3, 1 / 3, 0]),
        # A trapezoid falls after its warm-up only, the longer warm-up counts, and a run
        # that is shorter than its warm-up ends on the way up.
        (("trapezoid", 2, 0.0, 0.9), [0.5, 1, 0.5, 0]),
        (("constant", 2, 0.8), [0.25, 0.5, 0.75, 1, 1]),
        (("constant", 5, 0.4), [0.2, 0.4, 0.6, 0.8, 1, 1]),
        (("cosine", 8), [1 / 8, 2 / 8, 3 / 8, 4 / 8]),
    ],
)
def test_every_step_by_hand(values, expected):
    names = ("schedule", "warmup_steps", "warmup_ratio", "warmdown_ratio")
    config = TrainConfig(final_ratio=0.0, **dict(zip(names, values, strict=False)))
    found = learning_rate(config, len(expected), np.arange(len(expected)), 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_published_schedules():
    config = TrainConfig(learning_rate=1e-3)  # 1000 steps up, cosine to a tenth
    total = 81_000
    at = [0, 499, 999, 40_999, total - 1]
    got = jax.jit(lambda *x: learning_rate(config, total, *x))(np.array(at), 1e-3)
    np.testing.assert_allclose(got, [1e-6, 5e-4, 1e-3, 5.5e-4, 1e-4], rtol=1e-5)
    # Pan et al. 2025: up in 0.05 of the run, 0.05 at the peak, down to 0 in the rest.
    ratios = {"warmup_ratio": 0.05, "warmdown_ratio": 0.9, "final_ratio": 0.0}
    config = TrainConfig(schedule="trapezoid", warmup_steps=0, **ratios)
    got = np.asarray(learning_rate(config, 200, np.arange(200), 3e-4)) / 3e-4
    np.testing.assert_allclose(got[:10], np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(got[10:20], 1, rtol=1e-6)
    np.testing.assert_allclose(got[20:], np.arange(179, -1, -1) / 180, atol=1e-6)


@settings(max_examples=50)
@given(
    st.sampled_from(SCHEDULES),
    st.integers(1, 12),
    st.integers(0, 15),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_never_nan_never_above_the_peak(schedule, total, warmup, down, final):
    fields = {"warmup_steps": warmup, "warmdown_ratio": down, "final_ratio": final}
    config = TrainConfig(schedule=schedule, **fields)
    got = np.asarray(learning_rate(config, total, np.arange(20), 1.0))
    assert np.all(np.isfinite(got))
    assert np.all((got >= 0) & (got <= 1))
    if warmup < total and schedule != "constant" and round(down * total):
        np.testing.assert_allclose(got[total - 1], final, atol=1e-6)
