"""What makes an allocation of memory optimal, as numbers that ought to be 0.

Clusters have frequencies p_i and losses a_i b_i^-m of their memory m. A price lambda of
memory and the memory itself are optimal together exactly where the conditions hold.

Source: Pan et al. 2025, conditions (11) to (14).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from kscale.theory.solver import solver


class Certificate(NamedTuple):
    """How far (memory, price) is from the conditions of optimality; all 0 is optimal.

    Rounding leaves about 1e-15 (C + 1), as it moves a marginal gain by a factor: where
    memory beyond 1e15 is asked for, expect no 0, and NaN where p_i a_i is below 1e-307.

    Attributes:
      stationarity: largest relative distance of a served cluster's marginal gain,
        `p_i a_i ln b_i b_i^-m_i`, from the price.
      dual: largest relative excess of an unserved cluster's gain over the price, that
        is of a multiplier mu_i below 0.
      complementarity: `price |C - sum m_i|` relative to the loss.
      feasibility: overdrawn or negative memory, relative to 1 + C.
      gap: loss less the dual bound, relative to the loss: no allocation of the same
        capacity has a loss below (1 - gap) times this one.
    """

    stationarity: Array
    dual: Array
    complementarity: Array
    feasibility: Array
    gap: Array


CLUSTERS = {
    "p": "distribution of [n]",
    "a": "(0, inf) of [] or [n]",
    "b": "(1, inf) of [] or [n]",
}


class Clusters(NamedTuple):
    """A population of n clusters, with what every capacity needs of it."""

    loss: Array  # p_i a_i, contributions without memory
    log_gain: Array  # s_i = ln(p_i a_i ln b_i), of the gain from the first memory
    log_b: Array


def build_clusters(p: Array, a: ArrayLike, b: ArrayLike) -> Clusters:
    """Returns clusters of frequencies; `a` and `b` may be one number for all."""
    log_b = jnp.broadcast_to(jnp.log(b), p.shape)
    occurs = p > 0
    log_p = jnp.where(occurs, jnp.log(jnp.where(occurs, p, 1.0)), -jnp.inf)
    return Clusters(p * a, log_p + jnp.log(a) + jnp.log(log_b), log_b)


def memory_at(log_price: Array, clusters: Clusters) -> Array:
    """Returns m_i at a price of memory: the minimum of the Lagrangian."""
    return jnp.maximum(clusters.log_gain - log_price, 0.0) / clusters.log_b


def loss_at(memory: Array, clusters: Clusters) -> Array:
    """Returns the contributions p_i a_i b_i^-m_i."""
    return clusters.loss * jnp.exp(-memory * clusters.log_b)


def _relative(value: Array, unit: Array) -> Array:
    """Returns value/unit; 0/0 = 0, since nothing is missing from nothing."""
    return jnp.where(value == 0, 0.0, value / jnp.where(value == 0, 1.0, unit))


def certify(
    memory: Array, log_price: Array, capacity: Array, clusters: Clusters
) -> Certificate:
    """Computes the certificate of arrays of one length; see `kkt_certificate`."""
    excess = jnp.expm1(clusters.log_gain - memory * clusters.log_b - log_price)
    served = memory > 0
    price = jnp.exp(log_price)
    slack = capacity - memory.sum()
    loss = loss_at(memory, clusters).sum()
    best = memory_at(log_price, clusters)  # minimizes the Lagrangian at this price
    bound = loss_at(best, clusters).sum() + price * (best.sum() - capacity)
    overdrawn = jnp.maximum(-slack, jnp.maximum(-memory.min(), 0.0))
    return Certificate(
        stationarity=jnp.where(served, abs(excess), 0.0).max(),
        dual=jnp.where(served, 0.0, jnp.maximum(excess, 0.0)).max(),
        complementarity=_relative(price * abs(slack), loss),
        feasibility=overdrawn / (1 + capacity),
        gap=_relative(loss - bound, loss),
    )


@solver(
    domain=CLUSTERS
    | {
        "memory": "(-inf, inf) of [n]",
        "log_price": "(-inf, inf)",
        "capacity": "[0, inf)",
    }
)
def kkt_certificate(memory, log_price, capacity, p, a=1.0, b=2.0) -> Certificate:
    """Returns how far any allocation, found by whatever means, is from the optimum.

    For feasible memory the gap bounds the relative loss against the optimum, whatever
    the price.

    Args:
      memory: [n], the allocation in question.
      log_price: ln of the price of memory that goes with it.
      capacity, p, a, b: as of `water_level`.

    Example:
      >>> float(kkt_certificate([1.0, 1.0], np.log(np.log(2) / 4), 2.0, [0.5, 0.5]).gap)
      0.0

    Source: Pan et al. 2025, conditions (11) to (14).
    """
    return certify(memory, log_price, capacity, build_clusters(p, a, b))
