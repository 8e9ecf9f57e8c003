import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import (
    assert_bfloat16_step,
    assert_close,
    assert_near,
    draw_params,
    draw_tokens,
    jit,
    logits_of,
    together,
)

from kscale.models import ModelConfig, apply, from_name, init, token_nats

TINY = ModelConfig(vocab=29, layers=2, heads=2, head_size=8, init_std=0.3)
SEGMENTS = jnp.asarray([[0] * 5 + [1] * 7, [0] * 9 + [1] * 3])
TOKENS = draw_tokens(2, 12)


def numpy_gpt2(config, params, row, segments):
    """GPT-2's forward pass of one row in float64, written from its description."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    length, width, size = len(row), config.width, config.head_size

    def norm(x, q):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + config.norm_eps)
        return x * q["scale"] + q["bias"]

    def turn(x):  # pairs (i, i + r/2) of the first r dimensions, as complex numbers
        half = int(config.rotary_fraction * size) // 2
        angle = np.outer(np.arange(length), 10_000.0 ** -(np.arange(half) / half))
        z = (x[:, :half] + 1j * x[:, half : 2 * half]) * np.exp(1j * angle)
        return np.concatenate([z.real, z.imag, x[:, 2 * half :]], axis=1)

    x = p["embed"]["table"][row]
    for i in range(config.layers):
        layer = p[f"layer_{i}"]
        a = layer["attention"]
        qkv = norm(x, layer["attention_norm"]) @ a["qkv"]["kernel"] + a["qkv"]["bias"]
        out = np.zeros((length, width))
        for h in range(config.heads):
            q, k, v = (
                qkv[:, part * width + h * size : part * width + (h + 1) * size]
                for part in range(3)
            )
            q, k = turn(q), turn(k)
            for t in range(length):
                seen = [s for s in range(t + 1) if segments[s] == segments[t]]
                weights = np.exp(k[seen] @ q[t] / np.sqrt(size))
                average = weights @ v[seen] / weights.sum()
                out[t, h * size : (h + 1) * size] = average
        x = x + out @ a["out"]["kernel"] + a["out"]["bias"]
        m = layer["mlp"]
        u = norm(x, layer["mlp_norm"]) @ m["up"]["kernel"] + m["up"]["bias"]
        u = 0.5 * u * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u**3)))
        x = x + u @ m["down"]["kernel"] + m["down"]["bias"]
    return norm(x, p["final_norm"]) @ p["embed"]["table"].T


@pytest.mark.parametrize("fraction", [0.25, 1.0])
@pytest.mark.parametrize("packed", [False, True])
def test_gpt2_equals_a_plain_numpy_forward(fraction, packed):
    config = dataclasses.replace(TINY, rotary_fraction=fraction)
    params, x = draw_params(config), TOKENS
    logits = logits_of(config, params, x, SEGMENTS if packed else None)
    for row in range(2):
        segments = SEGMENTS[row] if packed else np.zeros(12)
        expected = numpy_gpt2(config, params, np.asarray(x[row]), np.asarray(segments))
        np.testing.assert_allclose(logits[row], expected, rtol=1e-5, atol=1e-5)


def every_config():
    # With room for all, experts let no token matter to another.
    fields = {"vocab": 29, "head_size": 8, "eval_capacity_factor": 0.0}
    names = ("GPT2", "GPT2_0", "LLaMA", "Mistral", "modded")
    configs = {name: from_name(f"{name}-1-4", **fields) for name in names}
    return configs | {"experts": from_name("GPT2_MoE-1-4", experts=4, **fields)}


every_architecture = pytest.mark.parametrize(
    "config", every_config().values(), ids=every_config()
)


@every_architecture
def test_neither_the_future_nor_neighboring_documents_matter(config):
    params, x = draw_params(config), TOKENS
    before = logits_of(config, params, x, SEGMENTS)
    later = logits_of(config, params, x.at[:, 10:].set(3), SEGMENTS)
    np.testing.assert_array_equal(before[:, :10], later[:, :10])
    assert not np.allclose(before[:, 10:], later[:, 10:])
    first_changed = jnp.where(SEGMENTS == 0, (x + 1) % 29, x)
    changed = logits_of(config, params, first_changed, SEGMENTS)
    second = SEGMENTS == 1
    np.testing.assert_array_equal(before[second], changed[second])
    assert not np.allclose(before[~second], changed[~second])


@every_architecture
def test_token_nats_and_gradients_are_those_of_the_logits(config):
    params, x, y = draw_params(config), TOKENS, draw_tokens(2, 12, seed=1)
    weights = jnp.asarray(np.random.default_rng(2).normal(size=x.shape), jnp.float32)

    def fused(params):
        nats, aux = token_nats(config, params, x, y, segments_BT=SEGMENTS)
        return jnp.sum(nats * weights), aux["correct_BT"]

    def naive(params):
        plain = dataclasses.replace(config, attention="reference")
        logits, _ = apply(plain, params, x, segments_BT=SEGMENTS)
        log_probs = jax.nn.log_softmax(logits)
        picked = jnp.take_along_axis(log_probs, y[..., None], axis=2)[..., 0]
        return -jnp.sum(picked * weights), jnp.argmax(logits, axis=2) == y

    found, expected = (
        jit(jax.value_and_grad(loss, has_aux=True))(params) for loss in (fused, naive)
    )
    np.testing.assert_array_equal(found[0][1], expected[0][1])
    assert_close(found[0][0], expected[0][0], atol=0)
    assert_near(found[1], expected[1])


@functools.partial(jit, static_argnums=0)
def loss_and_gradient(config, params, x):
    def mean(params):
        nats, aux = token_nats(config, params, x, (x + 1) % 29)
        return nats.mean(), aux

    return jax.value_and_grad(mean, has_aux=True)(params)


def test_members_of_a_population_equal_solo_runs():
    members = [draw_params(TINY, seed) for seed in range(3)]
    run = functools.partial(loss_and_gradient, TINY)
    many = jax.vmap(run, in_axes=(0, None))(together(members), TOKENS)
    for i, member in enumerate(members):
        one = jax.tree.map(lambda x, i=i: x[i], many)
        assert_close(one, run(member, TOKENS), rtol=1e-4)


def test_bfloat16_is_close_and_keeps_float32_outside():
    config = dataclasses.replace(TINY, layers=1)
    half = dataclasses.replace(config, compute="bfloat16")
    params = init(config, jax.random.key(0))
    logits, aux = jit(lambda params: apply(half, params, TOKENS))(params)
    assert logits.dtype == jnp.float32
    assert aux == {}
    np.testing.assert_allclose(logits, logits_of(config, params, TOKENS), atol=0.3)
    steps = (loss_and_gradient(x, params, TOKENS) for x in (half, config))
    assert_bfloat16_step(*steps)
