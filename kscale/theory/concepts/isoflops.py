"""Curves of constant compute: what each size learns, and what is spurious."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from kscale.theory.concepts import density, finite_length, poisson
from kscale.theory.concepts.compute import SCENE
from kscale.theory.numerics.newton import bracketed_root
from kscale.theory.solver import solver


class IsoFlop(NamedTuple):
    """Points of the curve R T = C'.

    Attributes:
      concepts, texts: R and T.
      learnt_paper, learnt_iid, learnt_de: E[R+] by equation (2), by the corrected law
        and by density evolution.
      eps_star: the threshold; NaN with learnt_paper where there is none.
    """

    concepts: Array
    texts: Array
    learnt_paper: Array
    learnt_iid: Array
    learnt_de: Array
    eps_star: Array


@solver(domain={"ratio": "(0, inf)"} | SCENE)
def isoflop(
    compute, ratio, d=6.0, eps=0.5, sigma=2e5, tau=8e5, as_published: bool = False
) -> IsoFlop:
    """Returns the concepts learnt against R at fixed compute.

    Args:
      ratio: R in units of sqrt(C'/c*), where the curve crosses the threshold.
      compute, d, eps, sigma, tau, as_published: as in `compute_optimal`.

    Returns:
      `IsoFlop`; NaN where R <= d, and throughout for d <= e.

    Example:
      >>> float(isoflop(1e20, 1.0).concepts).__round__(3)
      4793.713

    Source: Nayak & Varshney 2024, figure 4.
    """
    budget = compute / (6 * sigma * tau)
    at = poisson.transition(d)
    concepts = ratio * jnp.sqrt(budget / at.texts_per_concept)
    texts = budget / concepts
    of = density.ensemble(concepts, texts, d, eps)
    points = density.critical_points(of)
    law = finite_length.printed_of(concepts, eps, of, points.upper, as_published)
    iid = finite_length.corrected_law(concepts, texts, d)
    lost = density.unlearnt_of(of, eps, points)
    learnt = law.learnt, iid.learnt, concepts * (1 - lost)
    return IsoFlop(concepts, texts, *learnt, law.eps_star)


class SpuriousOptimum(NamedTuple):
    """The far end of equation (2) along R T = C'.

    Attributes:
      concepts, texts: R and T, where the critical points meet.
      learnt: E[R+] by equation (2).
      learnt_per_text: E[R+]/T; above 1 is impossible, a text teaches one concept.
      learnt_de: what density evolution leaves of it.
    """

    concepts: Array
    texts: Array
    learnt: Array
    learnt_per_text: Array
    learnt_de: Array


@solver(domain=SCENE)
def spurious_optimum(compute, d=6.0, eps=0.5, sigma=2e5, tau=8e5) -> SpuriousOptimum:
    """Returns the largest value of equation (2) over R, which no graph attains.

    Far beyond the threshold equation (2) rises again in R, as its nu* Q tends to a
    constant below 1, up to where the critical points meet and it ends: d T/R near e.
    Peeling learns next to nothing there. For d close to e it is a second maximum, not
    the greatest. NaN where R is not above d. Arguments are those of `compute_optimal`.

    Example:
      >>> bool(spurious_optimum(1e22).learnt_per_text > 1)
      True

    Source: Nayak & Varshney 2024, equation (2); its consequence for proposition 1.
    """
    budget = compute / (6 * sigma * tau)

    def ensemble(r: Array, budget: Array, d, eps) -> density.Ensemble:
        return density.ensemble(jnp.exp(r), budget * jnp.exp(-r), d, eps)

    def depth(r: Array, *scene: Array) -> Array:
        return density.meeting(ensemble(r, *scene))[1]

    limit = 0.5 * (jnp.log(budget) + jnp.log(d) - 1)  # of large R
    scene = (budget, d, eps)
    r = bracketed_root(depth, limit - 0.5, limit + 0.5, limit, *scene, rising=False)
    concepts, texts, of = jnp.exp(r), budget * jnp.exp(-r), ensemble(r, *scene)
    peak = density.meeting(of)[0]
    critical = density.saddle(of, peak)
    learnt = finite_length.printed_at(concepts, eps, critical, of).learnt
    lost = density.unlearnt_of(of, eps, density.critical_points(of))
    rest = concepts * (1 - lost)
    return SpuriousOptimum(concepts, texts, learnt, learnt / texts, rest)
