"""Samplers of the Pitman-Yor process and of the Syntax-Knowledge model.

All draw from the exact law and are vectorized: a million customers are seated in a
fraction of a second.

Source: Pan et al. 2025, section 4, appendix C and lemma G.1.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import special

from kscale.theory import checks
from kscale.theory.pitman_yor.moments import PROCESS


class Sticks(NamedTuple):
    """Weights in the order of discovery, and what is left after them.

    Attributes:
      weights: [..., atoms].
      left: [...]; `weights.sum(-1) + left == 1` up to rounding.
    """

    weights: np.ndarray
    left: np.ndarray


class Corpus(NamedTuple):
    """Sentences of one draw of the Syntax-Knowledge model, with all latent variables.

    A sentence is the pair (element, wording).

    Attributes:
      cluster: [sentences], the knowledge cluster, numbered in order of appearance.
      element: [sentences], the knowledge element kappa.
      form: [sentences], which of the n_s syntax models says it: `element % n_s`.
      wording: [sentences], the syntax element xi.
      knowledge: [clusters, d_knw], parameters of the clusters that appear.
      syntax: [n_s, d_syn], parameters of the syntax models.
    """

    cluster: np.ndarray
    element: np.ndarray
    form: np.ndarray
    wording: np.ndarray
    knowledge: np.ndarray
    syntax: np.ndarray


@checks.check_domain({"atoms": "integer [1, inf)"} | PROCESS)
def stick_breaking(
    rng: np.random.Generator,
    atoms: int,
    alpha: float,
    beta: float,
    shape: tuple[int, ...] = (),
) -> Sticks:
    """Draws weights of PYP(alpha, beta) by breaking sticks.

    `p_j = W_j prod_{i<j} (1-W_i)` with independent `W_i ~ Beta(1-alpha, beta+i alpha)`.

    Args:
      rng: the source of randomness.
      atoms: number of sticks to break.
      alpha, beta: discount and concentration.
      shape: of independent draws of the process.

    Returns:
      `Sticks(weights, left)`, `[*shape, atoms]` and `[*shape]`.

    Example:
      >>> stick_breaking(np.random.default_rng(0), 3, 0.5, 1.0).weights.shape
      (3,)

    Source: Pan et al. 2025, lemma G.1.
    """
    size = (*shape, atoms)
    # Two gammas give W and 1 - W, each with all its digits; near shape 0 both underflow
    # and only their logarithms are numbers.
    odds = _log_gamma_draw(rng, beta + alpha * np.arange(1, atoms + 1), size)
    odds -= _log_gamma_draw(rng, 1 - alpha, size)
    left = np.cumprod(special.expit(odds), axis=-1)
    before = np.concatenate([np.ones((*shape, 1)), left[..., :-1]], axis=-1)
    return Sticks(before * special.expit(-odds), left[..., -1])


def _log_gamma_draw(
    rng: np.random.Generator, concentration: Any, size: tuple[int, ...]
) -> np.ndarray:
    """Draws ln of gamma variables: that of a is one of a + 1 times U^(1/a)."""
    above = np.log(rng.standard_gamma(concentration + 1, size))
    return above - rng.standard_exponential(size) / concentration


@checks.check_domain({"customers": "integer [1, inf)"} | PROCESS)
def chinese_restaurant(
    rng: np.random.Generator, customers: int, alpha: float, beta: float
) -> np.ndarray:
    """Seats n customers one after another by the Pitman-Yor restaurant, exactly.

    The n-th customer joins table k of N_k customers with probability
    `(N_k - alpha)/(n-1+beta)` and else opens the next. Equivalently, each copies the
    table of an earlier customer picked evenly, except that a pick of a table's founder
    opens a new table with probability alpha, as does the extra mass beta. All picks and
    coins are drawn at once; founders and tables then follow by doubling pointers, in
    time `customers x log(log customers)`.

    Returns:
      Table of each customer, int64 [n], numbered from 0 in order of opening.

    Example:
      >>> chinese_restaurant(np.random.default_rng(0), 5, 0.0, 1e-12)
      array([0, 0, 0, 0, 0])

    Source: Pan et al. 2025, section 4; the construction is ours.
    """
    earlier = np.arange(customers, dtype=np.float64)
    point = rng.random(customers) * (earlier + beta)
    coin = rng.random(customers)
    # [0, beta) opens a table; then one unit for each earlier customer. A negative beta
    # is taken from the unit of the first, who is a founder for certain.
    picked = np.floor(point - beta).astype(np.int64)
    opens = picked < 0
    first = picked <= 0 if beta < 0 else np.zeros(customers, bool)
    opens &= ~first
    # Rounding can reach the customer's own number: only those before can be picked.
    picked = np.clip(picked, 0, np.maximum(np.arange(customers) - 1, 0))
    chance = np.where(first, (alpha + beta) / (1 + beta), alpha)
    doubtful = coin < chance  # opens a table if the picked one founded one
    opens[0], doubtful[0] = True, False
    # Follow picks as long as there is doubt: the end of the chain decides.
    everyone = np.arange(customers)
    founder = opens[_roots(np.where(doubtful & ~opens, picked, everyone))]
    table = np.cumsum(founder) - 1
    return table[_roots(np.where(founder, everyone, picked))]


def table_sizes(tables: np.ndarray) -> np.ndarray:
    """Counts the customers at each table, from the table of each customer.

    Example:
      >>> table_sizes(np.array([0, 0, 1, 0]))
      array([3, 1])
    """
    return np.bincount(tables)


def _roots(parent: np.ndarray) -> np.ndarray:
    """Follows `parent` to its fixed points; the path halves each turn."""
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return parent
        parent = above


@checks.check_domain(
    dict.fromkeys(
        ("sentences", "d_knw", "d_syn", "n_s", "wordings"), "integer [1, inf)"
    )
    | {"elements": "integer [n_s, inf)", "lipschitz": "[0, inf) of [2]"}
    | PROCESS
)
def syntax_knowledge_corpus(
    rng: np.random.Generator,
    sentences: int,
    alpha: float = 0.5,
    beta: float = 1.0,
    d_knw: int = 10,
    d_syn: int = 10,
    n_s: int = 5,
    elements: int = 256,
    wordings: int = 50,
    lipschitz: tuple[float, float] = (1.0, 1.0),
) -> Corpus:
    """Writes sentences by the Syntax-Knowledge model.

    A Pitman-Yor mixture picks a knowledge cluster phi; the cluster picks a knowledge
    element kappa; kappa picks one of n_s syntax models, which picks the wording xi. The
    parameters of clusters and of syntax models are uniform on the unit balls. The paper
    leaves the families open; here they are the log-linear ones

        P(kappa | phi) ~ exp(L/2 <phi, v_kappa>),   v_kappa random unit vectors

    (and alike for xi), whose log-likelihoods are L-Lipschitz: assumption 5.1 holds.

    Args:
      sentences: N.
      alpha, beta: discount and concentration.
      d_knw, d_syn: dimension of the parameter of a cluster and of a syntax model.
      n_s: number of syntax models.
      elements: number of knowledge elements.
      wordings: number of syntax elements, the paper's templates.
      lipschitz: the constants (L_knw, L_syn).

    Returns:
      `Corpus`, whose clusters follow the exact Pitman-Yor law.

    Example:
      >>> corpus = syntax_knowledge_corpus(np.random.default_rng(0), 5)
      >>> corpus.cluster.shape
      (5,)

    Source: Pan et al. 2025, section 4 and appendix C.
    """
    cluster = chinese_restaurant(rng, sentences, alpha, beta)
    knowledge = _in_ball(rng, int(cluster.max()) + 1, d_knw)
    syntax = _in_ball(rng, n_s, d_syn)
    element = _log_linear(rng, cluster, knowledge, elements, lipschitz[0])
    form = element % n_s
    wording = _log_linear(rng, form, syntax, wordings, lipschitz[1])
    return Corpus(cluster, element, form, wording, knowledge, syntax)


def _in_ball(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """Draws points of the unit ball, [count, dimension], evenly."""
    radius = rng.random((count, 1)) ** (1 / dimension)
    return radius * _on_sphere(rng, count, dimension)


def _on_sphere(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    normal = rng.standard_normal((count, dimension))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _log_linear(rng, row, parameters, outcomes, lipschitz):
    """Draws one outcome for each entry of `row`, the index of its parameter."""
    features = _on_sphere(rng, outcomes, parameters.shape[1])
    weights = np.exp(lipschitz / 2 * parameters @ features.T)
    upto = np.cumsum(weights, axis=1)
    upto /= upto[:, -1:]
    # All rows in one sorted list: row r occupies (r, r+1].
    flat = (upto + np.arange(len(parameters))[:, None]).reshape(-1)
    place = np.searchsorted(flat, row + rng.random(len(row)), side="right")
    return np.clip(place - row * outcomes, 0, outcomes - 1)
