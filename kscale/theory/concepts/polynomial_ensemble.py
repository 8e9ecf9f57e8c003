"""Thresholds and finite-length scaling of any pair of degree distributions.

The oracle of the binomial case: here the degrees are given as polynomials, as in the
theory of low-density parity-check codes from which Nayak & Varshney 2024 takes its law.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from kscale.theory.numerics.newton import bracketed_root
from kscale.theory.solver import solver

_NODES = 4000  # of the scan for minima of eps(x)


class PolynomialThreshold(NamedTuple):
    """Threshold and scaling of an ensemble of fixed degree sequences.

    Attributes:
      eps_star: the threshold: the least interior local minimum of eps(x). Without one,
        the lower end of eps(x) on (0, 1], or NaN if that is 0 (lambda(0) > 0).
      x_star: where it lies; 0 or 1 at an end.
      y_star: 1 - rho(1 - x*).
      nu_star: eps* L(y*), the erased fraction at the threshold.
      alpha: of the law Q(sqrt(n) (eps* - eps)/alpha); NaN at an end.
    """

    eps_star: Array
    x_star: Array
    y_star: Array
    nu_star: Array
    alpha: Array


def _gap(rho: Array, x: Array) -> Array:
    """Returns 1 - rho(1-x), to full relative accuracy at small x."""
    k = jnp.arange(len(rho))
    power = jnp.where(k > 0, k, 1) * jnp.log1p(-x)
    return -(jnp.where(k > 0, rho, 0.0) * jnp.expm1(power)).sum()


def _log_eps(x: Array, lam: Array, rho: Array) -> Array:
    return jnp.log(x) - jnp.log(jnp.polyval(lam[::-1], _gap(rho, x)))


def _alpha(eps: Array, x: Array, lam: Array, rho: Array) -> Array:
    """Returns alpha by equations (22)-(23)."""

    def at(coefficients: Array, x: Array) -> tuple[Array, Array]:
        return jax.jvp(
            lambda x: jnp.polyval(coefficients[::-1], x), (x,), (jnp.ones_like(x),)
        )

    z, y = 1 - x, _gap(rho, x)
    rho_z, slope_z = at(rho, z)
    rho_2, slope_2 = at(rho, z * z)
    lam_y, _ = at(lam, y)
    lam_2, slope_y = at(lam, y * y)
    degree = 1 / (lam / jnp.arange(1, len(lam) + 1)).sum()  # L'(1)
    checks = rho_z**2 - rho_2 + slope_z * (1 - 2 * x * rho_z) - z**2 * slope_2
    symbols = eps**2 * (lam_y**2 - lam_2 - y**2 * slope_y)
    return jnp.sqrt((checks / slope_z**2 + symbols) / (degree * lam_y**2))


@solver(domain={"lam": "distribution of [m]", "rho": "distribution of [n]"})
def polynomial_threshold(lam, rho) -> PolynomialThreshold:
    """Returns the erasure threshold of an ensemble with these edge degrees.

        eps(x) = x/lambda(1 - rho(1-x)),   lambda(x) = sum_k lam[k] x^k

    Args:
      lam: [m], coefficients by exponent: lam[k] is the fraction of edges at symbols of
        degree k+1. Sums to 1.
      rho: [n], the same for checks (texts).

    Example:
      >>> found = polynomial_threshold([0, 0, 1], [0, 0, 0, 0, 0, 1])  # (3,6)-regular
      >>> round(float(found.eps_star), 6), round(float(found.alpha), 6)
      (0.42944, 0.560355)

    Source: Richardson and Urbanke, "Modern Coding Theory", sections 3.12 and 3.23;
    Nayak & Varshney 2024, equations (20), (22), (23).
    """
    nodes = jnp.linspace(0.0, 1.0, _NODES + 1)[1:]
    height = jax.vmap(lambda x: _log_eps(x, lam, rho))(nodes)
    inner = (height[1:-1] < height[:-2]) & (height[1:-1] <= height[2:])
    least = 1 + jnp.argmin(jnp.where(inner, height[1:-1], jnp.inf))
    found = inner.any()

    def slope(x: Array, lam: Array, rho: Array) -> Array:
        return jax.grad(_log_eps)(x, lam, rho)

    low, high = nodes[least - 1], nodes[jnp.minimum(least + 1, _NODES - 1)]
    x = bracketed_root(slope, low, high, nodes[least], lam, rho, rising=True)
    first_lam = lam[1] if len(lam) > 1 else jnp.zeros(())
    flat = first_lam * (rho * jnp.arange(len(rho))).sum()
    at_zero = jnp.where(lam[0] > 0, jnp.nan, 1 / flat)  # inf for flat = 0
    at_one = jnp.exp(height[-1])
    end = jnp.where(at_zero <= at_one, 0.0, jnp.where(at_zero > at_one, 1.0, jnp.nan))
    x = jnp.where(found, x, end)
    eps = jnp.where(found, jnp.exp(_log_eps(x, lam, rho)), jnp.minimum(at_zero, at_one))
    y = _gap(rho, x)
    edges = lam / jnp.arange(1, len(lam) + 1)
    node = y * jnp.polyval(edges[::-1], y) / edges.sum()
    alpha = jnp.where(found, _alpha(eps, x, lam, rho), jnp.nan)
    return PolynomialThreshold(eps, x, y, eps * node, alpha)
