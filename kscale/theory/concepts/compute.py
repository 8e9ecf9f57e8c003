"""The model size and data size that learn most concepts with given compute.

A model of R concepts has N = sigma R parameters, T texts are D = tau T tokens, and
training costs C = 6 N D, so R T = C' = C/(6 sigma tau). Along that curve the concepts
learnt grow like R until texts run short, T/R near c*, and collapse beyond.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kscale.theory import checks
from kscale.theory.concepts import density, finite_length, poisson
from kscale.theory.numerics.newton import bracketed_root, first_fall
from kscale.theory.solver import solver

SCENE = dict.fromkeys(("compute", "d", "sigma", "tau"), "(0, inf)") | {"eps": "(0, 1)"}
_NODES = 48  # of the coarse scan for the first maximum
_MORE_NODES = 12  # beyond the threshold, where few concepts may have it


class Optimum(NamedTuple):
    """The compute-optimal model.

    Attributes:
      concepts, texts: R* and T*.
      parameters, tokens: N* = sigma R* and D* = tau T*.
      texts_per_concept: T*/R*.
      learnt: E[R+] there.
      fraction: E[R+]/R*.
      threshold_concepts: sqrt(C'/c*), where the curve crosses the asymptotic threshold.
      budget: C'.
    """

    concepts: Array
    texts: Array
    parameters: Array
    tokens: Array
    texts_per_concept: Array
    learnt: Array
    fraction: Array
    threshold_concepts: Array
    budget: Array


def _unlearnt(r: Array, mode: str, as_published: bool, scene: tuple) -> Array:
    """Returns the unlearnt fraction at ln R = r along R T = C'."""
    budget, d, eps = scene
    concepts, texts = jnp.exp(r), budget * jnp.exp(-r)
    if mode == "iid":
        return finite_length.corrected_above(concepts, texts, d)
    of = density.ensemble(concepts, texts, d, eps)
    upper = density.upper_critical(of)
    return finite_length.printed_of(concepts, eps, of, upper, as_published).unlearnt


def _first_maximum(mode: str, as_published: bool, scene: tuple, middle, high) -> Array:
    """Returns ln R of the first maximum: the first root of d ln E[R+]/d ln R.

    Comparing values would give half the digits of R. The scan is densest near the
    threshold `middle`, as the maximum lies within R^(-1/2) of it; by equation (2) it
    may lie beyond, up to `high`, if R is a few d.
    """

    def growth(r: Array, *scene: Array) -> Array:
        lost, slope = jax.jvp(
            lambda r: _unlearnt(r, mode, as_published, scene), (r,), (jnp.ones_like(r),)
        )
        return 1 - lost - slope

    low = jnp.maximum(middle - jnp.log(8.0), jnp.log(scene[1]) + 0.01)
    nodes = middle - (middle - low) * jnp.linspace(1.0, 0.0, _NODES) ** 3
    if mode == "paper":
        beyond = jnp.linspace(0.0, 1.0, _MORE_NODES + 1)[1:]
        nodes = jnp.concatenate([nodes, middle + (high - middle) * beyond])
    return first_fall(growth, nodes, *scene)


def _threshold_optimum(scene: tuple, middle: Array, high: Array) -> tuple[Array, Array]:
    """Returns ln R where eps* = eps, and the fraction that peeling leaves there."""

    def margin(r: Array, budget: Array, d: Array, eps: Array) -> Array:
        of = density.ensemble(jnp.exp(r), budget * jnp.exp(-r), d, eps)
        return density.log_eps(density.upper_critical(of), of) - jnp.log(eps)

    budget, d, eps = scene
    low = jnp.maximum(middle - jnp.log(8.0), jnp.log(d) + 0.01)
    r = bracketed_root(margin, low, high, middle, *scene, rising=False)
    of = density.ensemble(jnp.exp(r), budget * jnp.exp(-r), d, eps)
    points = density.critical_points(of)
    lost = density.unlearnt_of(of, eps, points, succeeds=True)
    exists = jnp.abs(density.log_eps(points.upper, of) - jnp.log(eps)) < 1e-8
    return jnp.where(exists, r, jnp.nan), jnp.where(exists, lost, jnp.nan)


def _check_slips(mode: str, as_published: bool, **_) -> None:
    if as_published and mode != "paper":
        raise ValueError(f"mode={mode!r} must be 'paper' where as_published: drop one")


@solver(domain=SCENE | {"mode": "paper | iid | de"}, check=_check_slips)
def compute_optimal(
    compute,
    mode: str = "paper",
    d=6.0,
    eps=0.5,
    sigma=2e5,
    tau=8e5,
    as_published: bool = False,
) -> Optimum:
    """Returns the number of concepts R* and texts T* that learn most at given compute.

    The first local maximum over R of E[R+] along R T = C/(6 sigma tau). (That of
    equation (2) has a larger one, which is spurious: `spurious_optimum`.)

    Args:
      compute: C in floating-point operations.
      mode: by which law E[R+] goes. "paper": equation (2), `printed_law`. "iid":
        `corrected_law`, for the graph as defined. "de": the threshold eps* = eps of
        density evolution at finite R, its maximum for d above 3.097.
      d, eps: as of `threshold`; eps is without effect in mode "iid".
      sigma, tau: parameters a concept takes; tokens in a text.
      as_published: with the slips of the authors' code listed at `printed_law`.

    Returns:
      `Optimum`; NaN where there is no maximum: d <= e, or too few concepts (R near d).
      NaN, too, from C = 1e76 or so on in modes "paper" and "iid", where float64 does
      not separate the maximum from the threshold; mode "de" is their limit.

    Example:
      >>> best = compute_optimal(5.76e23)
      >>> f"{best.parameters:.4e} {best.tokens:.4e}"  # Chinchilla: 7.0e10, 1.4e12
      '7.2019e+10 1.3330e+12'

    Source: Nayak & Varshney 2024, equation (1) and figure 2a.
    """
    budget = compute / (6 * sigma * tau)
    scene = (budget, d, eps)
    at = poisson.transition(d)
    middle = 0.5 * (jnp.log(budget) - jnp.log(at.texts_per_concept))
    # half of the way to where the critical points meet
    high = middle + 0.25 * (jnp.log(at.texts_of_a_concept) - 1)
    if mode == "de":
        r, lost = _threshold_optimum(scene, middle, high)
    else:
        r = _first_maximum(mode, as_published, scene, middle, high)
        lost = _unlearnt(r, mode, as_published, scene)
    R = jnp.exp(r)
    T = budget / R
    learnt = R * (1 - lost)
    limit = jnp.exp(middle)
    return Optimum(R, T, sigma * R, tau * T, T / R, learnt, 1 - lost, limit, budget)


class Exponents(NamedTuple):
    """Exponents of compute-optimal scaling.

    Attributes:
      parameters: slope of ln N* against ln C, by least squares.
      tokens: slope of ln D*; the two add up to 1.
      parameters_at_end: slope of ln N* between the two largest computes.
    """

    parameters: Array
    tokens: Array
    parameters_at_end: Array


def _check_exponents(compute, **rest) -> None:
    _check_slips(**rest)
    size = np.unique(np.asarray(compute, float)).size
    rule = "must be at least 2 distinct values: give more"
    checks.refuse("compute", size, size < 2, rule)


@solver(
    domain=SCENE | {"compute": "(0, inf) of [...]", "mode": "paper | iid | de"},
    check=_check_exponents,
)
def scaling_exponents(
    compute,
    mode: str = "paper",
    d=6.0,
    eps=0.5,
    sigma=2e5,
    tau=8e5,
    as_published: bool = False,
) -> Exponents:
    """Returns the powers of compute by which N* and D* grow: 1/2 in the limit.

    T*/R* falls to c* like c* + O((ln R/R)^(1/2)), so both exponents tend to 1/2.
    With d below 3.097 it falls, in mode "iid", to a constant above c*: further concepts
    gain less than the floor loses.

    Arguments are those of `compute_optimal`; the compute takes two values at least.
    NaN where an optimum is NaN.

    Example:
      >>> round(float(scaling_exponents([1e18, 1e22, 1e26]).parameters), 4)
      0.5086

    Source: Nayak & Varshney 2024, proposition 1.
    """
    compute = jnp.sort(compute.reshape(-1))
    best = compute_optimal(compute, mode, d, eps, sigma, tau, as_published)
    x = jnp.log(compute)
    centered = x - x.mean()

    def slope(y: Array) -> Array:
        return (centered * jnp.log(y)).sum() / (centered**2).sum()

    # the largest but one, if the largest stands there more than once
    before = jnp.argmax(jnp.where(x < x[-1], x, -jnp.inf))
    rise = jnp.log(best.parameters[-1]) - jnp.log(best.parameters[before])
    return Exponents(
        slope(best.parameters), slope(best.tokens), rise / (x[-1] - x[before])
    )
