"""Sums over clusters whose frequencies follow a power law, and what they are made of.

`p_k = k^(-1/alpha)/zeta(1/alpha)`, k = 1, 2, ...: no end, and for alpha near 1 most of
a sum lies in the tail. The first `_HEAD` clusters are summed one by one; the rest is an
integral over p plus Gregory's end corrections, so that the cost does not depend on the
number of draws N. The integral is taken by two Gauss rules of a fixed number of nodes:
up to about 1/N for `p^v` times what is smooth in p, beyond for what is smooth in ln p.

The scale is Hurwitz's zeta function, in logarithms: zeta(100, 10^9) is 10^-892.

    zeta(s, q) = sum_{j >= 0} (q + j)^-s        zeta(s) = zeta(s, 1)

Building blocks in float64, which check nothing, but for the solver `log_zeta`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import zeta
from jax.typing import ArrayLike

from kscale.theory.numerics.count_laws import log_binomial_law
from kscale.theory.solver import solver

_HEAD = 512
_TINY = 1e-150  # stands for smaller frequencies; its square is still a number
_STEEPEST = 1e6  # of a law beyond which the first frequency is 1 in any case
# Gregory's coefficients |G_1|, |G_2|, ... with the signs of the forward differences
_GREGORY = (
    *(1 / 2, -1 / 12, 1 / 24, -19 / 720, 3 / 160, -863 / 60480, 275 / 24192),
    *(-33953 / 3628800, 8183 / 1036800, -3250433 / 479001600),
)
_DIRECT = 32  # terms summed one by one before the rest is integrated
# B_2i/(2i)!, i = 1..9, of the Euler-Maclaurin formula.
_BERNOULLI = (
    *(1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000),
    *(1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000),
)
_NODES, _PANELS = 20, 64
_points, _weights = np.polynomial.legendre.leggauss(_NODES)
_UNIT = (_points + 1) / 2  # nodes in (0, 1)
_UNIT_WEIGHTS = _weights / 2
# (2j+1) w_i P_j(2 x_i - 1): turns values at the nodes into Legendre coefficients
_LEGENDRE = (
    np.polynomial.legendre.legvander(_points, _NODES - 1)
    * _UNIT_WEIGHTS[:, None]
    * (2 * np.arange(_NODES) + 1)
)


@solver(domain={"excess": "(0, inf)", "q": "[1, inf)"})
def log_zeta(excess, q=1.0):
    """Returns `ln zeta(1 + excess, q)`, by Euler-Maclaurin summation.

    Args:
      excess: s - 1.
      q: zeta(s, K + 1) is the sum over k > K of k^-s.

    Returns:
      The logarithm, to about 1e-15 relative to the function for s <= 1000.

    Example:
      >>> round(float(log_zeta(1.0)), 12)  # ln(pi^2/6)
      0.497700302471

    Source: NIST Digital Library of Mathematical Functions, section 25.11.
    """
    s = 1 + excess
    # Everything in units of q^-s: the direct terms lie in (0, 1] for every q.
    ratio = jnp.log1p(jnp.arange(_DIRECT) / q)
    direct = jnp.exp(-s * ratio).sum()
    log_end = jnp.log1p(_DIRECT / q)
    end = q + _DIRECT
    integral = q * jnp.exp(-excess * log_end) / excess
    corner = jnp.exp(-s * log_end)
    term, corrections = s / end, 0.0
    for i, coefficient in enumerate(_BERNOULLI):
        corrections += coefficient * term
        term *= (s + 2 * i + 1) * (s + 2 * i + 2) / end**2
    rest = integral + corner * (0.5 + corrections)
    return -s * jnp.log(q) + jnp.log(direct + rest)


def rule_with_power(
    exponent: ArrayLike, end: ArrayLike
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns p and w, [20]: `sum w f(p)` integrates `p^exponent f(p)` from 0 to `end`.

    Exact for polynomials of degree 19, whatever the exponent, above -1: f is expanded
    in Legendre polynomials, whose moments are products.
    """
    exponent, end = jnp.asarray(exponent, float), jnp.asarray(end, float)
    j = jnp.arange(1.0, _NODES)
    ratios = jnp.cumprod((exponent - j + 1) / (exponent + j + 1))
    moments = jnp.concatenate([jnp.ones(1), ratios]) / (exponent + 1)
    weights = jnp.power(end, exponent + 1) * (jnp.asarray(_LEGENDRE) @ moments)
    return jnp.asarray(_UNIT) * end, weights


def rule_over_logarithm(
    start: ArrayLike, end: ArrayLike
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns p and w, [1280]: `sum w f(p)` integrates f from `start` > 0 to `end`.

    64 panels of 20 nodes in equal steps of ln p; good to rounding where the integrand
    turns over a factor of 1.5 in p at the fastest and the range spans 1e12.
    """
    start, end = jnp.asarray(start, float), jnp.asarray(end, float)
    width = jnp.log(end / start) / _PANELS
    steps = jnp.arange(_PANELS)[:, None] + jnp.asarray(_UNIT)[None, :]
    p = (start * jnp.exp(width * steps)).reshape(-1)
    return p, width * jnp.tile(jnp.asarray(_UNIT_WEIGHTS), _PANELS) * p


def tail_mass(after: jax.Array, alpha: jax.Array) -> jnp.ndarray:
    """Returns the frequency of all clusters beyond the first `after`."""
    return zeta(1 / alpha, after + 1.0) / zeta(1 / alpha, 1.0)


def power_law_mean(
    function: Callable, alpha: jax.Array, draws: jax.Array
) -> jnp.ndarray:
    """Sums `p_k function(p_k)` over the infinite power law.

    Args:
      function: takes two arrays [n], frequencies p > 0 and 1 - p (with the digits that
        p near 1 has lost), returns an array [n]; a polynomial in p to rounding for p
        below 1/draws, smooth in ln p above.
      alpha: in (0, 1); the relative error is about 1e-12 up to 0.97.
      draws: scale of the function, at least 1.
    """
    excess = jnp.minimum((1 - alpha) / alpha, _STEEPEST)
    s = 1 + excess
    total = jnp.exp(log_zeta(excess))
    head = jnp.arange(1.0, _HEAD + len(_GREGORY)) ** -s / total
    edge = jnp.asarray(float(_HEAD)) ** -s / total
    none = edge <= _TINY  # below alpha = 0.018 there is no tail
    edge = jnp.where(none, _TINY, edge)
    split = jnp.minimum(edge, 1 / draws)
    low, low_weights = rule_with_power(-alpha, split)
    high, high_weights = rule_over_logarithm(split, edge)
    # One call of the function, which may be long to compile.
    p = jnp.concatenate([jnp.maximum(head, _TINY), low, high])
    first = jnp.exp(log_zeta(excess, 2.0)) / total
    values = function(p, (1 - p).at[0].set(first))
    terms, low_values, high_values = jnp.split(
        values, [head.size, head.size + low.size]
    )
    terms = head * terms
    low = jnp.sum(low_weights * low_values)
    high = jnp.sum(high_weights * high**-alpha * high_values)
    # dk = -alpha (total)^-alpha p^(-alpha-1) dp
    integral = alpha * total**-alpha * (low + high)
    differences, ends = terms[_HEAD - 1 :], 0.0
    for coefficient in _GREGORY:
        ends += coefficient * differences[0]
        differences = jnp.diff(differences)
    tail = jnp.where(none, 0.0, integral + ends)
    return terms[: _HEAD - 1].sum() + tail


def table_mean(
    table: jax.Array, draws: jax.Array, p: jax.Array, miss: jax.Array, tail: str
) -> jax.Array:
    """Returns `E f(t)`, t ~ Binomial(draws, p), of f given by its first values.

    Args:
      table: f(0), ..., f(T), [T+1].
      draws: at least 0.
      p, miss: in [0, 1], and 1 - p, [n].
      tail: f beyond T, either "constant", f(T), or "inverse", f(T) (T+1)/(t+1).
    """
    last = len(table) - 1
    if tail == "inverse":
        base = table[last] * (last + 1) * inverse_mean(draws, p, miss)
        above = table - table[last] * (last + 1) / jnp.arange(1.0, last + 2)
    else:
        base = jnp.full_like(p, 1.0) * table[last]
        above = table - table[last]

    def add(t, mean):
        count = jnp.asarray(t, float)
        chance = jnp.exp(log_binomial_law(count, draws, p, miss=miss))
        return mean + above[t] * chance

    return jax.lax.fori_loop(0, last, add, base)


def inverse_mean(draws: jax.Array, p: jax.Array, miss: jax.Array) -> jnp.ndarray:
    """Returns `E 1/(t+1)`, t ~ Binomial(draws, p).

    It is `(1 - (1-p)^(N+1))/((N+1) p)`; `miss` is 1 - p.
    """
    trials = draws + 1
    small = p < 0.5
    near = -jnp.expm1(trials * jnp.log1p(-jnp.where(small, p, 0.0)))
    seen = jnp.where(small, near, 1 - _power(miss, trials, small))
    return jnp.where(p > 0, seen / (trials * jnp.where(p > 0, p, 1.0)), 1.0)


def unseen_mean(draws: jax.Array, p: jax.Array, miss: jax.Array) -> jnp.ndarray:
    """Returns `P(t = 0)`, t ~ Binomial(draws, p): `(1-p)^N`; `miss` is 1 - p."""
    small = p < 0.5
    near = jnp.exp(draws * jnp.log1p(-jnp.where(small, p, 0.0)))
    return jnp.where(small, near, _power(miss, draws, small))


def _power(miss: jax.Array, trials: jax.Array, small: jax.Array) -> jnp.ndarray:
    """Returns `miss^trials` where p is not small, differentiable at miss = 0."""
    return jnp.power(jnp.where(small, 0.5, miss), trials)
