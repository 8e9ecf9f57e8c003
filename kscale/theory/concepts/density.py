"""Density evolution of the concept-text graph at R concepts and T texts.

An edge joins each concept and text with probability p = d/R. With R(1/eps - 1) dummy
symbols, known from the start, peeling decodes an erasure code of n = R/eps symbols:

    lambda(x) = (1-p+px)^(T-1)    rho(x) = (1-p+px)^(n-1)    L(x) = (1-p+px)^T

Everything is computed from log1p of small numbers, so R and T may be 1e10 and more.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from kscale.theory.numerics.lambert import log_lower_root, upper_root
from kscale.theory.numerics.newton import bracketed_root
from kscale.theory.solver import solver

GRAPH = {"d": "(0, inf)", "concepts": "(d, inf)", "texts": "[1, inf)"}


class Ensemble(NamedTuple):
    """Binomial degrees: p = d/R, checks = T-1 and symbols = R/eps - 1 exponents."""

    p: Array
    checks: Array
    symbols: Array


def ensemble(concepts: Array, texts: Array, d: Any, eps: Any) -> Ensemble:
    """Returns the probability of an edge, and the exponents of lambda and rho."""
    return Ensemble(d / concepts, texts - 1, concepts / eps - 1)


def log_rho(x: Array, of: Ensemble) -> Array:
    """Returns ln rho(1-x)."""
    return of.symbols * jnp.log1p(-of.p * x)


def log_node(x: Array, of: Ensemble) -> Array:
    """Returns ln L(1-rho(1-x))."""
    return (of.checks + 1) * jnp.log1p(-of.p * jnp.exp(log_rho(x, of)))


def log_eps(t: Array, of: Ensemble) -> Array:
    """Returns ln eps(x) = ln(x/lambda(1-rho(1-x))) at t = ln x."""
    return t - of.checks * jnp.log1p(-of.p * jnp.exp(log_rho(jnp.exp(t), of)))


def _log_slope(t: Array, of: Ensemble) -> Array:
    """Returns ln(1 - d ln eps(x)/d ln x): positive between the critical points."""
    p, checks, symbols = of
    x = jnp.exp(t)
    scale = jnp.log(checks * p) + jnp.log(symbols * p)
    rest = -jnp.log1p(-p * jnp.exp(log_rho(x, of)))
    return t + scale + (symbols - 1) * jnp.log1p(-p * x) + rest


def log_peak(of: Ensemble) -> Array:
    """Returns ln x where ln eps(x) falls fastest, between the two critical points."""

    def turn(t: Array, of: Ensemble) -> Array:
        p, _, symbols = of
        v = p * jnp.exp(t)
        q = p * jnp.exp(symbols * jnp.log1p(-v))
        return 1 - (symbols - 1) * v / (1 - v) - q * symbols * v / (1 - v) / (1 - q)

    high = -jnp.log(of.p * of.symbols)
    return bracketed_root(turn, high - 40.0, high, high - of.p, of, rising=False)


class Critical(NamedTuple):
    """ln of the critical points of eps(x) if depth >= 0, else NaN."""

    lower: Array
    upper: Array
    depth: Array


def meeting(of: Ensemble) -> tuple[Array, Array]:
    """Returns where the critical points would meet, and how far apart they are.

    A distance below 0: they do not. The peak maximizes the depth, so the depth's slope
    needs none of the peak's.
    """
    peak = log_peak(lax.stop_gradient(of))
    return peak, _log_slope(peak, of)


def _upper_bracket(peak: Array, depth: Array, of: Ensemble) -> tuple:
    """Returns (low, high, start) of the larger critical point, exact at depth 0.

    R -> inf is x exp(-x) = y, whose roots bound those of finite R on either side.
    """
    start = peak + jnp.log(upper_root(jnp.fmax(depth, 0.0)))
    end = -jnp.log(of.p) - 1e-12
    return peak, end, jnp.minimum(start, end)


def upper_critical(of: Ensemble) -> Array:
    """Returns ln of the larger critical point."""
    peak, depth = meeting(of)
    bracket = _upper_bracket(peak, depth, of)
    root = bracketed_root(_log_slope, *bracket, of, rising=False)
    return jnp.where(depth >= 0, root, jnp.nan)


def critical_points(of: Ensemble) -> Critical:
    """Returns both critical points, found by one search over two lanes."""
    peak, depth = meeting(of)
    delta = jnp.fmax(depth, 0.0)
    floor = peak - delta + 2 * jnp.log1p(-of.p) - 1.0
    lower = floor, peak, peak + log_lower_root(delta)
    upper = _upper_bracket(peak, depth, of)

    def slope(t: Array, side: Array, of: Ensemble) -> Array:
        return side * _log_slope(t, of)

    def search(bracket: tuple, side: Array) -> Array:
        return bracketed_root(slope, *bracket, side, of, rising=True)

    both = tuple(jnp.stack(pair) for pair in zip(lower, upper, strict=True))
    roots = jax.vmap(search)(both, jnp.array([1.0, -1.0]))
    roots = jnp.where(depth >= 0, roots, jnp.nan)
    return Critical(roots[0], roots[1], depth)


class Threshold(NamedTuple):
    """The threshold on eps of peeling R concepts with T texts.

    NaN where eps(x) has no critical points: no threshold (a = d T/R below about e).

    Attributes:
      eps_star: the interior local minimum of eps(x): peeling succeeds above eps.
      x_star: where it lies. Above 1 when every eps <= 1 succeeds.
      x_minus, eps_local_max: the smaller critical point, a local maximum; its height.
      nu_star: eps* L(1-rho(1-x*)), the unlearnt symbols at the threshold.
    """

    eps_star: Array
    x_star: Array
    x_minus: Array
    eps_local_max: Array
    nu_star: Array


def saddle(of: Ensemble, t: Array) -> tuple[Array, Array, Array]:
    """Returns (eps*, x*, nu*) at the critical point ln x = t."""
    log_star, x = log_eps(t, of), jnp.exp(t)
    return jnp.exp(log_star), x, jnp.exp(log_star + log_node(x, of))


@solver(domain=GRAPH | {"eps": "(0, 1)"})
def threshold(concepts, texts, d: Any = 6.0, eps: Any = 0.5) -> Threshold:
    """Returns the decoding threshold eps* and its critical point, at finite R and T.

        eps(x) = x / lambda(1 - rho(1-x)),    eps* = its interior local minimum

    Read literally, equation (20) is the infimum over (0, 1], which is 0, as
    lambda(0) > 0. eps(x) has no critical points, which gives NaN, or two; the larger is
    the threshold.

    Args:
      concepts, texts: R and T.
      d: mean number of concepts in a text.
      eps: fraction of erased symbols (concepts) among all.

    Example:
      >>> found = threshold(1e5, 4.6e5)
      >>> round(float(found.eps_star), 10), round(float(found.x_star), 10)
      (0.5014959207, 0.4090695342)

    Source: Nayak & Varshney 2024, equations (18)-(20).
    """
    of = ensemble(concepts, texts, d, eps)
    points = critical_points(of)
    eps_star, x, nu = saddle(of, points.upper)
    highest = jnp.exp(log_eps(points.lower, of))
    return Threshold(eps_star, x, jnp.exp(points.lower), highest, nu)


def unlearnt_of(
    of: Ensemble, eps: Any, points: Critical, succeeds: bool = False
) -> Array:
    """Computes `density_evolution` of float64 tracers, from the critical points.

    `succeeds` decides at the threshold itself, where both fixed points are limits.
    """

    def residual(t: Array, of: Ensemble, eps: Array) -> Array:
        return log_eps(t, of) - jnp.log(eps)

    two = points.depth >= 0
    lower, upper = (jnp.where(two, t, 0.0) for t in (points.lower, points.upper))
    top = jnp.log(eps)
    stuck = (residual(upper, of, eps) <= 0) & (not succeeds)
    floor = top + of.checks * jnp.log1p(-of.p)
    left = jnp.where(two & stuck, upper, floor)
    right = jnp.where(two & ~stuck, lower, top)
    start = jnp.where(two & ~stuck, floor, top)
    t = bracketed_root(residual, left, right, start, of, eps, rising=True)
    return jnp.exp(log_node(jnp.exp(t), of))


@solver(domain=GRAPH | {"eps": "(0, 1)"})
def density_evolution(concepts, texts, d: Any = 6.0, eps: Any = 0.5) -> Array:
    """Returns the fraction of concepts that density evolution leaves unlearnt.

    The largest solution x <= eps of x = eps lambda(1-rho(1-x)), and there
    L(1-rho(1-x)). Below the threshold that is little more than the concepts without a
    text, (1-p)^T; above it, near 1. eps matters only in the order 1/R. Arguments are
    those of `threshold`.

    Example:
      >>> float(density_evolution(1e5, 4e5)).__round__(6)
      0.893286

    Source: Nayak & Varshney 2024, section C.2.
    """
    of = ensemble(concepts, texts, d, eps)
    return unlearnt_of(of, eps, critical_points(of))


@solver(domain=GRAPH | {"eps": "(0, 1)"})
def matching_bound(concepts, texts, d: Any = 6.0, eps: Any = 0.5) -> Array:
    """Returns an upper bound of the threshold: the integral of rho over that of lambda.

        eps* <= (T eps/R) (1 - (1-p)^(R/eps)) / (1 - (1-p)^T)

    It may exceed 1. Arguments are those of `threshold`.

    Source: Nayak & Varshney 2024, appendix B.
    """
    log_miss = jnp.log1p(-d / concepts)
    symbols = concepts / eps
    return texts / symbols * jnp.expm1(symbols * log_miss) / jnp.expm1(texts * log_miss)
