"""Theorem 5.2 with its constants, and the covers of the simplex that it needs.

Source: Pan et al. 2025, theorem 5.2 and its proof, theorem G.7.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kscale.theory import checks
from kscale.theory.numerics.gamma_ratios import log_gamma_ratio
from kscale.theory.pitman_yor.moments import PROCESS, stick_remainder
from kscale.theory.solver import solver


class RedundancyBound(NamedTuple):
    """Upper bound of the Bayes redundancy of N sentences, in nats.

    Attributes:
      total: sum of the five terms.
      unseen, cover, simplex, knw, syn: the terms, as of `redundancy_bound`.
      m: clusters that are named, floor(N^alpha).
    """

    total: ArrayLike
    unseen: ArrayLike
    cover: ArrayLike
    simplex: ArrayLike
    knw: ArrayLike
    syn: ArrayLike
    m: ArrayLike


class Cover(NamedTuple):
    """A finite cover of the simplex; see `simplex_cover`."""

    cells: ArrayLike
    log_size: ArrayLike
    radius: ArrayLike


@solver(
    domain={"draws": "[1, inf)"}
    | PROCESS
    | dict.fromkeys(("d_knw", "d_syn", "n_s"), "[1, inf)")
    | dict.fromkeys(("l_knw", "l_syn"), "(0, inf)")
    | {"log_elements": "[0, inf)", "cover": "valid | published"}
)
def redundancy_bound(
    draws,
    alpha,
    beta,
    d_knw=10.0,
    d_syn=10.0,
    n_s=5.0,
    l_knw=1.0,
    l_syn=1.0,
    log_elements=20.0,
    cover: str = "published",
):
    """Returns a bound of the Bayes redundancy of the Syntax-Knowledge model.

    With eps = 1/N, m = floor(N^alpha) clusters named and n = m + 1 weights, these pay
    for unseen clusters, what finite covers lose, and the naming of weights, of the
    parameters of m knowledge clusters and of those of n_s syntax models:

        unseen    N E[Len_m] ln|K|
        cover     3 N eps                        2 N eps + N ln(1+eps) if "valid"
        simplex   n ln floor(n/eps)              ln C(M-1, n-1), M = ceil(n (1+1/eps))
        knw       m d_knw ln ceil(2 L_knw sqrt(d_knw)/eps)
        syn       n_s d_syn ln ceil(2 L_syn sqrt(d_syn)/eps)

    Per sentence it is of order (d_knw N^(alpha-1) + n_s d_syn/N) ln N. The bound holds
    for the optimal predictor, hence for the mutual information; nothing says it is
    tight.

    Args:
      draws: N, sentences.
      alpha, beta: discount and concentration.
      d_knw, d_syn: dimension of the parameter of a cluster and of a syntax model.
      n_s: number of syntax models.
      l_knw, l_syn: Lipschitz constants of both models, assumption 5.1.
      log_elements: ln|K|, nats that one knowledge element takes at most.
      cover: of the simplex. "published" counts the points of the printed grid, which
        does not cover it with radius eps; "valid" takes `simplex_cover`, whose terms
        are smaller, so that the printed total stands. Static.

    Example:
      >>> round(float(redundancy_bound(1e6, 0.5, 1.0).total))
      237951

    Source: Pan et al. 2025, the proof of theorem G.7. Its last display moves a factor 2
    from one logarithm to another and drops those inside; these are the terms before it.
    """
    m = jnp.floor(draws**alpha)
    n = m + 1
    unseen = draws * stick_remainder(m, alpha, beta) * log_elements
    knw = m * d_knw * jnp.log(jnp.ceil(2 * l_knw * jnp.sqrt(d_knw) * draws))
    syn = n_s * d_syn * jnp.log(jnp.ceil(2 * l_syn * jnp.sqrt(d_syn) * draws))
    if cover == "valid":
        loss = 2 + draws * jnp.log1p(1 / draws)
        simplex = simplex_cover(n, 1 / draws).log_size
    else:
        loss = jnp.asarray(3.0)
        simplex = n * jnp.log(jnp.floor(n * draws))
    total = unseen + loss + simplex + knw + syn
    return RedundancyBound(total, unseen, loss, simplex, knw, syn, m)


@solver(domain={"outcomes": "integer [1, inf)", "eps": "(0, inf)"})
def simplex_cover(outcomes, eps):
    """Returns a cover of the simplex in divergence: multiples of 1/M, none 0.

    `M = ceil(n (1 + 1/eps))` cells, n `outcomes`. To p belongs a q with
    `q_i >= p_i (M-n)/M`, see `nearest_in_cover`, so that
    `KL(p||q) <= ln(M/(M-n)) <= ln(1+eps) <= eps` nats.

    Returns:
      `Cover(cells, log_size, radius)`: M, ln of the number of points,
      `ln C(M-1, n-1)`, and the largest divergence to the nearest, `ln(1+eps)`.

    Example:
      >>> cover = simplex_cover(2, 1.0)
      >>> float(cover.cells), round(float(cover.log_size), 6)
      (4.0, 1.098612)

    Source: ours; it repairs the cover in the proof of theorem G.7 of Pan et al. 2025,
    at the same rate.
    """
    cells, others = jnp.ceil(outcomes * (1 + 1 / eps)), outcomes - 1
    # C(M-1, n-1) = (M-n+1)_(n-1)/(n-1)!
    size = log_gamma_ratio(cells - outcomes + 1, others) - log_gamma_ratio(1.0, others)
    return Cover(cells, size, jnp.log1p(eps))


@solver(domain={"outcomes": "integer [1, inf)", "eps": "(0, inf)"})
def published_cover_gap(outcomes, eps):
    """Returns how far, in nats, a corner of the simplex lies from the printed grid.

    The grid claims the radius eps. It has `G = floor(n/eps)` cells for n outcomes, none
    empty, so the point nearest to a corner gives it `(G-n+1)/G` and
    `KL = ln(G/(G-n+1))`, which exceeds eps for n > 2 and eps above about 2/n. The proof
    bounds `(p_i-q_i)^2/q_i` as if q_i were at least `|p_i-q_i|`.

    Returns:
      The divergence; inf where the grid has no point at all (G < n).

    Example:
      >>> round(float(published_cover_gap(3, 1.0)), 12)  # ln 3, not at most 1
      1.098612288668

    Source: Pan et al. 2025, the proof of theorem G.7.
    """
    cells = jnp.floor(outcomes / eps)
    largest = cells - outcomes + 1
    gap = jnp.log(cells) - jnp.log(jnp.maximum(largest, 1.0))
    return jnp.where(largest >= 1, gap, jnp.inf)


@checks.check_domain({"p": "distribution of [n]", "eps": "(0, inf)"})
def nearest_in_cover(p: np.ndarray, eps: float) -> np.ndarray:
    """Returns the point of `simplex_cover` that stands for p.

    Each outcome gets `floor(p_i (M-n)) + 1` of the M cells, the most likely the rest:
    positive multiples of 1/M, [n], with `KL(p||q) <= ln(1+eps)`.

    Example:
      >>> nearest_in_cover(np.array([0.9, 0.1]), 1.0)
      array([0.75, 0.25])

    Source: as `simplex_cover`.
    """
    p = np.asarray(p, float)
    n = len(p)
    cells = int(np.ceil(n * (1 + 1 / eps)))
    share = np.floor(p * (cells - n)) + 1
    share[np.argmax(p)] += cells - share.sum()
    return share / cells
