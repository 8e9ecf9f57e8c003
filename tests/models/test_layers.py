import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close, jit

from kscale.models.layers import column_sums, linear, norm, normalize, outer, row_sums


def plain(x, scale, bias, kind, eps=1e-5):
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


def product(x, kernel, bias):
    return x @ kernel if bias is None else x @ kernel + bias[None]


NORMS = [
    (lambda *x, kind=kind: norm(*x, kind, 1e-5), lambda *x, kind=kind: plain(*x, kind))
    for kind in ("layer", "rms")
]


@pytest.mark.parametrize(
    ("ours", "definition", "shapes"),
    [
        *((*pair, (*x, (6, 16))) for pair in NORMS for x in (
            ((6, 16), (16,), (16,)), ((6, 16), (16,), None), ((6, 16), None, None)
        )),
        *((linear, product, x) for x in (
            ((5, 3), (3, 8), (8,), (5, 8)), ((5, 3), (3, 8), None, (5, 8)),
            ((5, 8), (8, 3), (3,), (5, 3)), ((5, 8), (8, 3), None, (5, 3)),
        )),
    ],
)  # fmt: skip
def test_values_and_gradients_are_those_of_the_definition(ours, definition, shapes):
    rng = np.random.default_rng(0)
    *given, weights = (x and jnp.float32(rng.normal(1, 2, size=x)) for x in shapes)
    found, expected = (
        jit(jax.value_and_grad(lambda *x, f=f: jnp.sum(f(*x) * weights), (0, 1, 2)))(
            *given
        )
        for f in (ours, definition)
    )
    assert_close(found, expected)


def test_bfloat16_products_give_float32_gradients():
    x, kernel = jnp.ones((4, 3)), jnp.ones((3, 2))
    out, back = jax.vjp(lambda x, w: linear(x, w, None, "bfloat16"), x, kernel)
    assert out.dtype == jnp.bfloat16
    assert [g.dtype for g in back(out)] == [jnp.float32, jnp.float32]
