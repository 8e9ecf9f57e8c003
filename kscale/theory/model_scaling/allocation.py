"""Which knowledge a model of bounded memory holds: problem (6)/(9), solved exactly.

    minimize  sum_i p_i a_i b_i^-m_i   over  m_i >= 0,  sum_i m_i <= C

Memory counts in the unit in which one more divides the loss by b: bits where b = 2. At
the optimum a price lambda of memory exists, and with s_i = ln(p_i a_i ln b_i)

    m_i = max(0, s_i - ln lambda) / ln b_i

so clusters enter in the order of s_i. The memory at which the k-th enters is a
cumulative sum of non-negative terms, and between two entries ln lambda is linear in C:
one sort serves all capacities, in closed form.

Source: Pan et al. 2025, section 5.2 and theorem D.7.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from kscale.theory.model_scaling.certificate import (
    CLUSTERS,
    Certificate,
    Clusters,
    build_clusters,
    certify,
    loss_at,
    memory_at,
)
from kscale.theory.solver import solver


class WaterLevel(NamedTuple):
    """The optimum at one capacity.

    Attributes:
      redundancy: the least loss, in the unit of `a`.
      price: lambda, what one more unit of memory saves (0 where it underflows).
      log_price: ln lambda, finite for every capacity.
      active: how many clusters have memory.
      certificate: of optimality, computed from the memory of every cluster.
    """

    redundancy: Array
    price: Array
    log_price: Array
    active: Array
    certificate: Certificate


class Allocation(NamedTuple):
    """The optimum, cluster by cluster.

    Attributes:
      memory: m_i, [..., n].
      contribution: p_i D_i(m_i), [..., n]; price/ln b_i for every served cluster.
      level: totals and certificate.
    """

    memory: Array
    contribution: Array
    level: WaterLevel


class EntryOrder(NamedTuple):
    """Clusters sorted by entry: what the water level at any capacity is read from."""

    log_gain: Array  # s_i, decreasing
    slope: Array  # sum_{j <= i} 1/ln b_j: memory that one unit of -ln lambda takes
    entry: Array  # capacity at which i begins to be served, increasing


def order_by_entry(clusters: Clusters) -> EntryOrder:
    """Sorts the clusters once for all capacities."""
    ranked, rate = jax.lax.sort((-clusters.log_gain, 1 / clusters.log_b), num_keys=1)
    slope = jnp.cumsum(rate)
    never = jnp.isinf(ranked[1:])
    drop = jnp.where(never, 0.0, ranked[1:]) - jnp.where(never, 0.0, ranked[:-1])
    gap = jnp.where(never, jnp.inf, slope[:-1] * drop)
    entry = jnp.cumsum(jnp.concatenate([jnp.zeros(1), gap]))
    return EntryOrder(-ranked, slope, entry)


def price_at(entries: EntryOrder, capacity: Array) -> tuple[Array, Array]:
    """Returns (ln lambda, number of active clusters) at one capacity."""
    active = jnp.searchsorted(entries.entry, capacity, side="left")
    last = jnp.maximum(active, 1) - 1
    beyond = (capacity - entries.entry[last]) / entries.slope[last]
    return entries.log_gain[last] - beyond, active


def _level(entries: EntryOrder, capacity: Array, clusters: Clusters) -> WaterLevel:
    log_price, active = price_at(entries, capacity)
    memory = memory_at(log_price, clusters)
    loss = loss_at(memory, clusters).sum()
    certificate = certify(memory, log_price, capacity, clusters)
    return WaterLevel(loss, jnp.exp(log_price), log_price, active, certificate)


def map_capacities(function: Callable[[Array], Any], capacity: Array) -> Any:
    """Maps `function` over the capacities, one after another, to spare memory."""
    result = jax.lax.map(function, capacity.reshape(-1))
    return jax.tree.map(lambda y: y.reshape(capacity.shape + y.shape[1:]), result)


@solver(domain=CLUSTERS | {"capacity": "[0, inf) of [...]"})
def water_level(capacity, p, a=1.0, b=2.0) -> WaterLevel:
    """Returns the least loss, price of memory and certificate at every capacity.

    One sort, O(n log n), then O(n) for each capacity, in O(n) of memory. The loss falls
    with C, is convex in it, and has slope -price.

    Args:
      capacity: C, any shape, which is that of the result.
      p: [n], frequencies, in any order.
      a: loss of an unlearnt cluster, a number or [n].
      b: factor by which one unit of memory divides the loss, a number or [n].

    Example:
      >>> level = water_level(3.0, [0.5, 0.25, 0.15, 0.1])
      >>> round(float(level.redundancy), 6), int(level.active)
      (0.498497, 3)

    Source: Pan et al. 2025, problem (9) and the conditions (11) to (14).
    """
    clusters = build_clusters(p, a, b)
    entries = order_by_entry(clusters)
    return map_capacities(lambda c: _level(entries, c, clusters), capacity)


@solver(domain=CLUSTERS | {"capacity": "[0, inf) of [...]"})
def allocate(capacity, p, a=1.0, b=2.0) -> Allocation:
    """Returns the optimal memory and remaining loss of every cluster, in their order.

    Arguments and totals are those of `water_level`; the result has n numbers for each
    capacity.

    Example:
      >>> allocate(4.0, [0.5, 0.25, 0.25]).memory
      array([2., 1., 1.])

    Source: Pan et al. 2025, problem (9), theorem 5.6.
    """
    clusters = build_clusters(p, a, b)
    entries = order_by_entry(clusters)

    def one(c: Array) -> Allocation:
        level = _level(entries, c, clusters)
        memory = memory_at(level.log_price, clusters)
        return Allocation(memory, loss_at(memory, clusters), level)

    return map_capacities(one, capacity)
