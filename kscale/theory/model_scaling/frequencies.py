"""How often each piece of knowledge is seen, and its classes by frequency.

Frequencies are vectors that sum to 1, in any order; rank 1 is the most frequent.
"""

import jax.numpy as jnp
import numpy as np

from kscale.theory.solver import solver

# Cumulative sums of a million frequencies are wrong by about 1e-11; a boundary that is
# hit exactly, as by even frequencies, must not move by that.
_ROUNDING = 1e-9


@solver(
    domain={"size": "integer [1, inf)", "exponent": "[0, inf)", "bias": "(-1, inf)"}
)
def zipf_frequencies(size: int, exponent=1.2, bias=1000.0):
    """Returns the frequencies of a power law with a flattened head and an end.

        p_i = (i + bias)^-exponent / sum_j (j + bias)^-exponent        i = 1..size

    Args:
      size: M, the number of pieces.
      exponent: 0 is uniform; a Pitman-Yor process of discount alpha has 1/alpha.
      bias: 0 is Zipf's law.

    Example:
      >>> zipf_frequencies(4, exponent=1.0, bias=0.0)
      array([0.48, 0.24, 0.16, 0.12])

    Source: Pan et al. 2025, section 6 (0, 1.05 to 1.50; bias 1000; 400,000 people).
    """
    log = -exponent * jnp.log(jnp.arange(1.0, size + 1) + bias)
    weights = jnp.exp(log - log[0])  # the head is 1, so that no exponent underflows it
    return weights / weights.sum()


@solver(domain={"p": "distribution of [n]"})
def entropy_bits(p):
    """Returns the bits of the choice of one piece, `-sum_i p_i log2 p_i`, p [n].

    Example:
      >>> float(entropy_bits([0.5, 0.25, 0.25]))
      1.5

    Source: Shannon 1948.
    """
    seen = p > 0
    return 0.0 - (p * jnp.log2(jnp.where(seen, p, 1.0))).sum()  # not -0.0


@solver(domain={"share": "[0, 1]", "p": "distribution of [n]"})
def top_mass(share, p):
    """Returns the mass of the `floor(share n)` most frequent of n pieces, in any order.

    Example:
      >>> float(top_mass(0.5, [0.1, 0.2, 0.3, 0.4])).__round__(12)
      0.7

    Source: the Lorenz curve of the frequencies, from its rich end.
    """
    count = jnp.floor(share * p.size * (1 + 1e-15)).astype(int)
    total = jnp.concatenate([jnp.zeros(1), jnp.cumsum(-jnp.sort(-p))])
    return total[count]


@solver(
    domain={"p": "distribution of [n]", "classes": "integer [1, inf)"}
    | {"by": "count | mass"}
)
def frequency_classes(p, classes: int = 4, by: str = "count"):
    """Returns the class of every piece, [n] from 0, class 0 being the most frequent.

    By count, classes hold equally many pieces (the first ones hold one more where the
    division leaves a rest). By mass, the piece of rank k lies in class j where the mass
    P_k of ranks 1..k has `j < classes P_k <= j + 1`; a class may be empty where one
    piece is heavier than a class. Ties are broken by position.

    Example:
      >>> frequency_classes([0.1, 0.5, 0.2, 0.2], classes=2, by="mass")
      array([1, 0, 1, 1])
      >>> frequency_classes([0.1, 0.5, 0.2, 0.2], classes=2, by="count")
      array([1, 0, 0, 1])

    Source: Pan et al. 2025, figures 1 and 4b (quartiles of the people).
    """
    order = jnp.argsort(-p)
    if by == "count":
        sizes = [len(part) for part in np.array_split(np.empty(p.size), classes)]
        ranked = jnp.asarray(np.repeat(np.arange(classes), sizes))
    else:
        mass = jnp.cumsum(p[order]) * classes
        ranked = jnp.clip(jnp.ceil(mass - _ROUNDING) - 1, 0, classes - 1).astype(int)
    return jnp.zeros(p.size, int).at[order].set(ranked)
