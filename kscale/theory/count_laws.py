"""Binomial and Poisson laws in logarithms, to rounding for up to 1e20 trials.

By Stirling's formula without the large terms that cancel (C. Loader, Fast and accurate
computation of binomial probabilities, 2000). Building blocks in float64: no checks.
"""

import jax
import jax.numpy as jnp

from kscale.theory.gamma_ratios import stirling_rest

_HALF_LOG_2PI = 0.9189385332046727
_LEAST_MEAN = 1e-280  # stands for 0: exp(-deviance) is 0, its derivatives too


def deviance(x: jax.Array, mean: jax.Array, excess: jax.Array) -> jax.Array:
    """`x ln(x/mean) - excess`, whose terms cancel where x is close to the mean.

    Args:
      x: above 0.
      mean: at least 0.
      excess: x - mean, known better than the difference of the two.

    Returns:
      Nats, at least 0.
    """
    v = excess / (x + mean)
    near = jnp.abs(v) < 0.1
    w = jnp.where(near, v, 0.0)
    # ln(x/mean) = 2 artanh(v) = 2 (v + v^3/3 + v^5/5 + ...)
    odd = jnp.asarray([1 / (2 * j + 1) for j in range(8, 0, -1)] + [0.0])
    series = excess * w + 2 * x * w * jnp.polyval(odd, w * w)
    share = jnp.where(near, 1.0, jnp.maximum(mean, _LEAST_MEAN) / x)
    return jnp.where(near, series, -x * jnp.log(share) - excess)


def log_binomial_law(t: jax.Array, draws: jax.Array, p: jax.Array) -> jax.Array:
    """Logarithm of P(Binomial(draws, p) = t).

    Args:
      t: at least 0, a number.
      draws: at least 0, a number; neither need be whole.
      p: in [0, 1], an array.

    Returns:
      Nats, shape of p; -inf where t > draws.
    """
    t, draws, p = (jnp.asarray(x, float) for x in (t, draws, p))
    hit = jnp.where(t > 0, t, 1.0)
    rest = jnp.where(t < draws, draws - t, 1.0)
    size = stirling_rest(jnp.maximum(draws, 1.0)) - stirling_rest(hit)
    size -= stirling_rest(rest)
    root = 0.5 * jnp.log(hit * rest / jnp.maximum(draws, 1.0)) + _HALF_LOG_2PI
    excess = draws * p - hit  # of the mean over t; taken once, since draws may be 1e12
    inner = size - root - deviance(hit, draws * p, -excess)
    inner -= deviance(rest, draws * (1 - p), excess)
    none = draws * jnp.log1p(-p)
    value = jnp.where(t == draws, draws * jnp.log(p), inner)
    value = jnp.where(t == 0, jnp.where(draws == 0, 0.0, none), value)
    return jnp.where(t > draws, -jnp.inf, value)


def log_poisson_law(t: jax.Array, mean: jax.Array) -> jax.Array:
    """Logarithm of P(Poisson(mean) = t): `log_binomial_law` in the limit of rare hits.

    Args:
      t: whole, a number.
      mean: above 0, an array.

    Returns:
      Nats, shape of `mean`.
    """
    t, mean = jnp.asarray(t, float), jnp.asarray(mean, float)
    hit = jnp.where(t > 0, t, 1.0)
    root = 0.5 * jnp.log(hit) + _HALF_LOG_2PI
    inner = -stirling_rest(hit) - root - deviance(hit, mean, hit - mean)
    return jnp.where(t == 0, -mean, inner)
