"""What a model of growing memory learns when: thresholds and losses by class.

A cluster is served from the capacity on at which the price of memory falls below its
first gain, p a ln b. So for each capacity there is a frequency below which nothing is
learnt, and for each frequency a capacity at which learning begins; the two are inverse.
Summed over classes of frequency this gives the curves of figure 1b.

Source: paper 000, section 5.2, figures 1b and 2a.
"""

# Defaults are numbers where arrays are declared: `solver` casts them.
# pyright: reportArgumentType=false

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from kscale.theory.model_scaling.allocation import (
    each_capacity,
    price_at,
    shores_of,
)
from kscale.theory.model_scaling.certificate import (
    CLUSTERS,
    loss_at,
    memory_at,
    population,
)
from kscale.theory.solver import solver

_BLOCK = 1024


class ClassLosses(NamedTuple):
    """Losses of the classes of frequency.

    Attributes:
      contribution: sum over the class of p_i D_i(m_i), [..., classes]; over all classes
        it sums to the redundancy.
      irreducible: sum over the class of p_i h_i, [classes].
      mass: sum over the class of p_i, [classes].
      mean_loss: (contribution + irreducible)/mass, what a reader of the class meets on
        average, [..., classes]; NaN for a class without mass.
    """

    contribution: Array
    irreducible: Array
    mass: Array
    mean_loss: Array


@solver(
    domain=CLUSTERS | {"capacity": "[0, inf)", "of_a": "(0, inf)", "of_b": "(1, inf)"}
)
def threshold_frequency(
    capacity: Array,
    p: Array,
    a: Array = 1.0,
    b: Array = 2.0,
    of_a: Array = 1.0,
    of_b: Array = 2.0,
) -> Array:
    """The frequency up to which a cluster is not learnt at capacity C.

        lambda(C) / (a ln b)

    Args:
      capacity: C >= 0.
      p: [n], frequencies of the population that competes for memory; they sum to 1.
      a: its losses, > 0, a number or [n].
      b: its bases, > 1, a number or [n].
      of_a: loss of the cluster in question.
      of_b: base of the cluster in question.

    Returns:
      A frequency; falls with C, and at C = 0 is that of the first cluster served.

    Example:
      >>> round(float(threshold_frequency(3.0, [0.5, 0.25, 0.15, 0.1])), 9)
      0.132832321

    Source: paper 000, figure 2a.
    """
    shores = shores_of(population(p, a, b))
    return jnp.exp(price_at(shores, capacity)[0]) / (of_a * jnp.log(of_b))


@solver(
    domain=CLUSTERS | {"frequency": "[0, 1]", "of_a": "(0, inf)", "of_b": "(1, inf)"}
)
def onset_capacity(
    frequency: Array,
    p: Array,
    a: Array = 1.0,
    b: Array = 2.0,
    of_a: Array = 1.0,
    of_b: Array = 2.0,
) -> Array:
    """The capacity at which clusters of a frequency begin to be learnt.

        sum_j max(0, s_j - s)/ln b_j     s = ln(frequency a ln b), s_j of the population

    Args:
      frequency: 0 to 1, of the cluster in question.
      p: [n], frequencies of the population that competes for memory; they sum to 1.
      a: its losses, > 0, a number or [n].
      b: its bases, > 1, a number or [n].
      of_a: loss of the cluster in question.
      of_b: base of the cluster in question.

    Returns:
      C; 0 where it comes first, inf where the frequency is 0. The inverse of
      `threshold_frequency` wherever C > 0.

    Example:
      >>> round(float(onset_capacity(0.1, [0.5, 0.25, 0.15, 0.1])), 12)
      4.228818690496

    Source: the inverse of figure 2a of paper 000.
    """
    shores = shores_of(population(p, a, b))
    level = jnp.log(frequency * of_a * jnp.log(of_b))
    before = jnp.searchsorted(-shores.log_gain, -level, side="left")
    last = jnp.maximum(before, 1) - 1
    more = shores.entry[last] + shores.slope[last] * (shores.log_gain[last] - level)
    return jnp.where(before == 0, 0.0, more)


@solver(
    domain=CLUSTERS
    | {
        "capacity": "[0, inf) of [...]",
        "classes": "integer [1, inf)",
        "labels": "integer [0, classes) of [n]",
        "irreducible": "[0, inf) of [] or [n]",
    }
)
def class_losses(
    capacity: Array,
    p: Array,
    labels: Array,
    a: Array = 1.0,
    b: Array = 2.0,
    irreducible: Array = 0.0,
    classes: int = 4,
) -> ClassLosses:
    """The loss at the optimum, by class of frequency, with its irreducible part.

    Args:
      capacity: C >= 0, any shape.
      p: [n], frequencies; they sum to 1.
      labels: [n], the class of each cluster, from `frequency_classes` or any other.
      a: loss of an unlearnt cluster, > 0, a number or [n].
      b: factor by which one unit of memory divides the loss, > 1, a number or [n].
      irreducible: h_i >= 0, loss that no memory removes (the entropy of wording and of
        random answers, in the unit of `a`), a number or [n].
      classes: how many classes there are.

    Returns:
      ClassLosses. Contributions and means fall with C, to the irreducible part.

    Example:
      >>> class_losses(1.0, [0.5, 0.25, 0.25], [0, 1, 1], classes=2).contribution
      array([0.25, 0.5 ])

    Source: paper 000, figure 1b; equation (3) for the irreducible part.
    """
    clusters = population(p, a, b)
    shores = shores_of(clusters)
    label = labels.astype(int)

    # A thousand at a time: one running sum of a million would lose five digits.
    blocks = -(-p.size // _BLOCK)
    place = jnp.arange(p.size) // _BLOCK * classes + label

    def total(values: Array) -> Array:
        parts = jax.ops.segment_sum(values, place, blocks * classes)
        return parts.reshape(blocks, classes).sum(axis=0)

    def contributions(c: Array) -> Array:
        return total(loss_at(memory_at(price_at(shores, c)[0], clusters), clusters))

    contribution = each_capacity(contributions, capacity)
    mass, fixed = total(p), total(p * irreducible)
    spread = (1,) * capacity.ndim + (classes,)
    mean = (contribution + fixed.reshape(spread)) / mass.reshape(spread)
    return ClassLosses(contribution, fixed, mass, mean)
