"""What a model of growing memory learns when: thresholds and losses by class.

A cluster is served from the capacity on at which the price of memory falls below its
first gain, p a ln b. So for each capacity there is a frequency below which nothing is
learnt, and for each frequency a capacity at which learning begins; the two are inverse.
Summed over classes of frequency this gives the curves of figure 1b.

Source: Pan et al. 2025, section 5.2, figures 1b and 2a.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from kscale.theory.model_scaling import allocation, certificate
from kscale.theory.model_scaling.certificate import CLUSTERS, build_clusters
from kscale.theory.solver import solver

_BLOCK = 1024
AMONG = CLUSTERS | {"of_a": "(0, inf)", "of_b": "(1, inf)"}


class ClassLosses(NamedTuple):
    """Losses of the classes of frequency.

    Attributes:
      contribution: sum over the class of p_i D_i(m_i), [..., classes]; over all classes
        it sums to the redundancy.
      irreducible: sum over the class of p_i h_i, [classes].
      mass: sum over the class of p_i, [classes].
      mean_loss: (contribution + irreducible)/mass, [..., classes]; NaN without mass.
    """

    contribution: Array
    irreducible: Array
    mass: Array
    mean_loss: Array


@solver(domain=AMONG | {"capacity": "[0, inf)"})
def threshold_frequency(capacity, p, a=1.0, b=2.0, of_a=1.0, of_b=2.0):
    """Returns the frequency up to which a cluster is not learnt at capacity C.

    It is `lambda(C)/(a ln b)`: falls with C, from that of the first cluster served.

    Args:
      capacity, p, a, b: C and the population that competes, as of `water_level`.
      of_a, of_b: loss and base of the cluster in question.

    Example:
      >>> round(float(threshold_frequency(3.0, [0.5, 0.25, 0.15, 0.1])), 9)
      0.132832321

    Source: Pan et al. 2025, figure 2a.
    """
    entries = allocation.order_by_entry(build_clusters(p, a, b))
    return jnp.exp(allocation.price_at(entries, capacity)[0]) / (of_a * jnp.log(of_b))


@solver(domain=AMONG | {"frequency": "[0, 1]"})
def onset_capacity(frequency, p, a=1.0, b=2.0, of_a=1.0, of_b=2.0):
    """Returns the capacity at which clusters of a frequency begin to be learnt.

        sum_j max(0, s_j - s)/ln b_j     s = ln(frequency a ln b), s_j of the population

    The inverse of `threshold_frequency`, with its arguments, wherever C > 0.

    Returns:
      C; 0 where the cluster comes first, inf where its frequency is 0.

    Example:
      >>> round(float(onset_capacity(0.1, [0.5, 0.25, 0.15, 0.1])), 12)
      4.228818690496

    Source: the inverse of figure 2a of Pan et al. 2025.
    """
    entries = allocation.order_by_entry(build_clusters(p, a, b))
    level = jnp.log(frequency * of_a * jnp.log(of_b))
    before = jnp.searchsorted(-entries.log_gain, -level, side="left")
    last = jnp.maximum(before, 1) - 1
    more = entries.entry[last] + entries.slope[last] * (entries.log_gain[last] - level)
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
    capacity, p, labels, a=1.0, b=2.0, irreducible=0.0, classes: int = 4
) -> ClassLosses:
    """Returns the optimal loss by class of frequency, with its irreducible part.

    Contributions and means fall with C, to the irreducible part.

    Args:
      capacity, p, a, b: as of `water_level`.
      labels: [n], the class of each cluster, from `frequency_classes` or any other.
      irreducible: h_i, loss that no memory removes (the entropy of wording and of
        random answers, in the unit of `a`), a number or [n].
      classes: how many classes there are.

    Example:
      >>> class_losses(1.0, [0.5, 0.25, 0.25], [0, 1, 1], classes=2).contribution
      array([0.25, 0.5 ])

    Source: Pan et al. 2025, figure 1b; equation (3) for the irreducible part.
    """
    clusters = build_clusters(p, a, b)
    entries = allocation.order_by_entry(clusters)
    label = labels.astype(int)

    # A thousand at a time: one running sum of a million would lose five digits.
    blocks = -(-p.size // _BLOCK)
    place = jnp.arange(p.size) // _BLOCK * classes + label

    def total(values: Array) -> Array:
        parts = jax.ops.segment_sum(values, place, blocks * classes)
        return parts.reshape(blocks, classes).sum(axis=0)

    def contributions(c: Array) -> Array:
        memory = certificate.memory_at(allocation.price_at(entries, c)[0], clusters)
        return total(certificate.loss_at(memory, clusters))

    contribution = allocation.map_capacities(contributions, capacity)
    mass, fixed = total(p), total(p * irreducible)
    spread = (1,) * capacity.ndim + (classes,)
    mean = (contribution + fixed.reshape(spread)) / mass.reshape(spread)
    return ClassLosses(contribution, fixed, mass, mean)
