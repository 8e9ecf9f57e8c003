"""How often two skills meet: tails of Binomial(C(R, 2), p) up to R = 10^10 concepts.

The number of trials reaches 5 10^19 and the chance of one 10^-30, so everything is
computed from the mean, in logarithms, by forms that cancel nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale.theory.numerics.count_laws import deviance, log_binomial_law, product_rest
from kscale.theory.numerics.lambert import log1p_minus
from kscale.theory.solver import solver

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
_CUT = 40.0  # exp(-40) of the integrand's peak is left out
KINDS = "literal | monotone | bound | exact | two_ways"
CONCEPTS = {  # a text holds a concept with probability d/R
    "d": "(0, inf)",
    "concepts": "[2, inf) and [d, inf)",
    "texts": "[0, inf)",
}


class BinomialTail(NamedTuple):
    """P(X >= k) and its natural logarithm, which does not underflow."""

    tail: jax.Array
    log_tail: jax.Array


class PairTail(NamedTuple):
    """The tail of `pair_tail`, or its bound, with the binomial that it belongs to.

    Attributes:
      p: chance that one pair of concepts links the two skills; twice the paper's p_rr
        where the kind is "two_ways".
      pairs, mean: C(R, 2), the trials, and pairs * p.
      tail, log_tail: P(X >= eta) and its natural logarithm.
    """

    p: jax.Array
    pairs: jax.Array
    mean: jax.Array
    tail: jax.Array
    log_tail: jax.Array


@solver(domain={"n": "(0, inf)", "p": "[0, 1)", "k": "[-inf, inf)"})
def binomial_tail(n, p, k) -> BinomialTail:
    """Returns P(X >= k) of a binomial variable, to twelve digits, even 10^-1000.

    It is the regularized incomplete beta function I_p(k, n - k + 1), taken as

        P(X >= k) = k P(X = k) int_0^inf exp(-k s) ((1 - p exp(-s))/(1-p))^(n-k) ds

    where k is at least the mean, and as one minus the same with -s for s below it: on
    either side the integrand falls from its peak at s = 0, so that 64 Gauss nodes
    suffice, at a cost that grows with neither n nor k. For p > 1/2 it is the failures
    that are counted. The mean is taken without rounding, so that n = 1e20 and p = 1/2
    leave twelve digits, too. n need not be whole (I_p continues it); k is rounded up.

    Returns:
      BinomialTail; 1 at k <= 0, and 0, of logarithm -inf, above n.

    Example:
      >>> round(float(binomial_tail(3, 0.5, 2).tail), 12)
      0.5

    Source: the incomplete beta integral with t = p exp(-s); the probability of one
    value by saddle-point expansion (Loader 2000).
    """
    return BinomialTail(*_exact(n, p, jnp.ceil(k)))


@solver(domain=CONCEPTS | {"eta": "(0, inf)", "skills": "[2, inf)", "kind": KINDS})
def pair_tail(
    concepts,
    texts,
    eta,
    d=6.0,
    skills=1000.0,
    kind: str = "exact",
    as_published: bool = False,
) -> PairTail:
    """Returns the chance that at least eta pairs of concepts link two skills.

    Two concepts share a text with probability 1 - (1 - d^2/R^2)^T, and belong to the
    two skills with 1/S^2:

        p = (1 - (1 - d^2/R^2)^T)/S^2,   X ~ Binomial(C(R, 2), p),   P(X >= eta)

    With g = exp(-C(R,2) KL(eta/C(R,2) || p)) and w = 1/sqrt(8 eta (1 - eta/C(R,2))),
    the kinds are

        literal   1 - g where eta <= mean, w g above: as printed. It falls to 0 where
                  the mean just reaches eta, so that accuracy dips at each level's onset
        monotone  max(1 - g, w) where eta <= mean, w g above: P(X >= eta) grows with p,
                  so what holds at mean = eta holds beyond
        bound     monotone at ceil(eta): the w branch bounds the probability of a whole
                  number only
        exact     the binomial tail at ceil(eta)
        two_ways  exact with 2p for p: concept 1 may carry skill 1 or skill 2

    Args:
      concepts, texts: R and T; 1e10 is fine.
      eta: pairs of concepts that link two skills.
      d: mean number of concepts in a text.
      skills: S, the skills of the level.
      kind: one of the five.
      as_published: what the authors' code computes, in place of any kind: the literal
        cases with KL in bits inside exp, and 1/sqrt(2 C(R, 2)) for w.

    Returns:
      PairTail; its log_tail is -inf where there are fewer pairs than eta.

    Example:
      >>> float(pair_tail(1000, 4533, 2.0).tail).__round__(9)
      0.002690394

    Source: Nayak & Varshney 2024, equations (5) and (28).
    """
    n, p = pairs_and_chance(concepts, texts, d, skills)
    kind = "published" if as_published else kind
    tail, log_tail = tail_of(kind)(n, p, eta)
    p = 2 * p if kind == "two_ways" else p
    return PairTail(p, n, n * p, tail, log_tail)


def pairs_and_chance(R, T, d, S):
    """Returns C(R, 2) and p_rr of float64 scalars."""
    return R * (R - 1) / 2, -jnp.expm1(T * jnp.log1p(-((d / R) ** 2))) / S**2


def tail_of(kind: str):
    """Returns the function (n, p, eta) -> (tail, log tail) that a kind names."""
    if kind == "exact":
        return lambda n, p, eta: _exact(n, p, jnp.ceil(eta))
    if kind == "two_ways":
        return lambda n, p, eta: _exact(n, 2 * p, jnp.ceil(eta))
    if kind == "bound":
        return lambda n, p, eta: _chernoff(n, p, jnp.ceil(eta), "monotone")
    return lambda n, p, eta: _chernoff(n, p, eta, kind)


def _chernoff(n, p, eta, kind):
    """Returns equation (28), literal, monotone or published, and its logarithm."""
    mean, possible = n * p, eta < n
    k = jnp.where(possible, eta, n / 2)
    # n KL(k/n || mean/n) in nats
    divergence = deviance(k, mean, k - mean) + deviance(n - k, n - mean, mean - k)
    if kind == "published":
        divergence = divergence / np.log(2)
        log_w = -0.5 * jnp.log(2 * n)
    else:
        log_w = -0.5 * jnp.log(8 * k * (1 - k / n))
    log_below = _log1mexp(divergence)
    if kind == "monotone":
        log_below = jnp.maximum(log_below, log_w)
    log_tail = jnp.where(k <= mean, log_below, log_w - divergence)
    # all n trials must succeed: p^n; more cannot
    certain = n * jnp.log(jnp.where(p > 0, p, 1.0))
    log_all = jnp.where((eta == n) & (p > 0), certain, -jnp.inf)
    log_tail = jnp.where(possible, log_tail, log_all)
    return jnp.exp(log_tail), log_tail


def _exact(n, p, k):
    """Returns P(X >= k) and its logarithm for a whole k; see `binomial_tail`."""
    inner = (k >= 1) & (k < n) & (p > 0) & (p < 1)
    j = jnp.where(inner, k, n / 2)
    all_of_n = n * jnp.log(jnp.where(p > 0, p, 1.0))
    all_of_n = jnp.where((k == n) & (p > 0), all_of_n, -jnp.inf)
    certain = (k <= 0) | ((p == 1) & (k <= n))
    unknown = jnp.isnan(n) | jnp.isnan(k) | ~((p >= 0) & (p <= 1))
    p = jnp.where(inner, p, 0.25)
    # for likely successes count the failures: X >= k where they are n - k at most
    swap = p > 0.5
    p, j = jnp.where(swap, 1 - p, p), jnp.where(swap, n - j, j)
    excess = (n * p - j) + product_rest(n, p) - swap  # of the mean over the count
    count = j + swap
    upper = excess <= 0
    log_part = jnp.log(count) + log_binomial_law(count, n, p, excess)
    log_part += jnp.log(_integral(p, count, n - count, excess, upper))
    # P(count or more) where that is the upper tail, what it lacks to 1 where not
    straight = upper != swap
    other = jnp.where(straight, -1.0, log_part)
    log_tail = jnp.where(straight, log_part, _log1mexp(-other))
    tail = jnp.where(straight, jnp.exp(log_part), -jnp.expm1(other))
    edge = jnp.where(certain, 0.0, all_of_n)
    edge = jnp.where(unknown, jnp.nan, edge)
    return jnp.where(inner, tail, jnp.exp(edge)), jnp.where(inner, log_tail, edge)


def _integral(p, k, rest, excess, upper):
    """Integrates exp(-k s) ((1 - p exp(-s))/(1-p))^rest over s; -s unless `upper`.

    With y = 1 - exp(-s) and q = p/(1-p) the exponent is

        rest (ln(1 + q y) - q y) + k (ln(1 - y) + y) + y (n p - k)/(1-p)

    in which nothing cancels, at whatever n.
    """
    odds = p / (1 - p)
    drift, slope = excess / (1 - p), rest * odds
    side = jnp.where(upper, 1.0, -1.0)
    end = jax.lax.stop_gradient(_end(p, jnp.abs(drift), slope, upper))
    y = -jnp.expm1(-side * end * _NODES)
    exponent = rest * log1p_minus(odds * y) + k * log1p_minus(-y) + drift * y
    return end * jnp.sum(_WEIGHTS * jnp.exp(exponent))


def _end(p, drift, slope, upper):
    """Returns where the integrand has fallen below exp(-40), or 0, and little more."""
    third = jnp.where(upper, _CUT / (3 * slope), 0.0)
    curved = third + jnp.sqrt(third**2 + 2 * _CUT / slope)
    end = jnp.minimum(_CUT / jnp.maximum(drift, 1e-300), curved)
    return jnp.where(upper, end, jnp.minimum(end, -jnp.log(p)))


def _log1mexp(x):
    """Returns ln(1 - exp(-x)) for x >= 0."""
    low = jnp.log(-jnp.expm1(-jnp.minimum(x, 0.7)))
    return jnp.where(x < 0.7, low, jnp.log1p(-jnp.exp(-jnp.maximum(x, 0.7))))
