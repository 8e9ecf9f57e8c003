"""GPTQ of whole models: never worse than the nearest points, in the order of layers."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from support.drawn import draw_params

from kscale import models
from kscale.models import layerwise
from kscale.quant import Scheme, dequantize, quantize, quantize_gptq
from kscale.trees import leaves_by_path, map_by_path

DENSE = models.ModelConfig(vocab=19, layers=2, heads=2, head_size=8, mlp_width=1)
CONFIGS = {
    "tied": DENSE,
    "untied": dataclasses.replace(DENSE, tied=False),
    "experts": dataclasses.replace(DENSE, experts=3, eval_capacity_factor=2.0),
}
SCHEME = Scheme(3)
ALL = Scheme(3, leaves=("layer*/kernel", "*table"))
TOKENS = np.random.default_rng(2).integers(0, DENSE.vocab, (6, 12))
drawn = functools.cache(lambda name: draw_params(CONFIGS[name], seed=1))


@functools.cache
def rounded(name="tied", scheme=SCHEME, **options):
    """The tree and the reports of the whole sample."""
    return quantize_gptq(CONFIGS[name], drawn(name), scheme, TOKENS, **options)


def reports(tokens, segments=None, scheme=SCHEME):
    """The reports of another sample."""
    return quantize_gptq(DENSE, drawn("tied"), scheme, tokens, segments)[1]


@functools.partial(jax.jit, static_argnums=0)
def moments_by_path(config, params):
    """Of each kernel's inputs, and of what enters an output table, [..., I, I]."""
    found = {}
    x = layerwise.embed_tokens(params, TOKENS)
    for i in range(config.layers):
        layer = params[f"layer_{i}"]
        inputs = layerwise.kernel_inputs(config, layer, x)
        moments = layerwise.second_moments(config, inputs)
        found |= {f"layer_{i}/{name}": moment for name, moment in moments.items()}
        x = layerwise.apply_layer(config, layer, x)
    final = layerwise.second_moment(layerwise.final_inputs(config, params, x))
    return found | {"embed/table" if config.tied else "head/table": final}


def error(moment, weight, rounded):
    """`||X (W - V)||^2`, of all experts in sum."""
    off = np.asarray(weight - rounded, float)
    off = off.T if off.shape[-2] != moment.shape[-1] else off  # of a table
    return float(np.sum(off * (np.asarray(moment, float) @ off)))


@pytest.mark.parametrize("name", ["tied", "experts"])
def test_no_layer_is_worse_than_the_nearest_points(name):
    """Errors as reported, and as counted again from inputs taken apart."""
    config, params = CONFIGS[name], drawn(name)
    tree, found = rounded(name)
    new, near = dequantize(tree), dequantize(quantize(params, SCHEME))
    old, after, plain = map(leaves_by_path, (params, new, near))
    # What enters a kernel does not depend on it or on later ones.
    moments = moments_by_path(config, new)
    assert set(found) == {path for path in old if "kernel" in path}
    sums = np.zeros(2)
    for path, report in found.items():
        errors = [error(moments[path], old[path], x[path]) for x in (after, plain)]
        np.testing.assert_allclose(report[:2], errors, rtol=2e-3, atol=1e-3)
        assert errors[0] <= errors[1] * (1 + 1e-4)
        assert report.damp == np.float32(0.01)
        assert 0 <= report.nearest_share < 1
        sums += errors
    assert sums[0] < 0.9 * sums[1]


@pytest.mark.slow
def test_all_at_once_takes_the_inputs_of_the_unrounded_model():
    config, params = CONFIGS["untied"], drawn("untied")
    tree, found = rounded("untied", ALL, sequential=False)
    old, new = leaves_by_path(params), leaves_by_path(dequantize(tree))
    moments = moments_by_path(config, params)
    # The rows of an untied embedding have no inputs: they are rounded to the nearest.
    assert set(moments) == set(found)
    near = dequantize(quantize(params, ALL))
    np.testing.assert_array_equal(new["embed/table"], near["embed"]["table"])
    for path, report in found.items():
        expected = error(moments[path], old[path], new[path])
        np.testing.assert_allclose(report.error, expected, rtol=2e-3, atol=1e-3)
        assert report.error <= report.nearest_error


@pytest.mark.parametrize("name", ["tied", "untied"])
def test_the_head_is_rounded_from_what_it_sees(name):
    config, params = CONFIGS[name], drawn(name)
    tree, found = rounded(name, ALL)
    new = dequantize(tree)
    # Tied it comes first, from the model as it was; else last, from rounded layers.
    path, before = ("embed/table", params) if name == "tied" else ("head/table", new)
    old, after = (leaves_by_path(tree)[path] for tree in (params, new))
    value = error(moments_by_path(config, before)[path], old, after)
    np.testing.assert_allclose(found[path].error, value, rtol=2e-3)
    assert value < found[path].nearest_error


def test_padding_is_not_counted():
    segments = np.tile(np.where(np.arange(12) < 6, 0, -1), (6, 1))
    bare, expected = quantize_gptq(DENSE, drawn("tied"), SCHEME, TOKENS[:, :6])
    tree, found = quantize_gptq(DENSE, drawn("tied"), SCHEME, TOKENS, segments)
    for path, report in expected.items():
        np.testing.assert_allclose(found[path].error, report.error, rtol=1e-3)
    points = dequantize(tree), dequantize(bare)
    same = jax.tree.map(lambda a, b: np.mean(a == b), *points)
    assert min(jax.tree.leaves(same)) > 0.98
    path = "layer_0/mlp/up/kernel"
    assert rounded()[1][path].nearest_error > 1.5 * expected[path].nearest_error


def test_documents_do_not_see_each_other_where_they_are_masked_nor_batches(monkeypatch):
    rows, scheme = TOKENS.reshape(12, 6), Scheme(3, leaves=("layer_0/*qkv/kernel",))
    whole = reports(rows[:11], scheme=scheme)
    in_rows = reports(TOKENS, np.tile(np.repeat([0, 1], 6), (6, 1)))
    monkeypatch.setitem(quantize_gptq.__globals__, "_TOKENS", 36)  # six rows at a time
    for path, report in reports(rows[:11], scheme=scheme).items():
        # The row that fills the last batch is not counted.
        np.testing.assert_allclose(report.error, whole[path].error, rtol=1e-4)
    alone = reports(rows)
    for path, report in alone.items():
        if "qkv" in path or "layer_0" in path:
            # Rotary positions are relative, so that where a document lies is the same.
            found = in_rows[path].nearest_error
            np.testing.assert_allclose(found, report.nearest_error, rtol=2e-2)
    path = "layer_0/attention/out/kernel"
    seen = rounded()[1][path].nearest_error
    assert abs(seen / alone[path].nearest_error - 1) > 0.03


def test_what_is_not_named_stays_and_nothing_named_is_nothing_done():
    params, path = drawn("tied"), "layer_1/mlp/down/kernel"
    tree, found = rounded(scheme=Scheme(4, leaves=(path,)))
    assert list(found) == [path]
    changed = map_by_path(
        lambda name, a, b: name if np.any(a != b) else "", params, dequantize(tree)
    )
    assert [name for name in jax.tree.leaves(changed) if name] == [path]
    assert rounded(scheme=Scheme(bits=0)) == (params, {})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scheme": Scheme(4, leaves=("head/*",))}, "which matches no kernel or table"),
        ({"tokens_NT": TOKENS[:0]}, r"shape \(0, 12\), must be \[N, T\], N > 0"),
        ({"tokens_NT": TOKENS + 19}, r"tokens_NT holds .*, must be in \[0, 19\)"),
        ({"params": {"lora": {}}}, "have adapters; merge them first"),
        ({"block": 0}, "block is .*, must be"),
        ({"damp": -1.0}, "damp is .*, must be"),
        ({"damp": np.inf}, "damp is .*, must be"),
    ],
)
def test_what_cannot_be_rounded_is_refused(changed, message):
    arguments = {"params": drawn("tied"), "scheme": SCHEME, "tokens_NT": TOKENS}
    with pytest.raises(ValueError, match=message):
        quantize_gptq(DENSE, **(arguments | changed))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("layer_0/mlp/down/kernel", np.nan, "/mlp/down/kernel .*its weights must be"),
        ("layer_0/mlp/down/kernel", 1e9, "/mlp/down/kernel .*its scales in float16 m"),
        ("layer_0/mlp_norm/scale", np.nan, "/mlp/up/kernel .*its inputs must be fin"),
        ("final_norm/scale", np.inf, "embed/table .*its inputs must be finite"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(path, value, message):
    params = map_by_path(
        lambda name, x: x.at[0].set(value) if name == path else x, drawn("tied")
    )
    leaves = ("embed/table",) if "final" in path else ("layer_0/mlp/*",)
    with pytest.raises(ValueError, match=message):
        quantize_gptq(DENSE, params, Scheme(4, leaves=leaves), TOKENS)
