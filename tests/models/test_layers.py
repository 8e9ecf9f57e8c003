import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale.models.layers import norm, normalize


def plain(x, scale, bias, kind, eps):
    if kind == "layer":
        x = x - jnp.mean(x, axis=-1, keepdims=True)
    x = x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + eps)
    x = x if scale is None else x * scale[None]
    return x if bias is None else x + bias[None]


def test_by_hand():
    x = jnp.array([[1.0, 3.0]])
    np.testing.assert_allclose(normalize(x, "layer", 0.0), [[-1, 1]], atol=1e-6)
    np.testing.assert_allclose(
        normalize(x, "rms", 0.0), [[1 / 5**0.5, 3 / 5**0.5]], rtol=1e-6
    )


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize(("scaled", "biased"), [(1, 1), (1, 0), (0, 0)])
def test_gradients_are_those_of_the_definition(kind, scaled, biased):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(3, 2, size=(6, 16)), jnp.float32)
    scale = jnp.asarray(rng.normal(size=16), jnp.float32) if scaled else None
    bias = jnp.asarray(rng.normal(size=16), jnp.float32) if biased else None
    weights = jnp.asarray(rng.normal(size=(6, 16)), jnp.float32)
    results = [
        jax.value_and_grad(
            lambda *a, f=f: jnp.sum(f(*a, kind, 1e-5) * weights), (0, 1, 2)
        )(x, scale, bias)
        for f in (norm, plain)
    ]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), *results
    )
