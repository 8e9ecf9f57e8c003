"""Binomial and Poisson laws in logarithms, to rounding for up to 1e20 trials.

By Stirling's formula without the large terms that cancel (C. Loader, Fast and accurate
computation of binomial probabilities, 2000). Building blocks in float64: no checks.
"""

import jax
import jax.numpy as jnp

from kscale.theory.numerics.gamma_ratios import stirling_rest

_HALF_LOG_2PI = 0.9189385332046727
_LEAST_MEAN = 1e-280  # stands for 0: exp(-deviance) is 0, its derivatives too


def deviance(x: jax.Array, mean: jax.Array, excess: jax.Array) -> jax.Array:
    """Returns `x ln(x/mean) - excess`, whose terms cancel for x close to the mean.

    Args:
      x: above 0.
      mean: at least 0.
      excess: x - mean, known better than the difference of the two.
    """
    v = excess / (x + mean)
    near = jnp.abs(v) < 0.1
    w = jnp.where(near, v, 0.0)
    # ln(x/mean) = 2 artanh(v) = 2 (v + v^3/3 + v^5/5 + ...)
    odd = jnp.asarray([1 / (2 * j + 1) for j in range(8, 0, -1)] + [0.0])
    series = excess * w + 2 * x * w * jnp.polyval(odd, w * w)
    share = jnp.where(near, 1.0, jnp.maximum(mean, _LEAST_MEAN) / x)
    return jnp.where(near, series, -x * jnp.log(share) - excess)


def log_binomial_law(t, draws, p, excess=None, miss=None) -> jax.Array:
    """Returns ln P(Binomial(draws, p) = t); -inf where t > draws.

    Args:
      t: at least 0, a number.
      draws: at least 0, a number; neither need be whole.
      p: in [0, 1], an array.
      excess: draws p - t, where it is known better than the difference of the two.
      miss: 1 - p, likewise, shape of p.
    """
    t, draws, p = (jnp.asarray(x, float) for x in (t, draws, p))
    hit = jnp.where(t > 0, t, 1.0)
    rest = jnp.where(t < draws, draws - t, 1.0)
    size = stirling_rest(jnp.maximum(draws, 1.0)) - stirling_rest(hit)
    size -= stirling_rest(rest)
    root = 0.5 * jnp.log(hit * rest / jnp.maximum(draws, 1.0)) + _HALF_LOG_2PI
    # of the mean over t; taken once, since draws may be 1e12
    excess = draws * p - hit if excess is None else jnp.where(t > 0, excess, 0.0)
    inner = size - root - deviance(hit, draws * p, -excess)
    inner -= deviance(rest, draws * (1 - p if miss is None else miss), excess)
    none = draws * (jnp.log1p(-p) if miss is None else _log_rest(p, miss))
    value = jnp.where(t == draws, draws * jnp.log(p), inner)
    value = jnp.where(t == 0, jnp.where(draws == 0, 0.0, none), value)
    return jnp.where(t > draws, -jnp.inf, value)


def _log_rest(p: jax.Array, miss: jax.Array) -> jax.Array:
    """Returns ln(1 - p) with all digits, from p where it is small, else from 1 - p."""
    small = p < 0.5
    near = jnp.log1p(-jnp.where(small, p, 0.0))
    return jnp.where(small, near, jnp.log(jnp.where(small, 1.0, miss)))


def product_rest(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns what rounding took from `a * b`; constant under differentiation.

    The halves of each factor multiply without rounding. They are cut by their bits,
    since a compiler may fuse the arithmetic that usually cuts them.

    Source: T. Dekker, Numerische Mathematik 18 (1971).
    """
    a, b = (jax.lax.stop_gradient(jnp.asarray(x, float)) for x in (a, b))

    def head(x: jax.Array) -> jax.Array:
        bits = jax.lax.bitcast_convert_type(x, jnp.int64)
        return jax.lax.bitcast_convert_type(bits & ~0x7FFFFFF, jnp.float64)

    left, right = head(a), head(b)
    low, high = a - left, b - right
    return ((left * right - a * b) + left * high + low * right) + low * high


def log_poisson_law(t: jax.Array, mean: jax.Array) -> jax.Array:
    """Returns ln P(Poisson(mean) = t), t a whole number: the law of rare hits."""
    t, mean = jnp.asarray(t, float), jnp.asarray(mean, float)
    hit = jnp.where(t > 0, t, 1.0)
    root = 0.5 * jnp.log(hit) + _HALF_LOG_2PI
    inner = -stirling_rest(hit) - root - deviance(hit, mean, hit - mean)
    return jnp.where(t == 0, -mean, inner)
