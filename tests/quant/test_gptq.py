"""GPTQ of whole models: never worse than the nearest points, in the order of layers."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from kscale import models
from kscale.models import layerwise
from kscale.quant import Scheme, calibrated, dequantize, gptq, quantize

DENSE = models.ModelConfig(vocab=19, layers=2, heads=2, head_size=8, mlp_width=1)
CONFIGS = {
    "tied": DENSE,
    "untied": dataclasses.replace(DENSE, tied=False),
    "experts": dataclasses.replace(DENSE, experts=3, eval_capacity_factor=2.0),
}
KERNELS = ("attention/qkv", "attention/out", "mlp/up", "mlp/down")
SCHEME = Scheme(3)
ALL = Scheme(3, leaves=("layer*/kernel", "*table"))


@functools.cache
def drawn(name):
    """Config, parameters that matter, 6 rows of 12 tokens."""
    config = CONFIGS[name]
    params = models.init(config, jax.random.key(0))
    leaves, form = jax.tree.flatten(params)
    draw = np.random.default_rng(1)
    leaves = [x + 0.3 * draw.normal(size=x.shape).astype(np.float32) for x in leaves]
    tokens = np.random.default_rng(2).integers(0, config.vocab, (6, 12))
    return config, jax.tree.unflatten(form, leaves), tokens


def layer_of(config, params, i):
    return layerwise.layer_params(config, params, i)


def at(tree, path):
    for key in path.split("/"):
        tree = tree[key]
    return np.asarray(tree)


def error(moment, weight, rounded):
    """``||X (W - V)||^2``, of all experts in sum."""
    off = (weight - rounded).astype(float)
    return float(np.sum(off * (np.asarray(moment, float) @ off)))


@pytest.mark.parametrize("name", CONFIGS)
def test_no_layer_is_worse_than_the_nearest_points(name):
    """Errors as reported, and as counted again from inputs taken apart."""
    config, params, tokens = drawn(name)
    tree, reports = calibrated(config, params, SCHEME, tokens)
    new, near = dequantize(tree), dequantize(quantize(params, SCHEME))
    found = {path: report.error for path, report in reports.items()}
    expected, nearest = dict.fromkeys(found, 0.0), dict.fromkeys(found, 0.0)
    x = layerwise.embedded(config, params, tokens)
    moments = jax.jit(functools.partial(layerwise.input_moments, config, layer=0))
    one = dataclasses.replace(config, layers=1)
    moments = jax.jit(
        lambda layer, x: layerwise.input_moments(one, {"layer_0": layer}, 0, x)
    )
    block = jax.jit(lambda layer, x: layerwise.block(one, {"layer_0": layer}, 0, x))
    for i in range(config.layers):
        prefix = f"layer_{i}"
        before, after, plain = (layer_of(config, p, i) for p in (params, new, near))
        # What enters a kernel does not depend on it or on later ones.
        for path, moment in moments(after, x).items():
            old = at(before, path)
            expected[f"{prefix}/{path}"] += error(moment, old, at(after, path))
            nearest[f"{prefix}/{path}"] += error(moment, old, at(plain, path))
        x = block(after, x)
    assert set(expected) == {p for p in found if "kernel" in p} == set(found)
    for path, value in found.items():
        np.testing.assert_allclose(value, expected[path], rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(
            reports[path].nearest_error, nearest[path], rtol=2e-3, atol=1e-3
        )
        assert expected[path] <= nearest[path] * (1 + 1e-4)
        assert reports[path].damp == np.float32(0.01)
        assert 0 <= reports[path].nearest_share < 1
    assert sum(expected.values()) < 0.9 * sum(nearest.values())


@pytest.mark.slow
def test_all_at_once_takes_the_inputs_of_the_unrounded_model():
    config, params, tokens = drawn("untied")
    tree, reports = calibrated(config, params, ALL, tokens, sequential=False)
    new = dequantize(tree)
    x = layerwise.embedded(config, params, tokens)
    for i in range(2):
        moments = layerwise.input_moments(config, params, i, x)
        for path, moment in moments.items():
            value = error(
                moment, at(params, f"layer_{i}/{path}"), at(new, f"layer_{i}/{path}")
            )
            np.testing.assert_allclose(
                reports[f"layer_{i}/{path}"].error, value, rtol=2e-3, atol=1e-3
            )
        x = layerwise.block(config, params, i, x)
    moment = layerwise.moment(layerwise.final_inputs(config, params, x))
    value = error(moment, at(params, "head/table").T, at(new, "head/table").T)
    np.testing.assert_allclose(reports["head/table"].error, value, rtol=2e-3)
    assert all(report.error <= report.nearest_error for report in reports.values())
    # The rows of an untied embedding have no inputs: they are rounded to the nearest.
    near = dequantize(quantize(params, ALL))
    np.testing.assert_array_equal(new["embed"]["table"], near["embed"]["table"])
    assert "embed/table" not in reports


@pytest.mark.parametrize("name", ["tied", "untied"])
def test_the_head_is_rounded_from_what_it_sees(name):
    config, params, tokens = drawn(name)
    tree, reports = calibrated(config, params, ALL, tokens)
    new = dequantize(tree)
    # Tied it comes first, from the model as it was; else last, from rounded layers.
    path, before = ("embed/table", params) if name == "tied" else ("head/table", new)
    x = layerwise.embedded(config, before, tokens)
    for i in range(config.layers):
        x = layerwise.block(config, before, i, x)
    moment = layerwise.moment(layerwise.final_inputs(config, before, x))
    value = error(moment, at(params, path).T, at(new, path).T)
    np.testing.assert_allclose(reports[path].error, value, rtol=2e-3)
    assert value < reports[path].nearest_error


def test_padding_is_not_counted():
    config, params, tokens = drawn("tied")
    padded = np.concatenate([tokens, tokens[:, ::-1]], axis=1)
    segments = np.where(np.arange(24) < 12, 0, -1)[None] + np.zeros((6, 1), int)
    bare = calibrated(config, params, SCHEME, tokens)
    found = calibrated(config, params, SCHEME, padded, segments)
    for path, report in bare[1].items():
        np.testing.assert_allclose(found[1][path].error, report.error, rtol=1e-3)
    same = jax.tree.map(
        lambda a, b: np.mean(a == b), dequantize(found[0]), dequantize(bare[0])
    )
    assert min(jax.tree.leaves(same)) > 0.99
    counted = calibrated(config, params, SCHEME, padded, np.zeros((6, 24), int))[1]
    path = "layer_0/mlp/up/kernel"
    assert counted[path].nearest_error > 1.5 * bare[1][path].nearest_error


def test_documents_do_not_see_each_other_where_they_are_masked():
    config, params, tokens = drawn("tied")
    segments = np.repeat([[0, 1]], 6, axis=1) + np.zeros((6, 1), int)
    in_rows = calibrated(config, params, SCHEME, tokens, np.sort(segments))[1]
    alone = calibrated(config, params, SCHEME, tokens.reshape(12, 6))[1]
    seen = calibrated(config, params, SCHEME, tokens)[1]
    for path, report in alone.items():
        if "qkv" in path or "layer_0" in path:
            # Rotary positions are relative, so that where a document lies is the same.
            np.testing.assert_allclose(
                in_rows[path].nearest_error, report.nearest_error, rtol=2e-2
            )
    path = "layer_0/attention/out/kernel"
    off = abs(seen[path].nearest_error / alone[path].nearest_error - 1)
    assert off > 0.03


def test_batches_change_nothing(monkeypatch):
    """Two rows at a time of five: the row that fills the last is not counted."""
    config, params, tokens = drawn("tied")
    monkeypatch.setitem(gptq.__globals__, "_TOKENS", 24)
    cut = calibrated(config, params, SCHEME, tokens[:5])[1]
    monkeypatch.undo()
    whole = calibrated(config, params, SCHEME, tokens[:5])[1]
    path = "layer_0/attention/qkv/kernel"
    np.testing.assert_allclose(cut[path].error, whole[path].error, rtol=1e-4)


def test_what_is_not_named_stays_and_nothing_named_is_nothing_done():
    config, params, tokens = drawn("tied")
    scheme = Scheme(4, leaves=("layer_1/mlp/down/kernel",))
    tree, reports = calibrated(config, params, scheme, tokens)
    assert list(reports) == ["layer_1/mlp/down/kernel"]
    changed = jax.tree.map(lambda a, b: bool(np.any(a != b)), params, dequantize(tree))
    assert changed["layer_1"]["mlp"]["down"]["kernel"]
    assert sum(jax.tree.leaves(changed)) == 1
    assert calibrated(config, params, Scheme(bits=0), tokens) == (params, {})


def test_what_cannot_be_rounded_is_refused():
    config, params, tokens = drawn("tied")
    with pytest.raises(
        ValueError, match=r"'head/\*', which matches no kernel or table"
    ):
        gptq(config, params, Scheme(4, leaves=("head/*",)), tokens)
    with pytest.raises(ValueError, match=r"shape \(0, 12\), must be \[N, T\], N > 0"):
        gptq(config, params, SCHEME, tokens[:0])
    with pytest.raises(ValueError, match=r"tokens_NT holds 19, must be in \[0, 19\)"):
        gptq(config, params, SCHEME, tokens + (tokens == tokens.max()))
    with pytest.raises(ValueError, match="have adapters; merge them first"):
        gptq(config, params | {"lora": {}}, SCHEME, tokens)
    for options in ({"block": 0}, {"damp": -1.0}, {"damp": np.inf}):
        field = next(iter(options))
        with pytest.raises(ValueError, match=f"{field} is .*, must be"):
            gptq(config, params, SCHEME, tokens, **options)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("mlp/down/kernel", np.nan, "layer_0/mlp/down/kernel .*its weights must be"),
        ("mlp/down/kernel", 1e9, "layer_0/mlp/down/kernel .*its scales in float16 m"),
        ("mlp_norm/scale", np.nan, "layer_0/mlp/up/kernel .*its inputs must be fin"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(path, value, message):
    config, params, tokens = drawn("tied")
    changed = jax.tree_util.tree_map_with_path(
        lambda keys, x: (
            x.at[0].set(value)
            if "/".join(k.key for k in keys) == f"layer_0/{path}"
            else x
        ),
        params,
    )
    scheme = Scheme(4, leaves=("layer_0/mlp/*",))
    with pytest.raises(ValueError, match=message):
        gptq(config, changed, scheme, tokens)


def test_final_inputs_that_are_not_finite_are_refused():
    config, params, tokens = drawn("tied")
    scale = params["final_norm"]["scale"].at[0].set(np.inf)
    params = params | {"final_norm": params["final_norm"] | {"scale": scale}}
    with pytest.raises(ValueError, match=r"embed/table .*its inputs must be finite"):
        gptq(config, params, Scheme(4, leaves=("embed/table",)), tokens)
