"""Models stage by stage: the same numbers as in one go, and what enters each matrix."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import models
from kscale.models import layerwise
from kscale.models.loss import output_logits

DENSE = models.ModelConfig(vocab=17, layers=2, heads=2, head_size=8, mlp_width=2)
CONFIGS = {
    "tied": DENSE,
    "gated": models.from_name("LLaMA-2-2", vocab=17, head_size=8),
    "without an mlp": dataclasses.replace(DENSE, mlp="none"),
    "experts": dataclasses.replace(DENSE, experts=3, top_k=2, eval_capacity_factor=1.0),
    "dropless": dataclasses.replace(DENSE, experts=5, eval_capacity_factor=0.0),
}


@functools.cache
def drawn(name):
    """Config, parameters of some size, tokens and documents."""
    config = CONFIGS[name]
    params = models.init(config, jax.random.key(0))
    leaves, form = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [
        x + 0.2 * jax.random.normal(k, x.shape)
        for x, k in zip(leaves, keys, strict=True)
    ]
    tokens = jax.random.randint(jax.random.key(2), (3, 9), 0, config.vocab)
    segments = jnp.asarray([[0] * 4 + [1] * 5, [0] * 9, [0] * 6 + [-1] * 3])
    return config, jax.tree.unflatten(form, leaves), tokens, segments


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_stages_one_after_another_are_the_model(name):
    config, params, tokens, segments = drawn(name)

    @jax.jit
    def staged(params):
        x = layerwise.embedded(config, params, tokens)
        for layer in range(config.layers):
            x = layerwise.block(config, params, layer, x, segments)
        x_ND = layerwise.final_inputs(config, params, x).reshape(-1, config.width)
        table = params["embed" if config.tied else "head"]["table"]
        return output_logits(x_ND, table, config.compute)

    logits = jax.jit(lambda p: models.apply(config, p, tokens, segments_BT=segments)[0])
    whole = logits(params).reshape(-1, config.vocab)
    np.testing.assert_allclose(staged(params), whole, rtol=1e-4, atol=1e-4)


def by_hand(x, counted):
    x = np.asarray(x).reshape(-1, x.shape[-1])[np.asarray(counted).reshape(-1)]
    return x.T @ x


def test_moments_of_a_dense_layer_by_hand():
    config, params, tokens, segments = drawn("tied")
    layer = jax.tree.map(np.asarray, params["layer_1"])
    x = np.asarray(layerwise.embedded(config, params, tokens))
    counted = segments >= 0
    found = layerwise.input_moments(config, params, 1, x, segments, counted)
    names = ("attention/qkv", "attention/out", "mlp/up", "mlp/down")
    assert set(found) == {f"{name}/kernel" for name in names}

    def normed(x, norm):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * norm["scale"] + norm["bias"]

    first = normed(x, layer["attention_norm"])
    out = layerwise.block(config, params, 1, x, segments)
    inputs = layerwise.kernel_inputs(config, params, 1, x, segments)
    mixed = np.asarray(inputs["attention/out/kernel"])
    between = x + mixed @ layer["attention"]["out"]["kernel"]
    between = between + layer["attention"]["out"]["bias"]
    second = normed(between, layer["mlp_norm"])
    hidden = second @ layer["mlp"]["up"]["kernel"] + layer["mlp"]["up"]["bias"]
    hidden = np.asarray(jax.nn.gelu(hidden))
    last = hidden @ layer["mlp"]["down"]["kernel"] + layer["mlp"]["down"]["bias"]
    np.testing.assert_allclose(between + last, out, rtol=1e-4, atol=1e-5)
    for name, inputs in zip(names, (first, mixed, second, hidden), strict=True):
        expected = by_hand(inputs, counted)
        np.testing.assert_allclose(
            found[f"{name}/kernel"], expected, rtol=1e-4, atol=1e-4
        )
    everything = layerwise.input_moments(config, params, 1, x, segments)
    np.testing.assert_allclose(
        everything["attention/qkv/kernel"],
        by_hand(first, np.ones((3, 9), bool)),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("name", ["experts", "dropless"])
def test_moments_of_experts_are_of_the_tokens_that_each_took(name):
    """Token by token: who chose whom, and who still had room."""
    config, params, tokens, segments = drawn(name)
    x, counted = layerwise.embedded(config, params, tokens), segments >= 0
    run = jax.jit(lambda p: layerwise.input_moments(config, p, 0, x, segments, counted))
    found = run(params)
    mlp = jax.tree.map(np.asarray, params["layer_0"]["mlp"])
    entering = jax.jit(lambda p: layerwise.kernel_inputs(config, p, 0, x, segments))
    inputs = np.asarray(entering(params)["mlp/router/kernel"])
    np.testing.assert_allclose(
        found["mlp/router/kernel"], by_hand(inputs, counted), rtol=1e-4, atol=1e-4
    )
    order = np.argsort(-(inputs @ mlp["router"]["kernel"]), axis=-1)
    # Two choices of 9 tokens, 3 experts: room for 2 floor(1.0 x 3).
    room = 6 if name == "experts" else 9
    took = {e: [] for e in range(config.experts)}
    dropped = 0
    for row in range(3):
        asked = dict.fromkeys(took, 0)
        for choice in range(config.top_k):
            for t in range(9):
                expert = int(order[row, t, choice])
                asked[expert] += 1
                dropped += asked[expert] > room
                if asked[expert] <= room and counted[row, t]:
                    took[expert].append(inputs[row, t])
    assert (dropped > 0) == (name == "experts")
    for expert, rows in took.items():
        rows = np.array(rows).reshape(-1, config.width)
        up, down = (mlp[part] for part in ("up", "down"))
        hidden = rows @ up["kernel"][expert] + up["bias"][expert]
        hidden = np.asarray(jax.nn.gelu(hidden))
        for part, entered in (("up", rows), ("down", hidden)):
            moment = found[f"mlp/{part}/kernel"][expert]
            np.testing.assert_allclose(
                moment, entered.T @ entered, rtol=1e-4, atol=1e-4
            )
        assert down["kernel"].shape[1] == hidden.shape[1]


@pytest.mark.parametrize("name", ["tied", "gated", "experts"])
def test_known_inputs_take_the_place_of_what_led_to_them(name):
    config, params, tokens, segments = drawn(name)
    x = layerwise.embedded(config, params, tokens)
    run = functools.partial(layerwise.block, config, params, 0, x, segments)
    inputs = layerwise.kernel_inputs(config, params, 0, x, segments)
    known = {"attention/out/kernel": inputs["attention/out/kernel"]}
    np.testing.assert_allclose(run(known), run(), rtol=1e-5, atol=1e-5)
    # Twice the attention's output, biases apart: only what comes after is changed.
    doubled = {"attention/out/kernel": 2 * known["attention/out/kernel"]}
    changed = layerwise.kernel_inputs(config, params, 0, x, segments, doubled)
    for path in ("attention/qkv/kernel", "attention/out/kernel"):
        factor = 2 if path in doubled else 1
        np.testing.assert_array_equal(changed[path], factor * inputs[path])
    assert np.max(np.abs(run(doubled) - run())) > 1e-2


def test_what_is_known_is_not_computed_again():
    config, params, tokens, _ = drawn("tied")
    x = layerwise.embedded(config, params, tokens)
    known = layerwise.kernel_inputs(config, params, 0, x)

    def flops(*names):
        kept = {f"{name}/kernel": known[f"{name}/kernel"] for name in names}
        run = jax.jit(lambda p, x, k: layerwise.block(config, p, 0, x, None, k))
        return run.lower(params, x, kept).compile().cost_analysis()["flops"]

    tokens_, width = tokens.size, config.width
    qkv, out, mlp = 2 * tokens_ * width * np.array([3, 1, 4]) * width
    assert flops("attention/out") < flops() - qkv
    assert flops("attention/out", "mlp/down") < 3 * (out + mlp / 2)


def test_a_model_without_a_layer_is_the_other_layers():
    config, params, tokens, segments = drawn("tied")
    for layer in range(2):
        fewer, rest = layerwise.without_layer(config, params, layer)
        assert fewer == dataclasses.replace(config, layers=1)
        assert jax.tree.map(jnp.shape, rest) == jax.tree.map(
            jnp.shape, models.init(fewer, jax.random.key(0))
        )
        x = layerwise.embedded(config, params, tokens)
        x = layerwise.block(config, params, 1 - layer, x, segments)
        x_ND = layerwise.final_inputs(config, params, x).reshape(-1, config.width)
        logits = output_logits(x_ND, params["embed"]["table"], config.compute)
        found = models.apply(fewer, rest, tokens, segments_BT=segments)[0]
        np.testing.assert_allclose(found, logits.reshape(found.shape), atol=1e-4)


def test_what_cannot_be_taken_out_is_refused():
    config, params, tokens, _ = drawn("tied")
    with pytest.raises(ValueError, match="layer is 2, must be 0 to 1"):
        layerwise.without_layer(config, params, 2)
    fewer, rest = layerwise.without_layer(config, params, 0)
    with pytest.raises(ValueError, match="A model of 1 layer cannot do without it"):
        layerwise.without_layer(fewer, rest, 0)
    tuned = params | {"lora": {}}
    for function in (
        lambda: layerwise.embedded(config, tuned, tokens),
        lambda: layerwise.layer_params(config, tuned, 0),
    ):
        with pytest.raises(ValueError, match="have adapters; merge them first"):
            function()
