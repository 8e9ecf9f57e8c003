"""Memory shared among infinitely many clusters of a power law, in closed form.

Problem (9) with p_k = k^(-1/alpha)/zeta(1/alpha), k >= 1, and the same a, b for all.
The first K clusters are served, K the largest with C_K <= C, and with
G(K) = K ln K - ln K!

    C_K        = G(K)/(alpha ln b)               capacity at which cluster K is served
    ln lambda  = ln(p_K a ln b) - (C - C_K) ln b/K
    redundancy = K lambda/ln b + a zeta(1/alpha, K + 1)/zeta(1/alpha)

No term here is the difference of large ones, except C - C_K < 1.5/(alpha ln b), whose
rounding moves nothing, since all is continuous in C across C_K.

Source: Pan et al. 2025, theorem 5.6 (D.7), with constants.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kscale.theory.numerics.power_law_sums import log_zeta
from kscale.theory.solver import solver

LAW = {"alpha": "(0, 1)", "a": "(0, inf)", "b": "(1, inf)"}
_SMALL = 16  # below, G from a table; from here on, Stirling's series
_TABLE = np.array([k * math.log(k) - math.lgamma(k + 1) for k in range(1, _SMALL)])
_NEWTON = 6
_ULPS = 1 + 1e-15  # a capacity C_k has been rounded: it must serve cluster k


class InfiniteAllocation(NamedTuple):
    """The optimum at one capacity.

    Attributes:
      redundancy: the least loss, in the unit of `a`.
      log_redundancy: its logarithm, where it underflows.
      log_price: ln lambda.
      active: K, a whole number (clusters 1..K have memory; at C = C_K the last has 0).
      first_memory: m_1.
    """

    redundancy: Array
    log_redundancy: Array
    log_price: Array
    active: Array
    first_memory: Array


def _stirling(k: Array) -> Array:
    """Returns G(k) = k ln k - ln k! for k of at least 16."""
    y = 1 / (k * k)
    series = 1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))
    return k - 0.5 * jnp.log(2 * jnp.pi * k) - series / k


def log_factorial_gap(k: Array) -> Array:
    """Returns `k ln k - ln k!` without cancellation, k whole, at least 1."""
    small = jnp.asarray(_TABLE)[jnp.clip(k, 1, _SMALL - 1).astype(int) - 1]
    return jnp.where(k < _SMALL, small, _stirling(jnp.maximum(k, _SMALL)))


def _clusters_served(volume: Array) -> Array:
    """Returns the largest k with G(k) <= volume, up to rounding."""

    def newton(_: int, k: Array) -> Array:
        return k - (_stirling(k) - volume) / (1 - 0.5 / k)

    start = volume + 0.5 * jnp.log(2 * jnp.pi * (volume + 2)) + 1
    k = jnp.floor(jax.lax.fori_loop(0, _NEWTON, newton, jnp.maximum(start, 1.0)))
    k = jnp.maximum(k - 1, 1.0)  # the start of a count that the series may round
    for _ in range(3):
        k = jnp.where(log_factorial_gap(k + 1) <= volume * _ULPS, k + 1, k)
    return k


def _log_frequency(k: Array, excess: Array) -> Array:
    """Returns ln p_k of the law of alpha = 1/(1 + excess)."""
    return -(1 + excess) * jnp.log(k) - log_zeta(excess)


@solver(domain={"capacity": "[0, inf)"} | LAW)
def infinite_allocation(capacity, alpha, a=1.0, b=2.0) -> InfiniteAllocation:
    """Returns least loss, price of memory and served clusters of a power law.

    The redundancy is `a` at C = 0, falls and is convex; with C it tends to
    `infinite_redundancy_constant` times C^(1 - 1/alpha).

    Args:
      capacity: C; the last digits hold to 1e15 and beyond.
      alpha: frequencies fall as k^(-1/alpha).
      a: loss of an unlearnt cluster.
      b: factor by which one unit of memory divides the loss.

    Example:
      >>> best = infinite_allocation(1000.0, 0.5)
      >>> int(best.active), round(float(best.redundancy), 9)
      (350, 0.003467209)

    Source: Pan et al. 2025, theorem 5.6 (D.7), with constants.
    """
    excess = (1 - alpha) / alpha
    volume = alpha * jnp.log(b) * capacity
    k = _clusters_served(volume)
    left = jnp.maximum(volume - log_factorial_gap(k), 0.0) / (alpha * k)
    log_loss = _log_frequency(k, excess) + jnp.log(a) - left  # of a served cluster
    log_tail = jnp.log(a) + log_zeta(excess, k + 1) - log_zeta(excess)
    log_redundancy = jnp.logaddexp(jnp.log(k) + log_loss, log_tail)
    return InfiniteAllocation(
        redundancy=jnp.exp(log_redundancy),
        log_redundancy=log_redundancy,
        log_price=log_loss + jnp.log(jnp.log(b)),
        active=k,
        first_memory=(jnp.log(k) / alpha + left) / jnp.log(b),
    )


@solver(domain={"rank": "integer [1, inf)", "capacity": "[0, inf)"} | LAW)
def infinite_contribution(rank, capacity, alpha, a=1.0, b=2.0):
    """Returns what cluster k adds to the loss, `p_k D_k = min(p_k a, lambda/ln b)`.

    All served clusters add the same; of the order of min(k^(-1/alpha), C^(-1/alpha)),
    k the `rank`. The other arguments are those of `infinite_allocation`.

    Example:
      >>> infinite_contribution([1, 10, 1000], 100.0, 0.5).round(6)
      array([4.35e-04, 4.35e-04, 1.00e-06])

    Source: Pan et al. 2025, theorem 5.6, second part.
    """
    log_price = infinite_allocation(capacity, alpha, a, b).log_price
    unlearnt = _log_frequency(rank, (1 - alpha) / alpha) + jnp.log(a)
    return jnp.exp(jnp.minimum(unlearnt, log_price - jnp.log(jnp.log(b))))


@solver(domain={"rank": "integer [1, inf)", "alpha": "(0, 1)", "b": "(1, inf)"})
def infinite_onset_capacity(rank, alpha, b=2.0):
    """Returns the capacity from which the cluster of rank k is served.

        C_k = (k ln k - ln k!)/(alpha ln b) ~ k/(alpha ln b)

    Example:
      >>> round(float(infinite_onset_capacity(2, 0.5)), 12)
      2.0

    Source: Pan et al. 2025, problem (9), solved for p_k of power alpha.
    """
    return log_factorial_gap(rank) / (alpha * jnp.log(b))


@solver(domain=LAW)
def infinite_redundancy_constant(alpha, a=1.0, b=2.0):
    """Returns the limit of `redundancy C^(1/alpha - 1)` as C grows.

        a (alpha ln b)^(1 - 1/alpha)/(zeta(1/alpha) (1 - alpha))

    Returns:
      The constant; inf where it overflows (alpha near 0).

    Example:
      >>> round(float(infinite_redundancy_constant(0.5)), 9)
      3.50821366

    Source: the constant that theorem 5.6 of Pan et al. 2025 leaves open.
    """
    excess = (1 - alpha) / alpha
    log = jnp.log(a) - excess * jnp.log(alpha * jnp.log(b))
    return jnp.exp(log - log_zeta(excess) - jnp.log1p(-alpha))
