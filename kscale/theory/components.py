"""The giant component of a random graph, within which skills can be composed."""

import jax
import jax.numpy as jnp

from kscale.theory.domain import inside
from kscale.theory.scope import solver


@solver(scalars=("c",), check=lambda c: inside("c", c, "[0, inf]"))
def giant_component(c):
    """Share of a random graph's nodes that lie in its giant component.

    The largest solution of gamma = 1 - exp(-c gamma), which is
    1 + W0(-c exp(-c))/c: 0 where c <= 1. Instead of W0, whose argument loses half of
    the digits near c = 1, Newton's method solves u/(1 - exp(-u)) = c for u = c gamma:
    the left side is convex, so eight steps from min(2(c - 1), c) descend to the root.

    Args:
      c: mean degree of a node (paper: p_l S), at least 0.

    Returns:
      gamma in [0, 1], to 15 digits relative, also at c = 1 + 1e-12.

    Raises:
      ValueError: for a negative c.

    Example:
      >>> float(giant_component(1.5)).__round__(12)
      0.582811643866

    Source: paper 004, equation (6); Erdos and Renyi 1960.
    """
    above = c > 1
    degree = jnp.where(above, c, 2.0)
    excess = jnp.minimum(degree - 1, 1e3)  # beyond, 1 - gamma is 0 in float64

    def step(_, u):
        slope = (1 - (1 + u) * jnp.exp(-u)) / jnp.expm1(-u) ** 2
        slope = jnp.where(u < 1e-3, 0.5 + u / 6, slope)
        return u - (_degree_excess(u) - excess) / slope

    u = jax.lax.fori_loop(0, 8, step, jnp.minimum(2 * excess, excess + 1))
    # a number that is not one stays so
    return jnp.where(above, -jnp.expm1(-u), 0.0 * jnp.where(c == jnp.inf, 0.0, c))


def _degree_excess(u):
    """u/(1 - exp(-u)) - 1 = v + (v coth v - 1) with v = u/2, for u > 0."""
    v = u / 2
    near = v < 0.3
    w = jnp.where(near, v, 0.0) ** 2
    # B_2k (2 v)^2k/(2k)!
    terms = (1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555, -1382 / 638512875)
    terms += (4 / 18243225, -3617 / 162820783125, 87734 / 38979295480125)
    series = w * jnp.polyval(jnp.asarray(terms[::-1]), w)
    far = jnp.where(near, 1.0, v)
    return v + jnp.where(near, series, far / jnp.tanh(far) - 1)
