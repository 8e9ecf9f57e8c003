"""Fits of a power law with a floor, `(x/x0)^-A + eps`, and what the data say of A.

At a fixed exponent the law is linear in u = x0^A and eps, so both follow from a
non-negative least-squares problem in two unknowns, solved in closed form. What remains
is a curve in A alone: its least value is bracketed on a grid and found by bisection of
the exact derivative. No start is needed, and none can be wrong.

Residuals are relative, (law - y)/y. The robust loss is Huber's: it weighs a residual r
by min(1, 1.345 s/|r|) with s the normalized median of all |r|, refitted until the
weights stand. x is taken in units of its geometric mean.

Source: Pan et al. 2025, figures 4a and 5a (the form); the method is ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import special

from kscale.theory import checks
from kscale.theory.numerics.newton import bisected_root
from kscale.theory.solver import solver

HUBER = 1.345  # 95 % efficient under normal noise
CURVE = {"x": "(0, inf) of [n>=4]", "y": "(0, inf) of [n]"}
EXPONENTS = (1e-3, 20.0)  # where the exponent is sought
_EDGE = 1e-6  # relative distance from an end of the range that counts as there
_GRID = np.geomspace(*EXPONENTS, 160)
_REWEIGHTINGS = 30
_RESCALINGS = 12  # of those, the first so many renew the scale s
_NORMAL_MEDIAN = 0.6744897501960817  # median of |z|, z standard normal


class PowerLaw(NamedTuple):
    """A fitted law and its residuals.

    Attributes:
      alpha: the exponent A.
      x0: where the reducible part is 1.
      eps: the floor, at least 0.
      alpha_low, alpha_high: exponents that the data allow; 0, inf where they set no
        limit.
      scale: standard deviation of the relative residuals: by least squares with n - 3
        degrees of freedom; by Huber the normalized median of their sizes.
      loss: sum of squared residuals, or of Huber's loss of them.
      residual: (law - y)/y, [n].
      weight: of each point in the last least-squares problem, [n]; 1 but for outliers.
    """

    alpha: Array
    x0: Array
    eps: Array
    alpha_low: Array
    alpha_high: Array
    scale: Array
    loss: Array
    residual: Array
    weight: Array


def _at_exponent(
    alpha: Array, log_z: Array, y: Array, weight: Array
) -> tuple[Array, Array, Array]:
    """Returns (u, eps, residuals) that minimize sum w r^2 at an exponent."""
    # The column of the law is scaled to 1 at its largest, whatever the exponent.
    top = (-alpha * log_z).max()
    f, g = jnp.exp(-alpha * log_z - top) / y, 1 / y
    ff, fg, gg = (weight * f * f).sum(), (weight * f * g).sum(), (weight * g * g).sum()
    f1, g1 = (weight * f).sum(), (weight * g).sum()
    determinant = ff * gg - fg * fg
    u, eps = (gg * f1 - fg * g1) / determinant, (ff * g1 - fg * f1) / determinant
    u = jnp.where(eps < 0, f1 / ff, u)
    eps = jnp.where(u < 0, g1 / gg, jnp.maximum(eps, 0.0))
    u = jnp.maximum(u, 0.0)
    return u * jnp.exp(-top), eps, u * f + eps * g - 1


def _sum_of_squares(alpha: Array, log_z: Array, y: Array, weight: Array) -> Array:
    residual = _at_exponent(alpha, log_z, y, weight)[2]
    return (weight * residual**2).sum()


def _slope(alpha: Array, log_z: Array, y: Array, weight: Array) -> Array:
    """Returns the derivative of the profile, along A alone: u and eps are optimal."""
    u, _, residual = _at_exponent(alpha, log_z, y, weight)
    law = u * jnp.exp(-alpha * log_z) / y
    return -(weight * residual * law * log_z).sum()


def _best_exponent(log_z: Array, y: Array, weight: Array) -> Array:
    grid = jnp.asarray(_GRID)
    profile = jax.vmap(lambda alpha: _sum_of_squares(alpha, log_z, y, weight))(grid)
    best = jnp.clip(jnp.argmin(profile), 1, grid.size - 2)
    return _search(grid[best - 1], grid[best + 1], log_z, y, weight)


def _search(low: Array, high: Array, *data: Array) -> Array:
    """Returns the best exponent between two; at an end of the range it stays there."""
    alpha = bisected_root(_slope, low, high, *data)
    return jnp.where(is_inside(alpha), alpha, jax.lax.stop_gradient(alpha))


def is_inside(alpha: Array) -> Array:
    """Returns whether an exponent lies inside the range that is searched."""
    return (alpha > EXPONENTS[0] * (1 + _EDGE)) & (alpha < EXPONENTS[1] * (1 - _EDGE))


def huber_loss(residual: Array, limit: Array) -> Array:
    """Returns `r^2/2` up to the limit, then `limit (|r| - limit/2)`."""
    size = abs(residual)
    inner = jnp.minimum(size, limit)
    return inner * (size - 0.5 * inner)


def _robust(log_z: Array, y: Array) -> tuple[Array, Array, Array]:
    """Returns (alpha, weights, scale) of Huber's fit by reweighted least squares."""

    def refit(i: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        alpha, weight, scale = state
        residual = abs(_at_exponent(alpha, log_z, y, weight)[2])
        # Below 1e-13 all is rounding, and the weights would follow it.
        spread = jnp.maximum(jnp.median(residual) / _NORMAL_MEDIAN, 1e-13)
        # A scale that moved to the end could keep the weights moving with it.
        scale = jnp.where(i < _RESCALINGS, spread, scale)
        weight = jnp.minimum(1.0, HUBER * scale / jnp.maximum(residual, 1e-300))
        # One more weighing moves the exponent little: no new search of the grid.
        low = jnp.maximum(alpha / 1.5, EXPONENTS[0])
        high = jnp.minimum(alpha * 1.5, EXPONENTS[1])
        alpha = _search(low, high, log_z, y, weight)
        return alpha, weight, scale

    weight = jnp.ones_like(y)
    start = _best_exponent(log_z, y, weight), weight, jnp.zeros(())
    return jax.lax.fori_loop(0, _REWEIGHTINGS, refit, start)


def _interval(
    alpha: Array, threshold: Array, log_z: Array, y: Array, weight: Array
) -> tuple[Array, Array]:
    """Returns where the profile crosses the threshold on both sides of its least."""

    def excess(exponent: Array, *data: Array) -> Array:
        return _sum_of_squares(exponent, *data[:3]) - data[3]

    def missing(exponent: Array, *data: Array) -> Array:
        return -excess(exponent, *data)

    low, high = (jnp.asarray(end) for end in EXPONENTS)
    data = log_z, y, weight, threshold
    left = bisected_root(missing, low, alpha, *data)
    right = bisected_root(excess, alpha, high, *data)
    left = jnp.where(excess(low, *data) > 0, left, 0.0)
    return left, jnp.where(excess(high, *data) > 0, right, jnp.inf)


def check_curve(x: Any, name: str = "x", **_: Any) -> None:
    """Checks that a curve has the three sizes that determine an exponent."""
    sizes = np.unique(np.asarray(x, float)).size
    rule = "must be at least 3 distinct sizes: measure at more"
    checks.refuse(name, sizes, sizes < 3, rule)


@solver(domain=CURVE | {"confidence": "(0, 1)"}, check=check_curve)
def fit_power_law(x, y, robust: bool = True, confidence: float = 0.95) -> PowerLaw:
    """Fits `(x/x0)^-A + eps` with eps >= 0 to a falling curve.

    The interval of A is that of the profile: exponents at which the weighted sum of
    squares, over x0 and eps, is at most 1 + F/(n - 3) times its least, F the quantile
    of Fisher's law with 1 and n - 3 degrees of freedom.

    Args:
      x: [n], sizes of the data or the model.
      y: [n], losses.
      robust: Huber's loss of the relative residuals; else their squares.
      confidence: of the interval.

    Returns:
      PowerLaw. An exponent at the end of `EXPONENTS` or an x0 of 0 says that no such
      law fits; `diagnose` judges the rest. Differentiable in y; NaN where the exponent
      is not determined.

    Example:
      >>> fit = fit_power_law([1.0, 2.0, 4.0, 8.0, 16.0], [3.0, 2.0, 1.5, 1.25, 1.125])
      >>> round(float(fit.alpha), 9), round(float(fit.x0), 9), round(float(fit.eps), 9)
      (1.0, 2.0, 1.0)

    Source: Pan et al. 2025, figures 4a and 5a.
    """
    center = jnp.log(x).mean()
    log_z = jnp.log(x) - center
    # In units of its own size, y may have any: nothing of it is ever squared.
    unit = jnp.exp(jnp.log(y).mean())
    y = y / unit
    freedom = y.size - 3
    if robust:
        alpha, weight, scale = _robust(log_z, y)
    else:
        weight, scale = jnp.ones_like(y), jnp.zeros(())
        alpha = _best_exponent(log_z, y, weight)
    u, eps, residual = _at_exponent(alpha, log_z, y, weight)
    squares = (weight * residual**2).sum()
    # F with 1 and n - 3 degrees of freedom is the square of Student's t.
    t = special.stdtrit(freedom, 0.5 + 0.5 * confidence)
    threshold = squares * (1 + t**2 / freedom)
    low, high = _interval(alpha, threshold, log_z, y, weight)
    if robust:
        loss = huber_loss(residual, HUBER * scale).sum()
    else:
        loss, scale = squares, jnp.sqrt(squares / freedom)
    x0 = jnp.exp(center + (jnp.log(u) + jnp.log(unit)) / alpha)
    return PowerLaw(alpha, x0, eps * unit, low, high, scale, loss, residual, weight)


@solver(
    domain={"x": "(0, inf) of [...]", "x0": "(0, inf)"}
    | dict.fromkeys(("alpha", "eps"), "(-inf, inf)")
)
def power_law(x, alpha, x0, eps=0.0):
    """Returns `(x/x0)^-alpha + eps` at the sizes x [n].

    The shape of the other arguments leads that of the result, [..., n].

    Example:
      >>> power_law([1.0, 4.0], 0.5, 4.0)
      array([2., 1.])

    Source: Pan et al. 2025, the law of sections 5.2 and 5.3, with a floor.
    """
    return jnp.exp(-alpha * jnp.log(x / x0)) + eps
