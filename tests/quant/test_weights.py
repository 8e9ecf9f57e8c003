"""Weights rounded to the nearest: grids, trees, groups, gradients, sizes."""

import fractions

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_equal, draw_params

from kscale import models
from kscale.quant import BITS, Quantized, Scheme, dequantize, quantize, stored_bits
from kscale.quant.grid import unpack
from kscale.quant.weights import fake_quantize
from kscale.trees import leaves_by_path

ALL = ("*",)


def rounded(weight, scheme, name="kernel"):
    tree = quantize({name: jnp.asarray(weight, jnp.float32)}, scheme)
    return np.asarray(dequantize(tree)[name])


def drawn(*shape, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(scale=0.02, size=shape).astype(np.float32)


@pytest.mark.parametrize("bits", BITS)
def test_a_symmetric_column_by_hand(bits):
    """The grid of magnitude 1 with a step of 2 / (2^bits - 1), 0 in it, +1 not."""
    top = 2**bits - 1
    step = np.float16(2 / top)
    if float(step) < fractions.Fraction(2, top):
        step = np.nextafter(step, np.float16(1))
    half = 2 ** (bits - 1)
    # Both ends are half a step off (tie or not, as the step was rounded up); 0 is not.
    column = np.array([[-1.0], [0.0], [1.0], [float(step)]])
    low = np.round(-1 / float(step))
    expected = float(step) * np.array([[low], [0], [half - 1], [1]])
    found = rounded(column, Scheme(bits, leaves=ALL))
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert low in (-half, 1 - half)


@pytest.mark.parametrize("bits", BITS)
def test_an_asymmetric_grid_keeps_its_own_points(bits):
    points = 0.25 * (np.arange(2**bits)[:, None] - 1.0)  # -0.25, 0, 0.25, ...
    scheme = Scheme(bits, symmetric=False, leaves=ALL)
    np.testing.assert_array_equal(rounded(points, scheme), points)
    tree = quantize({"kernel": jnp.asarray(points, jnp.float32)}, scheme)
    codes = unpack(tree["kernel"].codes, bits, points.shape)
    np.testing.assert_array_equal(codes[:, 0], np.arange(2**bits))
    np.testing.assert_array_equal(tree["kernel"].scales, [[0.25]])
    np.testing.assert_array_equal(unpack(tree["kernel"].zeros, bits, (1,)), [1])
    # 0 is on the grid of weights of one sign.
    points = np.arange(2.0**bits)[:, None]
    np.testing.assert_array_equal(rounded(np.maximum(points, 0.1), scheme), points)
    np.testing.assert_array_equal(rounded(0 * points, scheme), 0)


@pytest.mark.parametrize("bits", BITS)
def test_no_weight_is_more_than_half_a_step_off(bits):
    weight = drawn(13, 6) * np.array([1e-4, 1e-2, 1, 1e2, 1e4, -1])[None]
    # No coarser than the range asks for: steps are at most one float16 above it.
    spread = 2 * np.abs(weight).max() / (2**bits - 1)
    for symmetric in (True, False):
        scheme = Scheme(bits, 5, symmetric, ALL)
        tree = quantize({"kernel": jnp.asarray(weight, jnp.float32)}, scheme)
        steps = np.repeat(np.asarray(tree["kernel"].scales, np.float32), 5, axis=0)[:13]
        off = np.abs(dequantize(tree)["kernel"] - weight)
        assert np.all(off <= steps * (0.5 + 1e-3))
        assert off.max() > 0
        assert np.all(steps <= spread * (1 + 2e-3))


def test_a_group_has_a_grid_of_its_own_and_the_last_is_shorter():
    weight = drawn(13, 3)
    scheme = Scheme(3, 5, leaves=ALL)
    apart = [rounded(weight[i : i + 5], Scheme(3, leaves=ALL)) for i in (0, 5, 10)]
    np.testing.assert_array_equal(rounded(weight, scheme), np.concatenate(apart))
    one = rounded(weight, Scheme(3, 100, leaves=ALL))
    np.testing.assert_array_equal(one, rounded(weight, Scheme(3, leaves=ALL)))


def test_channels_are_rows_of_a_table_the_last_axis_of_a_kernel_and_of_an_expert():
    weight, scheme = drawn(7, 4), Scheme(4, 3, leaves=ALL)
    table = rounded(weight.T, scheme, "table")
    np.testing.assert_array_equal(table, rounded(weight, scheme).T)
    assert not np.array_equal(table, rounded(weight.T, scheme))
    weight = drawn(2, 3, 7, 4)
    for scheme in (Scheme(4, leaves=ALL), Scheme(2, 4, False, ALL)):
        each = [[rounded(expert, scheme) for expert in layer] for layer in weight]
        np.testing.assert_array_equal(rounded(weight, scheme), np.array(each))


def test_the_scheme_says_what_is_rounded_biases_and_norms_never():
    params = draw_params(models.from_name("GPT2-1-1", vocab=11, head_size=8))
    named = {"layer_0/mlp/up/kernel", "layer_0/mlp/down/kernel", "embed/table"}
    attention = {f"layer_0/attention/{name}/kernel" for name in ("qkv", "out")}
    for leaves, expected in ((("*/mlp/*", "*table"), named), (ALL, named | attention)):
        tree = quantize(params, Scheme(4, leaves=leaves))
        back = dequantize(tree)
        assert jax.tree.map(jnp.shape, back) == jax.tree.map(jnp.shape, params)
        old, new = leaves_by_path(params), leaves_by_path(back)
        assert {path for path in old if np.any(old[path] != new[path])} == expected
        assert isinstance(tree["layer_0"]["mlp"]["up"]["kernel"], Quantized)
    assert quantize(params, Scheme(bits=0, leaves=("nothing",))) is params
    assert fake_quantize(params, Scheme(bits=0)) is params
    message = r"'\*bias', which matches.*nearest is 'embed/table'"
    for function in (quantize, fake_quantize):
        with pytest.raises(ValueError, match=message):
            function(params, Scheme(4, leaves=("*up/kernel", "*bias")))


@pytest.mark.parametrize(
    ("value", "symmetric"),
    [(np.nan, True), (np.inf, False), (-np.inf, True), (1e7, True), (1e7, False)],
)
def test_what_no_grid_can_hold_is_refused_and_stops_training(value, symmetric):
    weight = jnp.asarray(drawn(7, 3)).at[5, 1].set(value)
    params = {"up": {"kernel": weight}}
    scheme = Scheme(4, 4, symmetric, ALL)
    # 1e7 / 15 is more than 65504, float16's greatest number.
    what = "scales in float16" if value == 1e7 else "weights"
    message = f"up/kernel cannot be rounded: its {what} must be finite"
    with pytest.raises(ValueError, match=message):
        quantize(params, scheme)
    found = jax.jit(lambda x: fake_quantize(x, scheme))(params)["up"]["kernel"]
    lost = ~np.isfinite(found)
    assert lost[4:, 1].all()
    assert lost.sum() == 3  # of its own group alone
    assert np.isnan(found).any()


@pytest.mark.parametrize("scheme", [Scheme(4, leaves=ALL), Scheme(2, 3, False, ALL)])
def test_fake_is_the_rounded_model_and_its_gradient_passes_straight(scheme):
    params = {"a": {"kernel": jnp.asarray(drawn(2, 7, 4))}, "table": drawn(5, 8)}
    params["bias"] = drawn(3)
    exact = dequantize(quantize(params, scheme))

    def loss(params):
        found = fake_quantize(params, scheme)
        return sum(jnp.sum(x**2) for x in jax.tree.leaves(found)), found

    (value, found), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    assert_equal(found, exact)
    expected = sum(np.sum(x**2) for x in jax.tree.leaves(exact))
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    # Of sum v^2 at the rounded v, not at w.
    assert_equal(grads, jax.tree.map(lambda v: 2 * v, exact))
    # The members of a population are rounded one by one.
    members = {"kernel": jnp.asarray(drawn(2, 7, 4))}
    many = jax.vmap(lambda params: fake_quantize(params, scheme))(members)
    np.testing.assert_array_equal(many["kernel"], exact["a"]["kernel"])


def test_stored_bits_by_hand():
    params = {"kernel": drawn(10, 3), "table": drawn(6, 5), "bias": drawn(7)}
    # Codes 30 x 4; three groups of each of 3 channels, 16 bits a scale; the rest whole.
    tree = quantize(params, Scheme(4, 4, leaves=("kernel",)))
    assert stored_bits(tree) == 120 + 9 * 16 + (30 + 7) * 16
    # Zero points have as many bits as codes; a table's channels are its 6 rows.
    tree = quantize(params, Scheme(3, 0, False, ALL))
    assert stored_bits(tree, rest=32) == (30 * 3 + 3 * 19) + (30 * 3 + 6 * 19) + 7 * 32
    assert stored_bits(params) == 67 * 16


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 7}, r"Scheme\.bits is 7, must be one of \(8, 6, 5, 4, 3, 2\) or 0"),
        ({"bits": 16}, r"Scheme\.bits is 16"),
        ({"group": -1}, r"Scheme\.group is -1, must be 0 or more"),
        ({"leaves": ()}, r"Scheme\.leaves is \(\), must be a tuple of one pattern"),
        ({"leaves": "layer*"}, r"Scheme\.leaves is 'layer\*', must be a tuple"),
    ],
)
def test_a_scheme_out_of_range_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Scheme(**fields)
