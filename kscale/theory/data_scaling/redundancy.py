"""Redundancy as a function of the amount of data, Red_D(N): the data scaling law.

Cluster i has frequency p_i and occurs t_i ~ Binomial(N, p_i) times in N draws; a model
that saw it t times loses f(t) nats on it:

    Red_D(N) = sum_i p_i E f(t_i).

Built-in losses: "inverse", f(t) = 1/(t+1), for which Red_D(N) is the mean number of
distinct clusters among N+1 draws divided by N+1; and "unseen", f(t) = 1 where t = 0 and
0 else, the probability that the next draw is new. Any other f is given by a table of
its first values. Losses are per draw, in the unit of f.

Source: Pan et al. 2025, appendix D.1 (definition D.2 to theorem D.5).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import zeta
from jax.typing import ArrayLike

from kscale.theory.numerics import power_law_sums as sums
from kscale.theory.numerics.gamma_ratios import log_gamma_ratio
from kscale.theory.solver import solver

LOSSES = {"inverse": sums.inverse_mean, "unseen": sums.unseen_mean}
_INFINITE = {"draws": "[0, inf)", "alpha": "(0, 1)"}
_FINITE = {"draws": "[0, inf)", "p": "distribution of [clusters]"}
_TABLE = {
    "draws": "integer [0, inf)",
    "table": "(-inf, inf) of [t>=1]",
    "tail": "constant | inverse",
}


class Bounds(NamedTuple):
    """Lower and upper bound of one quantity."""

    lower: ArrayLike
    upper: ArrayLike


@solver(domain=_FINITE | {"loss": "inverse | unseen"})
def data_redundancy(draws, p, loss: str = "inverse"):
    """Returns Red_D(N), from 1 down to 0, for any finite list of frequencies.

    Args:
      draws: N, up to 1e12 and beyond.
      p: frequencies, [clusters].
      loss: static.

    Example:
      >>> round(float(data_redundancy(1, [0.5, 0.5])), 12)  # 3/2 distinct in two draws
      0.75

    Source: Pan et al. 2025, section D.1.
    """
    return jnp.sum(p * LOSSES[loss](draws, p, 1 - p))


@solver(domain=_FINITE | _TABLE)
def data_redundancy_of_table(draws, p, table, tail: str = "constant"):
    """Returns Red_D(N), in the unit of f, for a finite list of frequencies and any f.

    Exact where the table reaches N or the tail is right.

    Args:
      draws, p: as of `data_redundancy`.
      table: f(0), f(1), ..., f(T), [T+1].
      tail: f beyond T: "constant", f(T), or "inverse", f(T) (T+1)/(t+1); static.

    Example:
      >>> float(data_redundancy_of_table(4, [0.5, 0.5], [1.0, 0.0]))  # the unseen
      0.0625

    Source: Pan et al. 2025, definition D.2, for a general loss.
    """
    return jnp.sum(p * sums.table_mean(table, draws, p, 1 - p, tail))


@solver(domain=_INFINITE | {"loss": "inverse | unseen"})
def data_redundancy_power_law(draws, alpha, loss: str = "inverse"):
    """Returns Red_D(N) for the infinite power law `p_i = i^(-1/alpha)/zeta(1/alpha)`.

    Exact to about 1e-13 for alpha up to 0.97, at a cost that does not depend on N, to
    1e12 and beyond. Far out it is `data_redundancy_constant(alpha) N^(alpha-1)` for the
    loss "inverse", alpha times that for "unseen"; the loss is static.

    Example:
      >>> round(float(data_redundancy_power_law(1000, 0.5)), 12)
      0.043186057029

    Source: Pan et al. 2025, theorem D.5.
    """
    return sums.power_law_mean(lambda *p: LOSSES[loss](draws, *p), alpha, draws + 1)


@solver(domain=_INFINITE | _TABLE)
def data_redundancy_power_law_of_table(draws, alpha, table, tail: str = "inverse"):
    """Returns Red_D(N), in the unit of f, for the infinite power law and any f.

    Arguments are those of `data_redundancy_power_law` and `data_redundancy_of_table`;
    jumps of f are resolved for T up to 100.

    Source: Pan et al. 2025, theorem D.5, for a general loss under assumption D.3.
    """
    return sums.power_law_mean(
        lambda *p: sums.table_mean(table, draws, *p, tail=tail), alpha, draws + 1
    )


@solver(domain=_INFINITE)
def expected_distinct_power_law(draws, alpha):
    """Returns the mean number of distinct clusters among N >= 1 draws of the power law.

    It is about `Gamma(1-alpha) (N^alpha) zeta(1/alpha)^-alpha`.

    Example:
      >>> round(float(expected_distinct_power_law(1, 0.5)), 12)
      1.0

    Source: A. Gnedin, B. Hansen, J. Pitman, Probability Surveys 4, 2007, section 3.
    """
    before = jnp.where(draws < 1, 0.0, draws - 1)
    red = sums.power_law_mean(lambda *p: sums.inverse_mean(before, *p), alpha, draws)
    return draws * red


@solver(domain={"alpha": "(0, 1)"})
def data_redundancy_constant(alpha):
    """Returns `Gamma(1-alpha) zeta(1/alpha)^-alpha`, of `Red_D(N) ~ c N^(alpha-1)`.

    It is that of f(t) = 1/(t+1); for "unseen" it is alpha times as large.

    Example:
      >>> round(float(data_redundancy_constant(0.5)), 9)
      1.381976598

    Source: the constant that theorem D.5 of Pan et al. 2025 leaves open.
    """
    log_scale = alpha * sums.log_zeta((1 - alpha) / alpha)
    return jnp.exp(-log_gamma_ratio(1 - alpha, alpha) - log_scale)


@solver(
    domain={"draws": "[1, inf)", "alpha": "(0, 1)"}
    | dict.fromkeys(("unseen_loss", "inverse_loss"), "[0, inf)")
)
def data_redundancy_bounds(draws, alpha, unseen_loss=1.0, inverse_loss=1.0):
    """Returns theorem D.5 with constants: `c1 lower <= Red_D(N) <= c2 upper`.

    With m = floor(N^alpha) and the tail `T = sum_{k > m} p_k` of the power law:

        lower = c1 (1 - 1/(N zeta(1/alpha)))^N T      if f(0) >= c1
        upper = c2 (m/(N+1) + T)                      if f(t) <= c2/(t+1)

    Args:
      draws, alpha: N and the exponent, as of `data_redundancy_power_law`.
      unseen_loss: c1, what an unseen cluster costs at least.
      inverse_loss: c2, of a loss at most c2/(t+1) for every t, t = 0 included.

    Example:
      >>> low, high = data_redundancy_bounds(100, 0.5)
      >>> round(float(low), 6), round(float(high), 6)
      (0.031442, 0.156864)

    Source: Pan et al. 2025, assumption D.3 and the proof of theorem D.5. There, (II)
    leaves t = 0 out although the proof needs it, and one sum starts at N^(1/alpha)
    where N^alpha is meant.
    """
    head = jnp.floor(draws**alpha)
    tail = sums.tail_mass(head, alpha)
    unseen = jnp.exp(draws * jnp.log1p(-1 / (draws * zeta(1 / alpha, 1.0))))
    upper = head / (draws + 1) + tail
    return Bounds(unseen_loss * unseen * tail, inverse_loss * upper)


@solver(domain={"draws": "[0, inf)", "clusters": "integer [1, inf)"})
def data_redundancy_uniform(draws, clusters):
    """Returns Red_D(N) for M equally frequent clusters, `M/(N+1) (1 - (1-1/M)^(N+1))`.

    The loss is "inverse". No power law: about `1 - N/(2M)` for N well below M, and
    `M/(N+1)` above.

    Example:
      >>> float(data_redundancy_uniform(1, 2))  # once 1/2, else 1
      0.75

    Source: elementary; the case that no power law fits.
    """
    return sums.inverse_mean(draws, 1 / clusters, 1 - 1 / clusters)
