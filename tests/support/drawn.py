"""Models whose numbers are drawn without compiling, and how results are compared."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from kscale.models import apply, init

# Compiling is most of these tests' time; optimized or not, the arithmetic is the same.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def shapes_of(config):
    """The parameters' shapes as a tree."""
    return jax.eval_shape(lambda: init(config, jax.random.key(0)))


def draw(shapes, seed=0, std=0.3):
    """Normal numbers, so that biases and scales are not at their start."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: jnp.asarray(std * rng.normal(size=x.shape), jnp.float32), shapes
    )


def draw_params(config, seed=0, std=0.3):
    return draw(shapes_of(config), seed, std)


def draw_tokens(*shape, vocab=29, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, vocab, shape))


@functools.partial(jit, static_argnums=0)
def logits_of(config, params, tokens, segments=None, counted=None):
    masks = {"segments_BT": segments, "counted_BT": counted}
    return apply(config, params, tokens, **masks)[0]


def assert_close(found, expected, **tolerances):
    """Trees are close leaf by leaf, to 1e-5 where not said otherwise."""
    tolerances = {"rtol": 1e-5, "atol": 1e-5} | tolerances
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **tolerances), found, expected
    )


def assert_equal(found, expected):
    """Trees are equal leaf by leaf."""
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_near(found, expected, tolerance=1e-5):
    """All leaves are within `tolerance` of the largest entry of any."""
    scale = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(expected))
    assert_close(found, expected, rtol=0, atol=tolerance * scale)


def together(members):
    """The trees of members stacked, as a population has them."""
    return jax.tree.map(lambda *x: jnp.stack(x), *members)


def assert_bfloat16_step(half, whole):
    """A loss is close to that in float32; its gradients are float32, and close too."""
    ((loss, _), gradient), ((expected, _), reference) = half, whole
    np.testing.assert_allclose(loss, expected, rtol=0.01)
    for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(reference), strict=True):
        assert a.dtype == jnp.float32
        assert jnp.linalg.norm(a - b) <= 0.05 * jnp.linalg.norm(b) + 1e-3
