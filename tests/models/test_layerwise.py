"""Models layer by layer: the same numbers as in one go, and what enters each matrix."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close, draw_params, jit, logits_of

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
TOKENS = np.random.default_rng(2).integers(0, 17, (3, 9))
SEGMENTS = jnp.asarray([[0] * 4 + [1] * 5, [0] * 9, [0] * 6 + [-1] * 3])
COUNTED = SEGMENTS >= 0

kernel_inputs = jit(layerwise.kernel_inputs, static_argnums=0)
apply_layer = jit(layerwise.apply_layer, static_argnums=0)
second_moments = jit(layerwise.second_moments, static_argnums=0)
close = functools.partial(assert_close, rtol=1e-4, atol=1e-4)


@functools.cache
def drawn(name):
    """A config, parameters of some size, what enters the first layer."""
    config = CONFIGS[name]
    params = draw_params(config, seed=1, std=0.2)
    return config, params, layerwise.embed_tokens(params, TOKENS)


SLOW = [pytest.param(x, marks=pytest.mark.slow) for x in CONFIGS if x != "tied"]


@pytest.mark.parametrize("name", ["tied", *SLOW])
def test_layers_one_after_another_are_the_model(name):
    config, params, x = drawn(name)
    for layer in range(config.layers):
        x = apply_layer(config, params[f"layer_{layer}"], x, SEGMENTS)
    x_ND = layerwise.final_inputs(config, params, x).reshape(-1, config.width)
    table = params["embed" if config.tied else "head"]["table"]
    found = output_logits(x_ND, table, config.compute)
    expected = logits_of(config, params, TOKENS, SEGMENTS, COUNTED)
    close(found, expected.reshape(-1, config.vocab))


def by_hand(x, counted):
    x = np.asarray(x).reshape(-1, x.shape[-1])[np.asarray(counted).reshape(-1)]
    return x.T @ x


def test_moments_of_a_dense_layer_by_hand():
    config, params, x = drawn("tied")
    layer = jax.tree.map(np.asarray, params["layer_1"])
    inputs = kernel_inputs(config, layer, x, SEGMENTS)
    found = second_moments(config, inputs, COUNTED)
    names = ("attention/qkv", "attention/out", "mlp/up", "mlp/down")
    assert set(found) == {f"{name}/kernel" for name in names}

    def normed(x, norm):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * norm["scale"] + norm["bias"]

    before = np.asarray(x)
    first = normed(before, layer["attention_norm"])
    mixed = np.asarray(inputs["attention/out/kernel"])
    between = before + mixed @ layer["attention"]["out"]["kernel"]
    between = between + layer["attention"]["out"]["bias"]
    second = normed(between, layer["mlp_norm"])
    hidden = second @ layer["mlp"]["up"]["kernel"] + layer["mlp"]["up"]["bias"]
    hidden = np.asarray(jax.nn.gelu(hidden))
    last = hidden @ layer["mlp"]["down"]["kernel"] + layer["mlp"]["down"]["bias"]
    out = apply_layer(config, layer, x, SEGMENTS)
    close(between + last, out, atol=1e-5)
    for name, entered in zip(names, (first, mixed, second, hidden), strict=True):
        close(found[f"{name}/kernel"], by_hand(entered, COUNTED))
    everything = layerwise.second_moment(inputs["attention/qkv/kernel"])
    close(everything, by_hand(first, np.ones((3, 9), bool)))


@functools.partial(jit, static_argnums=0)
def inputs_and_moments(config, layer, x):
    inputs = layerwise.kernel_inputs(config, layer, x, SEGMENTS)
    moments = layerwise.second_moments(config, inputs, COUNTED)
    return inputs["mlp/router/kernel"], moments


@pytest.mark.parametrize("name", ["experts", "dropless"])
def test_moments_of_experts_are_of_the_tokens_that_each_took(name):
    """Token by token: who chose whom, and who still had room."""
    config, params, x = drawn(name)
    inputs, found = inputs_and_moments(config, params["layer_0"], x)
    mlp = jax.tree.map(np.asarray, params["layer_0"]["mlp"])
    inputs = np.asarray(inputs)
    close(found["mlp/router/kernel"], by_hand(inputs, COUNTED))
    order = np.argsort(-(inputs @ mlp["router"]["kernel"]), axis=-1)
    took = {e: [] for e in range(config.experts)}
    dropped = 0
    for row in range(3):
        asked = dict.fromkeys(took, 0)
        tokens = np.flatnonzero(COUNTED[row])
        # Two choices of 9 tokens, 3 experts: room for 2 floor(1.0 x 3).
        room = 2 * (len(tokens) // 3) if name == "experts" else 9
        for choice in range(config.top_k):
            for t in tokens:
                expert = int(order[row, t, choice])
                asked[expert] += 1
                dropped += asked[expert] > room
                if asked[expert] <= room:
                    took[expert].append(inputs[row, t])
    assert (dropped > 0) == (name == "experts")
    for expert, rows in took.items():
        rows = np.array(rows).reshape(-1, config.width)
        hidden = rows @ mlp["up"]["kernel"][expert] + mlp["up"]["bias"][expert]
        hidden = np.asarray(jax.nn.gelu(hidden))
        for part, entered in (("up", rows), ("down", hidden)):
            close(found[f"mlp/{part}/kernel"][expert], entered.T @ entered)


@pytest.mark.parametrize("name", ["tied", "experts"])
def test_known_inputs_take_the_place_of_what_led_to_them(name):
    config, params, x = drawn(name)
    layer, path = params["layer_0"], "attention/out/kernel"
    inputs = kernel_inputs(config, layer, x, SEGMENTS)
    twice = {path: 2 * inputs[path]}
    out, again, other = (
        apply_layer(config, layer, x, SEGMENTS, known)
        for known in ({}, {path: inputs[path]}, twice)
    )
    assert_close(again, out)
    # Twice the attention's output, biases apart: only what comes after is changed.
    changed = kernel_inputs(config, layer, x, SEGMENTS, twice)
    first = "attention/qkv/kernel"
    assert_close(changed[path], twice[path], rtol=1e-6, atol=0)
    assert_close(changed[first], inputs[first], atol=1e-6)
    assert np.max(np.abs(other - out)) > 1e-2
    if name == "experts":
        return

    def flops(*names):  # what is known is not computed again
        kept = {f"{name}/kernel": inputs[f"{name}/kernel"] for name in names}
        lowered = apply_layer.lower(config, layer, x, SEGMENTS, kept)
        return lowered.compile().cost_analysis()["flops"]

    tokens, width = TOKENS.size, config.width
    qkv, out, mlp = 2 * tokens * width * np.array([3, 1, 4]) * width
    assert flops("attention/out") < flops() - qkv
    assert flops("attention/out", "mlp/down") < 3 * (out + mlp / 2)
