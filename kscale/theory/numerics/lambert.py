"""Lambert's W where it is real twice, without losing digits at the ends.

Thresholds of random graphs come from w exp(-w) = y with 0 < y <= 1/e. Its two roots
meet at y = 1/e, where a naive W loses half its digits, so everything here is a function
of the distance from there, delta = -ln(e y) >= 0.
"""

import math

import jax.numpy as jnp
from jax import Array, lax

from kscale.theory.solver import solver

_STEPS = 12  # of Newton's method; seven reach the last digit anywhere


def log1p_minus(x: Array) -> Array:
    """Returns ln(1+x) - x, to full relative accuracy at small x."""
    return _without_first(jnp.log1p, x, 0.1, lambda k: (-1.0) ** (k + 1) / k)


def expm1_minus(x: Array) -> Array:
    """Returns exp(x) - 1 - x, to full relative accuracy at small x."""
    return _without_first(jnp.expm1, x, 0.5, lambda k: 1 / math.factorial(k))


def _without_first(function, x: Array, end: float, coefficient) -> Array:
    """Returns function(x) - x; below `end` by its series, sum coefficient(k) x^k."""
    small = jnp.abs(x) < end
    near = jnp.where(small, x, 0.0)
    series = jnp.zeros_like(near)
    for k in range(18, 1, -1):
        series = series * near + coefficient(k)
    far = jnp.where(small, 1.0, x)
    return jnp.where(small, series * near * near, function(far) - far)


def upper_root(delta: Array) -> Array:
    """Returns the root w >= 1 of w exp(-w) = exp(-1-delta); NaN for delta < 0.

    Newton's method for y - ln(1+y) = delta, y = w - 1, convex, from above.
    """
    start = jnp.sqrt(2 * delta) + delta

    def step(_: int, y: Array) -> Array:
        excess = -log1p_minus(y) - delta
        return y - jnp.where(y > 0, excess * (1 + y) / jnp.where(y > 0, y, 1.0), 0.0)

    return 1 + lax.fori_loop(0, _STEPS, step, start)


def log_lower_root(delta: Array) -> Array:
    """Returns the logarithm of the root w <= 1 of w exp(-w) = exp(-1-delta).

    NaN for delta < 0. Newton's method for exp(t) - 1 - t = delta, convex, from below.
    """
    start = -(jnp.sqrt(2 * delta) + delta)

    def step(_: int, t: Array) -> Array:
        slope = jnp.where(t < 0, jnp.expm1(t), 1.0)
        return t - jnp.where(t < 0, (expm1_minus(t) - delta) / slope, 0.0)

    return lax.fori_loop(0, _STEPS, step, start)


@solver(domain={"x": "[-1/e, 0)"})
def lambert_w_minus1(x) -> Array:
    """Returns the lower real branch of Lambert's W: w <= -1 with w exp(w) = x.

    NaN for subnormal x, which the processor may take for 0.

    Example:
      >>> round(float(lambert_w_minus1(-0.1)), 12)
      -3.577152063957

    Source: R. Corless et al., On the Lambert W function, 1996.
    """
    # 1 + e x is exact near the branch point if 1/e is added as a head and a tail (the
    # factor e comes between them, or the compiler would add the two constants first)
    head, tail = math.exp(-1), -1.2428753672788363e-17
    beyond = math.e * (x + head) + math.e * tail
    near = beyond < 0.5
    delta = jnp.where(
        near, -jnp.log1p(-jnp.where(near, beyond, 0.0)), -jnp.log(-x) - 1.0
    )
    return -upper_root(jnp.maximum(delta, 0.0))
