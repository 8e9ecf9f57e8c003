import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import drawn

from kscale.models import ModelConfig, apply, from_name, token_nats

TINY = ModelConfig(vocab=29, layers=2, heads=2, head_size=8, init_std=0.3)
SEGMENTS = jnp.asarray([[0] * 5 + [1] * 7, [0] * 9 + [1] * 3])
TOKENS = drawn.draw_tokens(2, 12)


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


@pytest.mark.parametrize(("fraction", "packed"), [(0.25, False), (1.0, True)])
def test_gpt2_equals_a_plain_numpy_forward(fraction, packed):
    config = dataclasses.replace(TINY, rotary_fraction=fraction)
    params, x = drawn.draw_params(config), np.asarray(TOKENS)
    logits = drawn.logits_of(config, params, x, SEGMENTS if packed else None)
    for row, found in enumerate(logits):
        segments = np.asarray(SEGMENTS[row] if packed else np.zeros(12))
        expected = numpy_gpt2(config, params, x[row], segments)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def config_of(name):
    # With room for all, experts let no token matter to another.
    experts = {"experts": 4} if "MoE" in name else {}
    fields = {"vocab": 29, "head_size": 8, "eval_capacity_factor": 0.0} | experts
    return from_name(f"{name}-1-4", **fields)


every_architecture = pytest.mark.parametrize(
    "name", ["GPT2", "GPT2_0", "Mistral", "modded", "GPT2_MoE"]
)


@every_architecture
def test_neither_the_future_nor_neighboring_documents_matter(name):
    config = config_of(name)
    params, x = drawn.draw_params(config), TOKENS
    before = drawn.logits_of(config, params, x, SEGMENTS)
    later = drawn.logits_of(config, params, x.at[:, 10:].set(3), SEGMENTS)
    np.testing.assert_array_equal(before[:, :10], later[:, :10])
    assert not np.allclose(before[:, 10:], later[:, 10:])
    first_changed = jnp.where(SEGMENTS == 0, (x + 1) % 29, x)
    changed = drawn.logits_of(config, params, first_changed, SEGMENTS)
    second = SEGMENTS == 1
    np.testing.assert_array_equal(before[second], changed[second])
    assert not np.allclose(before[~second], changed[~second])


@every_architecture
def test_token_nats_and_gradients_are_those_of_the_logits(name):
    config = config_of(name)
    params, x, y = drawn.draw_params(config), TOKENS, drawn.draw_tokens(2, 12, seed=1)
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
        drawn.jit(jax.value_and_grad(loss, has_aux=True))(params)
        for loss in (fused, naive)
    )
    np.testing.assert_array_equal(found[0][1], expected[0][1])
    drawn.assert_close(found[0][0], expected[0][0], atol=0)
    drawn.assert_near(found[1], expected[1])


SHALLOW = dataclasses.replace(TINY, layers=1)
ROUTED = {"experts": 4, "top_k": 2, "route_rows": 2, "mlp_width": 1.0}
EXPERTS = dataclasses.replace(SHALLOW, capacity_factor=1.0, **ROUTED)
DROPLESS = dataclasses.replace(EXPERTS, capacity_factor=0.0)


@functools.partial(drawn.jit, static_argnums=0)
def loss_and_gradient(config, params):
    def loss(params):
        targets = (TOKENS + 1) % 29
        nats, aux = token_nats(config, params, TOKENS, targets, training=True)
        return nats.mean() + 0.01 * aux.get("balance", 0.0), aux

    return jax.value_and_grad(loss, has_aux=True)(params)


@pytest.mark.parametrize("config", [SHALLOW, EXPERTS, DROPLESS])
def test_members_of_a_population_equal_solo_runs(config):
    members = [drawn.draw_params(config, seed) for seed in range(2)]
    run = functools.partial(loss_and_gradient, config)
    many = jax.vmap(run)(drawn.together(members))
    alone = [run(member) for member in members]
    assert alone[0][0][0] != alone[1][0][0]
    drawn.assert_near(many, drawn.together(alone))


@pytest.mark.parametrize("config", [SHALLOW, EXPERTS])
def test_bfloat16_is_close_and_keeps_float32_outside(config):
    half = dataclasses.replace(config, compute="bfloat16")
    params = drawn.draw_params(config)
    steps = [loss_and_gradient(x, params) for x in (half, config)]
    drawn.assert_bfloat16_step(*steps)
    aux = [aux for (_, aux), _ in steps]
    if config.experts:
        loads = [x["routing"]["load_LE"] for x in aux]
        np.testing.assert_array_equal(*loads)
        return
    assert aux[0].keys() == {"correct_BT"}
    logits = drawn.logits_of(half, params, TOKENS)
    assert logits.dtype == jnp.float32
    whole = drawn.logits_of(config, params, TOKENS)
    np.testing.assert_allclose(logits, whole, atol=0.05 * np.abs(whole).max())
