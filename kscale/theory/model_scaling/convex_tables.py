"""Problem (9) where the loss of a cluster against its memory is a table.

Between the entries of a table the loss is linear, after the last one constant. If every
table is convex, the memory goes to the segments of all clusters in the order of what a
unit saves there, p_i (D_ij - D_i,j+1)/(x_j+1 - x_j): a cluster's own segments come in
their order, so greed is optimal. The dual problem then proves it by a number.

A table that is not convex has no such order (the problem is a knapsack). It is refused;
`convex_minorant` gives the nearest convex table below it, the loss of a model that may
mix two of its states, and so a lower bound.

Source: Pan et al. 2025, problem (9) and section D.2.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kscale.theory import checks
from kscale.theory.model_scaling.allocation import map_capacities
from kscale.theory.solver import solver

_ROUNDING = 1e-9  # of the largest loss: what may be rounding in a convex table


class TableAllocation(NamedTuple):
    """The optimum at one capacity.

    Attributes:
      redundancy: the least loss.
      price: what one more unit of memory saves; 0 when nothing is left to save.
      memory: m_i, [..., n]; sums to C, or to less when nothing is left to save.
      contribution: p_i D_i(m_i), [..., n].
      gap: loss less the dual bound, in the unit of the loss: 0 at the optimum.
    """

    redundancy: Array
    price: Array
    memory: Array
    contribution: Array
    gap: Array


def _check(memory: Any, loss: Any, **_: Any) -> None:
    x, d = np.asarray(memory, float), np.asarray(loss, float)
    start = "must be 0: begin every table without memory"
    checks.refuse("memory[0]", x[..., 0], x[..., 0] != 0, start)
    _check_increasing(x)
    slack = _ROUNDING * np.abs(d).max()
    rule = "must not rise along a table: take convex_minorant(memory, loss)"
    checks.refuse("loss", d[..., 1:], np.diff(d) > slack, rule)
    step = np.diff(x)
    share = step[..., :-1] / (step[..., :-1] + step[..., 1:])
    bent = d[..., 1:-1] > d[..., :-2] * (1 - share) + d[..., 2:] * share + slack
    rule = "must be convex in memory: take convex_minorant(memory, loss)"
    checks.refuse("loss", d[..., 1:-1], bent, rule)


def _check_increasing(memory: Any, **_: Any) -> None:
    x = np.asarray(memory, float)
    rule = "must increase along a table: sort it"
    checks.refuse("memory", x[..., 1:], np.diff(x) <= 0, rule)


@solver(
    domain={
        "capacity": "[0, inf) of [...]",
        "p": "distribution of [n]",
        "memory": "[0, inf) of [j>=2] or [n, j>=2]",
        "loss": "[0, inf) of [j] or [n, j]",
    },
    check=_check,
)
def table_allocation(capacity, p, memory, loss) -> TableAllocation:
    """Returns the optimal memory of clusters whose losses are convex tables.

    The redundancy falls with C, is convex in it, and linear between capacities at which
    a segment is full.

    Args:
      capacity: C, any shape.
      p: [n], frequencies.
      memory: [J] or [n, J], increasing from 0: where the tables have their entries.
      loss: [J] or [n, J], D_i there: not rising, convex.

    Example:
      >>> best = table_allocation(1.5, [0.6, 0.4], [0.0, 1.0, 2.0], [1.0, 0.3, 0.1])
      >>> best.memory
      array([1. , 0.5])
      >>> round(float(best.redundancy), 12)
      0.44

    Source: Pan et al. 2025, problem (9).
    """
    n, entries = p.size, memory.shape[-1]
    x = jnp.broadcast_to(memory, (n, entries))
    d = jnp.broadcast_to(loss, (n, entries)) * p[:, None]
    width = jnp.diff(x)
    saved = -jnp.diff(d) / width
    # Segments that save nothing are never filled: their memory counts as none.
    useful = jnp.where(saved > 0, width, 0.0).reshape(-1)
    columns = -saved.reshape(-1), useful, jnp.arange(width.size)
    falling, size, place = jax.lax.sort(columns, num_keys=1)
    full = jnp.cumsum(size)

    def one(c: Array) -> TableAllocation:
        filled = jnp.clip(c - (full - size), 0.0, size)
        own = jnp.zeros(width.size).at[place].set(filled).reshape(width.shape).sum(1)
        contribution = jax.vmap(jnp.interp)(own, x, d)
        # What the next unit would save: the first segment with room for more.
        marginal = jnp.searchsorted(full, c, side="right")
        price = -falling[jnp.minimum(marginal, width.size - 1)]
        price = jnp.where(marginal < width.size, price, 0.0)
        bound = (d + price * x).min(axis=1).sum() - price * c
        total = contribution.sum()
        return TableAllocation(total, price, own, contribution, total - bound)

    return map_capacities(one, capacity)


@solver(
    domain={"memory": "[0, inf) of [j]", "loss": "[0, inf) of [..., j]"},
    check=_check_increasing,
)
def convex_minorant(memory, loss):
    """Returns the largest convex table that never rises and lies below a given one.

    Memory may stay unused, so first each entry becomes the least up to there; then
    entry j becomes the lowest point at x_j of any chord between entries i <= j <= k.
    Memory [J] increases; the result has the shape of the loss, [..., J].

    Example:
      >>> convex_minorant([0.0, 1.0, 2.0], [1.0, 0.9, 0.0])
      array([1. , 0.5, 0. ])

    Source: ours; problem (9) of Pan et al. 2025 for a table that is not convex.
    """
    least = jax.lax.cummin(loss.reshape(-1, memory.size), axis=1)
    index = jnp.arange(memory.size)
    i, j, k = jnp.meshgrid(index, index, index, indexing="ij")
    proper = (i <= j) & (j <= k) & (i < k)
    run = jnp.where(proper, memory[k] - memory[i], 1.0)
    share = jnp.where(proper, (memory[j] - memory[i]) / run, 0.0)

    def lowest(row: Array) -> Array:
        chords = row[i] * (1 - share) + row[k] * share
        return jnp.where(proper, chords, jnp.inf).min(axis=(0, 2))

    return jax.lax.map(lowest, least).reshape(loss.shape)
