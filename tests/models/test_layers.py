import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close, jit

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


def gradients(function, arguments, weights):
    """Values and gradients of the three arguments, of which two may be None."""

    def loss(*arguments):
        return jnp.sum(function(*arguments) * weights)

    return jit(jax.value_and_grad(loss, (0, 1, 2)))(*arguments)


def numbers(*shapes):
    rng = np.random.default_rng(0)
    return [shape and jnp.float32(rng.normal(1, 2, size=shape)) for shape in shapes]


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize(("scaled", "biased"), [(1, 1), (1, 0), (0, 0)])
def test_gradients_are_those_of_the_definition(kind, scaled, biased):
    width = (16,)
    *given, weights = numbers(
        (6, 16), width if scaled else None, width if biased else None, (6, 16)
    )
    found, expected = (
        gradients(lambda *x, f=f: f(*x, kind, 1e-5), given, weights)
        for f in (norm, plain)
    )
    assert_close(found, expected)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 8), (8, 3)])
@pytest.mark.parametrize("biased", [True, False])
def test_gradients_are_those_of_the_plain_product(inputs, outputs, biased):
    bias = (outputs,) if biased else None
    *given, weights = numbers((5, inputs), (inputs, outputs), bias, (5, outputs))

    def product(x, kernel, bias):
        return x @ kernel if bias is None else x @ kernel + bias[None]

    found, expected = (gradients(f, given, weights) for f in (linear, product))
    assert_close(found, expected)


def test_bfloat16_products_give_float32_gradients():
    x, kernel = jnp.ones((4, 3)), jnp.ones((3, 2))
    out, back = jax.vjp(lambda x, w: linear(x, w, None, "bfloat16"), x, kernel)
    assert out.dtype == jnp.bfloat16
    assert [g.dtype for g in back(out)] == [jnp.float32, jnp.float32]
