import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close

from kscale.models.layers import column_sums, linear, norm, normalize, outer, row_sums


def plain(x, scale, bias, kind, eps):
    if kind == "layer":
        x = x - jnp.mean(x, axis=-1, keepdims=True)
    x = x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + eps)
    x = x if scale is None else x * scale[None]
    return x if bias is None else x + bias[None]


def test_by_hand():
    x = jnp.array([[1.0, 3.0]])
    np.testing.assert_allclose(normalize(x, "layer", 0.0), [[-1, 1]], atol=1e-6)
    np.testing.assert_allclose(normalize(x, "rms", 0.0), x / 5**0.5, rtol=1e-6)
    x, grad = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[1.0], [10.0]])
    np.testing.assert_array_equal(outer(x, grad), [[31.0], [42.0]])
    np.testing.assert_array_equal(column_sums(x), [4.0, 6.0])
    np.testing.assert_array_equal(row_sums(x), [[3.0], [7.0]])


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize(("scaled", "biased"), [(1, 1), (1, 0), (0, 0)])
def test_gradients_are_those_of_the_definition(kind, scaled, biased):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(3, 2, size=(6, 16)), jnp.float32)
    scale = jnp.asarray(rng.normal(size=16), jnp.float32) if scaled else None
    bias = jnp.asarray(rng.normal(size=16), jnp.float32) if biased else None
    weights = jnp.asarray(rng.normal(size=(6, 16)), jnp.float32)
    ours, expected = (
        jax.value_and_grad(
            lambda *a, f=f: jnp.sum(f(*a, kind, 1e-5) * weights), (0, 1, 2)
        )(x, scale, bias)
        for f in (norm, plain)
    )
    assert_close(ours, expected)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 8), (8, 3)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_gradients_are_those_of_the_plain_product(inputs, outputs, with_bias):
    shapes = ((5, inputs), (inputs, outputs), (outputs,), (5, outputs))
    rng = np.random.default_rng(0)
    *arguments, weights = (jnp.float32(rng.normal(size=shape)) for shape in shapes)
    if not with_bias:
        arguments[2] = None

    def ours(*arguments):
        return jnp.sum(linear(*arguments) * weights)

    def plain(x, kernel, bias):
        out = x @ kernel if bias is None else x @ kernel + bias[None]
        return jnp.sum(out * weights)

    found, expected = (jax.grad(f, (0, 1, 2))(*arguments) for f in (ours, plain))
    assert_close(found, expected)


def test_bfloat16_products_give_float32_gradients():
    x, kernel = jnp.ones((4, 3)), jnp.ones((3, 2))
    out, back = jax.vjp(lambda x, w: linear(x, w, None, "bfloat16"), x, kernel)
    assert out.dtype == jnp.bfloat16
    assert [g.dtype for g in back(out)] == [jnp.float32, jnp.float32]
