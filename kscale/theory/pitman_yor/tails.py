"""Power laws of the Pitman-Yor process: constants, tails, Zipf's curves.

Heaps' curve is `expected_tables` of `moments`.

Source: Pan et al. 2025, section 4 and lemmas G.2 and G.3; Pitman, Combinatorial
Stochastic Processes (2006), chapter 3.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from kscale.theory.numerics.gamma_ratios import log_gamma_cross, log_gamma_ratio
from kscale.theory.numerics.power_law_sums import rule_over_logarithm, rule_with_power
from kscale.theory.pitman_yor.moments import PROCESS
from kscale.theory.solver import solver


class Tail(NamedTuple):
    """Constants of the power laws of PYP(alpha, beta); see `power_law_constants`."""

    stick: ArrayLike
    tables: ArrayLike
    ranked: ArrayLike


@solver(domain=PROCESS)
def power_law_constants(alpha, beta):
    """Returns the constants of the power laws of the process.

        stick    E[Len_n] ~ stick n^(1-1/alpha),
                 Gamma((1+beta)/alpha)/Gamma(1+beta/alpha)
        tables   E[K_n] ~ tables n^alpha,
                 Gamma(1+beta)/(alpha Gamma(alpha+beta))
        ranked   E lim i^(1/alpha) p_i of the weights in falling order,
                 Gamma(1-alpha)^(-1/alpha) Gamma(1+(1+beta)/alpha)
                 / ((1+beta) Gamma(1+beta/alpha))

    Returns:
      `Tail(stick, tables, ranked)`; all NaN at alpha = 0, where there is no power law;
      `stick` and `ranked` overflow to infinity for alpha below about 0.007.

    Example:
      >>> round(float(power_law_constants(0.5, 1.0).tables), 9)
      2.256758334

    Source: Pan et al. 2025, lemmas G.2 and G.3. G.2 holds for the weights in falling
    order only, and its limit is random: `ranked` is the mean of it.
    """
    safe = jnp.where(alpha > 0, alpha, jnp.nan)
    log_stick = log_gamma_ratio(1 + beta / safe, (1 - alpha) / safe)
    tables = (alpha + beta) / safe * jnp.exp(-log_gamma_ratio(1 + beta, alpha))
    # ranked: Gamma(1 + (1+beta)/alpha)/(1+beta) = Gamma((1+beta)/alpha)/alpha
    over_gamma = log_gamma_ratio(1 - alpha, alpha)  # -ln Gamma(1 - alpha)
    ranked = jnp.exp(log_stick + over_gamma / safe) / safe
    return Tail(jnp.exp(log_stick), tables, ranked)


@solver(domain={"rank": "[1, inf)"} | PROCESS)
def zipf_curve(rank, alpha, beta):
    """Returns the mean weight of the i-th largest atom for large i.

    It is `ranked i^(-1/alpha)`, see `power_law_constants`, with i the `rank`: above 1
    where i is too small for the asymptote, NaN at alpha = 0, where weights fall
    exponentially.

    Example:
      >>> zipf_curve([10, 100], 0.5, 1.0).round(6)
      array([0.019099, 0.000191])

    Source: Pan et al. 2025, section 4 (Zipf's law) and lemma G.2.
    """
    return power_law_constants(alpha, beta).ranked * rank ** (-1 / alpha)


@solver(domain={"weight": "(0, 1]"} | PROCESS)
def expected_atoms_above(weight, alpha, beta):
    """Returns the mean number of atoms whose `weight` exceeds x: its mean rank.

    The integral from x to 1 of the mean density of the weights,

        Gamma(1+beta)/(Gamma(1-alpha) Gamma(alpha+beta))
        p^(-1-alpha) (1-p)^(alpha+beta-1)

    For small x it is `tables/Gamma(1-alpha) x^-alpha`: Zipf's law.

    Example:
      >>> round(float(expected_atoms_above(0.01, 0.5, 1.0)), 6)
      10.796111

    Source: Pitman and Yor (1997), the first correlation measure; Pan et al. 2025, lemma
    G.2.
    """
    scale = (alpha + beta) * jnp.exp(
        log_gamma_ratio(1 - alpha, alpha) - log_gamma_ratio(1 + beta, alpha)
    )
    middle = jnp.maximum(weight, 0.5)
    # From x to 1/2 in ln p; from there in 1 - p, whose power may be singular at 0.
    p, weights = rule_over_logarithm(jnp.minimum(weight, 0.5), 0.5)
    density = p ** (-1 - alpha) * jnp.exp((alpha + beta - 1) * jnp.log1p(-p))
    low = jnp.sum(weights * density)
    q, weights = rule_with_power(alpha + beta - 1, 1 - middle)
    high = jnp.sum(weights * (1 - q) ** (-1 - alpha))
    return scale * (low + high)


@solver(domain={"seats": "[1, inf)", "alpha": "[0, 1)"})
def table_size_law(seats, alpha):
    """Returns the share of the tables with exactly j `seats`, as n -> infinity.

    `alpha Gamma(j-alpha)/(Gamma(1-alpha) j!) ~ j^(-1-alpha)`: Zipf's curve of sizes. At
    alpha = 0 almost every table is large, and the share is 0.

    Example:
      >>> table_size_law([1, 2, 3], 0.5)
      array([0.5   , 0.125 , 0.0625])

    Source: Pitman (2006), lemma 3.11.
    """
    return alpha / seats * jnp.exp(-log_gamma_cross(1 - alpha, alpha, seats - 1))
