"""Peeling of infinitely many concepts: closed forms by Lambert's W.

With R concepts, T texts and an edge with probability d/R, let R -> inf at c = T/R and
write a = c d, the mean number of texts of a concept. The degrees become Poisson and the
unlearnt fraction z solves z = exp(-a exp(-d z)).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from kscale.theory.numerics.lambert import log_lower_root, upper_root
from kscale.theory.numerics.newton import bracketed_root
from kscale.theory.solver import solver

OMEGA = 0.996193  # the constant of the finite-size shift (Amraoui et al. 2009)


class Transition(NamedTuple):
    """Where peeling of infinitely many concepts starts to succeed.

    All NaN for d <= e, where the unlearnt fraction falls without a jump.

    Attributes:
      u: root above 1 of u exp(1/u) = d: unlearnt concepts of a text where it sticks.
      texts_per_concept: c*, the critical T/R.
      texts_of_a_concept: a* = c* d = exp(u)/u.
      unlearnt: z* = u/d, the fraction that stays unlearnt just below c*.
      sigma, shift: at R concepts the transition is sigma R^(-1/2) wide in c, and lies
        shift R^(-2/3) above c*.
      drift: F = d (u-1)/u, which sets the shift.
    """

    u: Array
    texts_per_concept: Array
    texts_of_a_concept: Array
    unlearnt: Array
    sigma: Array
    shift: Array
    drift: Array


@solver(domain={"d": "(0, inf)"})
def transition(d: Any = 6.0) -> Transition:
    """Returns where learning by peeling sets in as texts grow, whatever eps is.

        u exp(1/u) = d,  a* = exp(u)/u,  c* = a*/d,  z* = u/d
        sigma^2 = c*^2 (1-z)/(z ln(z)^2) - c*,   shift = Omega F^(-1/3) c* u/z

    with d the mean number of concepts in a text.

    Returns:
      `Transition`, NaN for d <= e. Above d = 700 the numbers of texts, like exp(d),
      overflow to inf.

    Example:
      >>> found = transition(6.0)
      >>> round(float(found.texts_per_concept), 6), round(float(found.unlearnt), 6)
      (4.53299, 0.81507)

    Source: the large-R limit of Nayak & Varshney 2024, equations (18)-(20); width and
    shift from the diffusion limit of peeling (as for LDPC codes), for independent
    edges.
    """
    v = jnp.exp(log_lower_root(jnp.where(d > jnp.e, jnp.log(d) - 1, jnp.nan)))
    u = 1 / v  # and v = -ln z*
    a = jnp.exp(u) * v
    c = a / d
    sigma = c * jnp.sqrt(jnp.expm1(v) / v**2 - 1 / c)
    drift = d * (1 - v)
    shift = OMEGA * drift ** (-1 / 3) * c * d
    return Transition(u, c, a, jnp.exp(-v), sigma, shift, drift)


class PoissonThreshold(NamedTuple):
    """Threshold on the noise eps of the ensemble with dummy symbols, as R -> inf.

    Attributes:
      u: -W_{-1}(-1/a); the critical point in units of eps/d.
      eps_star, x_star: the threshold, and the critical point.
      u_minus: -W_0(-1/a), the other critical point, a local maximum.
    """

    u: Array
    eps_star: Array
    x_star: Array
    u_minus: Array


@solver(domain={"texts_of_a_concept": "(0, inf)", "d": "(0, inf)", "eps": "(0, 1)"})
def poisson_threshold(texts_of_a_concept, d=6.0, eps=0.5) -> PoissonThreshold:
    """Returns the threshold eps* at a = d T/R texts of a concept, in closed form.

        u exp(-u) = 1/a,  u > 1,   eps* = (eps/d) u exp(1/u),   x* = eps u/d

    Learning succeeds where eps* > eps, which does not depend on eps: u exp(1/u) > d.
    NaN where a < e. d and eps are as of `threshold`.

    Example:
      >>> float(poisson_threshold(27.6).eps_star).__round__(6)
      0.5015

    Source: the large-R limit of Nayak & Varshney 2024, equation (20), as `threshold`.
    """
    a = texts_of_a_concept
    delta = jnp.where(a >= jnp.e, jnp.log(a) - 1, jnp.nan)
    u, lower = upper_root(delta), jnp.exp(log_lower_root(delta))
    return PoissonThreshold(u, eps / d * u * jnp.exp(1 / u), eps * u / d, lower)


class FixedPoints(NamedTuple):
    """Solutions of z = exp(-a exp(-d z)).

    Attributes:
      high: the stuck one, where peeling ends; NaN where only the small root exists.
      low: the smallest one. Below a = e the only root is both.
    """

    high: Array
    low: Array


def _log_residual(t: Array, a: Array, d: Array) -> Array:
    """Returns ln z + a exp(-d z) at ln z = t."""
    return t + a * jnp.exp(-d * jnp.exp(t))


def lower_fixed_point(a: Array, d: Array) -> Array:
    """Returns `fixed_points(a, d).low` for T/R >= c* and d > e, where d z < 1."""
    t = bracketed_root(_log_residual, -a, -jnp.log(d), -a, a, d, rising=True)
    return jnp.exp(t)


@solver(domain={"texts_of_a_concept": "(0, inf)", "d": "(0, inf)"})
def fixed_points(texts_of_a_concept, d: Any = 6.0) -> FixedPoints:
    """Returns the fractions of unlearnt concepts at which peeling could rest.

    Peeling starts from everything unlearnt and so ends at the largest solution of

        z = exp(-a exp(-d z))

    with a and d the mean numbers of texts of a concept and of concepts in a text.

    Example:
      >>> found = fixed_points(30.0)
      >>> float(found.high), bool(found.low < 1e-12)
      (nan, True)

    Source: Nayak & Varshney 2024, section C.2, with Poisson degrees.
    """
    a = texts_of_a_concept
    two = a >= jnp.e  # the residual rises, falls and rises again
    delta = jnp.where(two, jnp.log(a) - 1, 0.0)
    crest = log_lower_root(delta) - jnp.log(d)
    trough = jnp.log(upper_root(delta) / d)
    has_low = two & (_log_residual(crest, a, d) >= 0)
    has_high = ~two | (_log_residual(trough, a, d) <= 0)
    left = jnp.where(two, trough, -a)
    none = jnp.zeros_like(a)
    brackets = (
        jnp.stack([jnp.where(has_high, left, 0.0), -a]),
        jnp.stack([none, jnp.where(has_low, crest, -a)]),
        jnp.stack([none, -a]),
    )
    high, low = jax.vmap(
        lambda *bracket: bracketed_root(_log_residual, *bracket, a, d, rising=True)
    )(*brackets)
    high = jnp.where(has_high, jnp.exp(high), jnp.nan)
    return FixedPoints(high, jnp.where(has_low, jnp.exp(low), high))
