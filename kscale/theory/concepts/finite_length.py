"""How many concepts a finite model learns: the printed law, and one that holds.

Peeling succeeds on most graphs above the threshold and sticks on most below it. At
finite R the two mix over a window of relative width R^(-1/2); both laws here are a
Gaussian tail across that window.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfc

from kscale.theory.concepts import density, poisson
from kscale.theory.concepts.density import GRAPH, Ensemble
from kscale.theory.solver import solver


def gaussian_tail(x: Array) -> Array:
    """Returns P(a standard Gaussian exceeds x), to full relative accuracy."""
    return 0.5 * erfc(x / jnp.sqrt(2.0))


class PrintedLaw(NamedTuple):
    """Equation (2) and what it is made of. NaN where there is no threshold.

    Attributes:
      learnt, unlearnt: E[R+], the concepts learnt; P_b/eps, the fraction that is not.
      eps_star, x_star, nu_star: as in `density.Threshold`.
      alpha: the scaling parameter, alpha^2 = text_term + concept_term.
      text_term: the summand (22), due to the degrees of texts and the noise.
      concept_term: the summand (23), due to the degrees of concepts.
    """

    learnt: Array
    unlearnt: Array
    eps_star: Array
    x_star: Array
    nu_star: Array
    alpha: Array
    text_term: Array
    concept_term: Array


def alpha_terms(
    eps_star: Array, x: Array, of: Ensemble, as_published: bool
) -> tuple[Array, Array]:
    """Returns the summands of (22)-(23); at (1-x)^2 as at 1 - x(2-x)."""
    p, checks, symbols = of

    def rho(x: Array) -> tuple[Array, Array]:
        value = jnp.exp(density.log_rho(x, of))
        return value, symbols * p * value / (1 - p * x)

    def lam(gap: Array) -> tuple[Array, Array]:
        value = jnp.exp(checks * jnp.log1p(-p * gap))
        return value, checks * p * value / (1 - p * gap)

    sign = 1.0 if as_published else -1.0
    rho_x, slope_x = rho(x)
    rho_2, slope_2 = rho(x * (2 - x))
    lam_y, _ = lam(rho_x)  # y = 1 - rho(1-x)
    lam_2, slope_y2 = lam(rho_x * (2 - rho_x))
    degree = (checks + 1) * p
    texts = rho_x**2 - rho_2 + slope_x * (1 - 2 * x * rho_x)
    texts += sign * (1 - x) ** 2 * slope_2
    concepts = lam_y**2 + sign * (lam_2 + (1 - rho_x) ** 2 * slope_y2)
    scale = degree * lam_y**2
    return texts / (scale * slope_x**2), eps_star**2 * concepts / scale


def _search_from_tenth(x_star: Array, of: Ensemble) -> tuple[Array, Array]:
    """Returns (eps*, x*) as the least eps(x) on [0.1, 1]."""
    ends = jnp.array([0.1, 1.0])
    inside = (x_star >= 0.1) & (x_star <= 1)
    x = jnp.append(ends, jnp.where(inside, x_star, 0.1))
    eps = jnp.exp(density.log_eps(jnp.log(x), of))
    least = jnp.argmin(eps)
    return eps[least], x[least]


def printed_of(
    concepts: Array, eps: Any, of: Ensemble, upper: Array, as_published: bool = False
) -> PrintedLaw:
    """Computes `printed_law` of float64 tracers, from ln of the critical point."""
    eps_star, x, nu = density.saddle(of, upper)
    if as_published:
        eps_star, x = _search_from_tenth(x, of)
        none = jnp.exp((of.checks + 1) * jnp.log1p(-of.p))  # concepts without a text
        nu = eps_star * (jnp.exp(density.log_node(x, of)) - none) / (1 - none)
    return printed_at(concepts, eps, (eps_star, x, nu), of, as_published)


def printed_at(
    concepts: Array,
    eps: Any,
    critical: tuple[Array, Array, Array],
    of: Ensemble,
    as_published: bool = False,
) -> PrintedLaw:
    """Evaluates equation (2) at `critical` = (eps*, x*, nu*)."""
    eps_star, x, nu = critical
    first, second = alpha_terms(eps_star, x, of, as_published)
    alpha = jnp.sqrt(first + second)
    margin = jnp.sqrt(concepts / eps) * (eps_star - eps) / alpha
    unlearnt = nu / eps * gaussian_tail(margin)
    learnt = concepts * (1 - unlearnt)
    return PrintedLaw(learnt, unlearnt, eps_star, x, nu, alpha, first, second)


@solver(domain=GRAPH | {"eps": "(0, 1)"})
def printed_law(
    concepts, texts, d: Any = 6.0, eps: Any = 0.5, as_published: bool = False
) -> PrintedLaw:
    """Returns the finite-length law as the paper prints it.

        P_b = nu* Q(sqrt(R/eps) (eps* - eps)/alpha),    E[R+] = R (1 - P_b/eps)

    with alpha of (22)-(23), where rho is that with the dummy symbols and lambda that of
    the concepts throughout. Its alpha belongs to fixed degrees and random noise, not to
    the graph of the paper, so the law depends on the arbitrary eps, which peeling does
    not, and it has a spurious second maximum in R. `corrected_law` has neither defect.
    NaN where there is no threshold.

    Args:
      concepts, texts, d, eps: as of `threshold`.
      as_published: with the slips of the authors' code: the threshold is the least
        eps(x) on x in [0.1, 1] only; the last term of (22) and the last two of (23) are
        added, not subtracted (alpha 0.94 where it should be 0.59); L is that of
        concepts with at least one text.

    Example:
      >>> law = printed_law(1e5, 4.6e5)
      >>> round(float(law.alpha), 6), round(float(law.learnt), 3)
      (0.590479, 89477.684)

    Source: Nayak & Varshney 2024, equations (2) and (21)-(23).
    """
    of = density.ensemble(concepts, texts, d, eps)
    return printed_of(concepts, eps, of, density.upper_critical(of), as_published)


class CorrectedLaw(NamedTuple):
    """What peeling of the graph leaves unlearnt, on average over graphs.

    Attributes:
      learnt, unlearnt: E[R+], the concepts learnt; the mean fraction that is not.
      stuck: probability that peeling sticks.
      unlearnt_if_stuck: what density evolution leaves; above c*, what it leaves at c*.
      floor: the lower fixed point of density evolution: the concepts without a text,
        (1-p)^T, and those with another unlearnt one in each text. Where density
        evolution has one fixed point, that.
    """

    learnt: Array
    unlearnt: Array
    stuck: Array
    unlearnt_if_stuck: Array
    floor: Array


def _stuck(concepts: Array, texts: Array, at: poisson.Transition) -> Array:
    beyond = texts / concepts - at.texts_per_concept - at.shift * concepts ** (-2 / 3)
    return gaussian_tail(jnp.sqrt(concepts) * beyond / at.sigma)


def corrected_above(concepts: Array, texts: Array, d: Array) -> Array:
    """Returns the unlearnt fraction of `corrected_law` for T/R >= c* and d > e."""
    at = poisson.transition(d)
    stuck = _stuck(concepts, texts, at)
    floor = poisson.lower_fixed_point(texts / concepts * d, d)
    return stuck * at.unlearnt + (1 - stuck) * floor


@solver(domain=GRAPH)
def corrected_law(concepts, texts, d: Any = 6.0) -> CorrectedLaw:
    """Returns the finite-length law of the paper's own graph, independent edges.

        P(stuck) = Q(sqrt(R) (T/R - c* - shift R^(-2/3))/sigma)
        unlearnt = P z_high + (1-P) z_low,    z = exp(-a exp(-d z)) at a = d T/R

    with c*, sigma and shift of `poisson.transition`, and the two fixed points of
    density evolution, z_high held at z* above c*. There is no eps in it. Its absolute
    error is up to 0.09 at R = 500 and 0.06 at 1000: below R = 5000 use
    `learning_law` or `sample_chain`. For d <= e nothing jumps: the law is density
    evolution, and `stuck` is NaN.

    Example:
      >>> law = corrected_law(1e4, 4.6e4)
      >>> round(float(law.unlearnt), 6), round(float(law.stuck), 3)
      (0.307488, 0.377)

    Source: the diffusion limit of peeling, with the shift of Amraoui, Montanari,
    Richardson and Urbanke, "Finite-length scaling for iteratively decoded LDPC
    ensembles" (2009), for independent edges; the meaning of Nayak & Varshney 2024,
    equation (2).
    """
    jumps = d > jnp.e
    at = poisson.transition(jnp.where(jumps, d, 6.0))  # 6: not used
    c = texts / concepts
    high, floor = poisson.fixed_points(c * d, d)
    stuck = _stuck(concepts, texts, at)
    # the stuck branch ends at c*; a graph that sticks above c* does so near its end
    rest = jnp.where(c < at.texts_per_concept, high, at.unlearnt)
    rest = jnp.where(jumps, rest, jnp.fmax(high, floor))
    weight = jnp.where(jumps, stuck, 1.0)
    unlearnt = weight * rest + (1 - weight) * floor
    stuck = jnp.where(jumps, stuck, jnp.nan)
    return CorrectedLaw(concepts * (1 - unlearnt), unlearnt, stuck, rest, floor)


@solver(domain={"d": "(0, inf)", "eps": "(0, 1)"})
def equivalent_alpha(d: Any = 6.0, eps: Any = 0.5) -> Array:
    """Returns the alpha that would make equation (21) right for independent edges.

        alpha^2 = eps ((1-z)/z - ln(z)^2/c)    at c = c*, z = z*

    At the defaults it is 0.330, where (22)-(23) give 0.590. NaN for d <= e.

    Example:
      >>> float(equivalent_alpha()).__round__(6)
      0.329897

    Source: Nayak & Varshney 2024, equation (21), matched to `corrected_law`.
    """
    at = poisson.transition(d)
    v = -jnp.log(at.unlearnt)
    return jnp.sqrt(eps * (jnp.expm1(v) - v**2 / at.texts_per_concept))
