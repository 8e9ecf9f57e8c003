"""Moments and curves of the Pitman-Yor process PYP(alpha, beta), in closed form.

Discount `0 <= alpha < 1`, concentration `beta > -alpha`; alpha = 0 is the Dirichlet
process, and every formula reaches it without a jump. Numbers of customers and of sticks
may be as large as 1e12: ratios of gamma functions are taken as ratios.

Source: paper 000, section 4 and lemmas G.1 to G.3; Pitman, Combinatorial Stochastic
Processes (2006), chapter 3.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from kscale.theory import domain
from kscale.theory.gamma_ratios import digamma_gap, log_gamma_cross, log_gamma_ratio
from kscale.theory.quadrature import integral_over_logarithm, integral_with_power
from kscale.theory.scope import solver

# Stands for alpha = 0 where a formula divides by alpha; its effect is below 1e-140.
_SMALLEST = 1e-150


class Tail(NamedTuple):
    """Constants of the power laws of PYP(alpha, beta); see `power_law_constants`."""

    stick: np.ndarray
    tables: np.ndarray
    ranked: np.ndarray


def _check(alpha, beta, **counts):
    domain.pitman_yor(alpha, beta)
    for name, value in counts.items():
        domain.inside(name, value, "[0, inf)" if name == "sticks" else "[1, inf)")


def _check_weights(alpha, beta, weight):
    domain.pitman_yor(alpha, beta)
    domain.inside("weight", weight, "(0, 1]")


def _check_seats(alpha, beta, customers, seats):
    _check(alpha, beta, customers=customers)
    domain.whole("seats", seats, "[1, inf)")
    bad = np.asarray(seats, float) > np.asarray(customers, float)
    domain.refuse("seats", seats, bad, "must not exceed customers")


def _log_stick(sticks, alpha, beta):
    alpha = jnp.maximum(alpha, _SMALLEST)
    return -log_gamma_cross((alpha + beta) / alpha, (1 - alpha) / alpha, sticks)


@solver(scalars=("sticks", "alpha", "beta"), check=_check)
def stick_left(sticks, alpha, beta):
    """Mean of what is left of the unit stick after `sticks` breaks, E[Len_n].

        E[Len_n] = prod_{i<=n} (beta + i alpha)/(1 + beta + (i-1) alpha)
                 = Gamma(n+1+beta/alpha) Gamma((1+beta)/alpha)
                   / (Gamma(n+(1+beta)/alpha) Gamma(1+beta/alpha)) ~ n^(1-1/alpha)

    and `(beta/(1+beta))^n` at alpha = 0.

    Args:
      sticks: n, at least 0.
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number in (0, 1].

    Raises:
      ValueError: a parameter outside its range.

    Example:
      >>> round(float(stick_left(10, 0.5, 1.0)), 12)
      0.230769230769

    Source: paper 000, lemma G.3. The E[W_i] printed in its proof is E[1 - W_i].
    """
    return jnp.exp(_log_stick(sticks, alpha, beta))


@solver(scalars=("atom", "alpha", "beta"), check=_check)
def stick_weight(atom, alpha, beta):
    """Mean weight of the j-th atom in the order of discovery (size-biased order).

    `E[p_j] = (1-alpha)/(1 + beta + (j-1) alpha) E[Len_{j-1}]`.

    Args:
      atom: j, the place of the atom; at least 1.
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number in (0, 1).

    Raises:
      ValueError: a parameter outside its range.

    Source: paper 000, lemma G.1.
    """
    before = atom - 1
    share = (1 - alpha) / (1 + beta + before * alpha)
    return share * jnp.exp(_log_stick(before, alpha, beta))


@solver(scalars=("customers", "alpha", "beta"), check=_check)
def expected_tables(customers, alpha, beta):
    """Mean number of tables of n customers, E[K_n]: Heaps' curve.

        E[K_n] = Gamma(1+beta) Gamma(n+alpha+beta) / (alpha Gamma(alpha+beta)
                 Gamma(n+beta)) - beta/alpha

    and `beta (psi(n+beta) - psi(beta))` at alpha = 0. Grows like n^alpha.

    Args:
      customers: n, at least 1; need not be whole.
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number in [1, n].

    Raises:
      ValueError: a parameter outside its range.

    Example:
      >>> round(float(expected_tables(1e12, 0.5, 1.0)), 3)
      2256756.334

    Source: paper 000, section 4 (Heaps' law); Pitman (2006), section 3.3.
    """
    logarithm = log_gamma_cross(1 + beta, alpha, customers - 1)
    # K = e^L + beta (e^L - 1)/alpha; the quotient keeps its digits as alpha -> 0. For
    # beta < 0 those two cancel, and the terms of the other form are both positive.
    safe = jnp.where(alpha > 0, alpha, 1.0)
    slope = jnp.where(
        alpha > 0,
        jnp.expm1(logarithm) / safe,
        digamma_gap(1 + beta, customers - 1),
    )
    negative = ((alpha + beta) * jnp.exp(logarithm) - beta) / safe
    return jnp.where(beta < 0, negative, jnp.exp(logarithm) + beta * slope)


@solver(scalars=("seats", "customers", "alpha", "beta"), check=_check_seats)
def expected_tables_of_size(seats, customers, alpha, beta):
    """Mean number of tables at which exactly j of n customers sit, E[M_{n,j}].

    `C(n, j) B(j-alpha, n-j+alpha+beta)/B(1-alpha, alpha+beta)`. Summed over j with
    weight 1 it is E[K_n], with weight j it is n.

    Args:
      seats: j, whole, from 1 to n.
      customers: n, at least 1.
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number, at least 0.

    Raises:
      ValueError: a parameter outside its range, or j > n.

    Source: Pitman (2006), section 3.2; paper 000, section 4 (Zipf's law).
    """
    return _tables_of_size(seats, customers, alpha, beta)


def _tables_of_size(seats, customers, alpha, beta):
    others = customers - seats
    logarithm = (
        log_gamma_cross(1 + beta, alpha, others)
        - log_gamma_cross(others + 1, beta, seats)
        - log_gamma_cross(1 - alpha, alpha, seats - 1)
    )
    first = alpha + beta
    scale = first * (customers + beta) / (others + first)
    return scale / seats * jnp.exp(logarithm)


@solver(scalars=("seats", "alpha"))
def table_size_law(seats, alpha):
    """Share of the tables that hold exactly j customers, as n -> infinity.

    `alpha Gamma(j-alpha)/(Gamma(1-alpha) j!) ~ j^(-1-alpha)`: Zipf's curve of sizes.

    Args:
      seats: j, at least 1.
      alpha: discount in (0, 1); at 0 almost every table is large and the share is 0.

    Returns:
      A probability; they sum to 1 over j.

    Source: Pitman (2006), lemma 3.11.
    """
    return alpha / seats * jnp.exp(-log_gamma_cross(1 - alpha, alpha, seats - 1))


@solver(scalars=("alpha", "beta"), check=_check)
def expected_square(alpha, beta):
    """Probability that two draws are the same atom, `E[sum p^2]`, (1-alpha)/(1+beta).

    Args:
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number in (0, 1).

    Raises:
      ValueError: a parameter outside its range.
    """
    return (1 - alpha) / (1 + beta)


@solver(scalars=("alpha", "beta"), check=_check)
def expected_entropy(alpha, beta):
    """Mean entropy of the weights in nats, `psi(1+beta) - psi(1-alpha)`.

    Args:
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      Nats, above 0.

    Raises:
      ValueError: a parameter outside its range.
    """
    return digamma_gap(1 - alpha, alpha + beta)


@solver(scalars=("alpha", "beta"), check=_check)
def power_law_constants(alpha, beta):
    """Constants of the power laws of the process.

        stick    E[Len_n] ~ stick n^(1-1/alpha),
                 Gamma((1+beta)/alpha)/Gamma(1+beta/alpha)
        tables   E[K_n] ~ tables n^alpha,
                 Gamma(1+beta)/(alpha Gamma(alpha+beta))
        ranked   E lim i^(1/alpha) p_i of the weights in falling order,
                 Gamma(1-alpha)^(-1/alpha) Gamma(1+(1+beta)/alpha)
                 / ((1+beta) Gamma(1+beta/alpha))

    Args:
      alpha: discount in [0, 1); at 0 there is no power law and all three are NaN.
      beta: concentration, above -alpha.

    Returns:
      `Tail(stick, tables, ranked)`; `stick` and `ranked` overflow to infinity for alpha
      below about 0.007.

    Raises:
      ValueError: a parameter outside its range.

    Source: paper 000, lemmas G.2 and G.3. G.2 holds for the weights in falling order
    only, and its limit is random: `ranked` is the mean of it.
    """
    safe = jnp.where(alpha > 0, alpha, jnp.nan)
    log_stick = log_gamma_ratio(1 + beta / safe, (1 - alpha) / safe)
    tables = (alpha + beta) / safe * jnp.exp(-log_gamma_ratio(1 + beta, alpha))
    # ranked: Gamma(1 + (1+beta)/alpha)/(1+beta) = Gamma((1+beta)/alpha)/alpha
    over_gamma = log_gamma_ratio(1 - alpha, alpha)  # -ln Gamma(1 - alpha)
    ranked = jnp.exp(log_stick + over_gamma / safe) / safe
    return Tail(jnp.exp(log_stick), tables, ranked)


@solver(scalars=("weight", "alpha", "beta"), check=_check_weights)
def expected_atoms_above(weight, alpha, beta):
    """Mean number of atoms whose weight exceeds x: the rank that x has on average.

    The integral from x to 1 of the mean density of the weights,

        Gamma(1+beta)/(Gamma(1-alpha) Gamma(alpha+beta))
        p^(-1-alpha) (1-p)^(alpha+beta-1)

    For small x it is `tables/Gamma(1-alpha) x^-alpha`: Zipf's law.

    Args:
      weight: x in (0, 1].
      alpha: discount in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      A number from 0 to 1/x.

    Raises:
      ValueError: a parameter outside its range.

    Source: Pitman and Yor (1997), the first correlation measure; paper 000, lemma G.2.
    """
    scale = (alpha + beta) * jnp.exp(
        log_gamma_ratio(1 - alpha, alpha) - log_gamma_ratio(1 + beta, alpha)
    )
    middle = jnp.maximum(weight, 0.5)
    # From x to 1/2 in ln p; from there in 1 - p, whose power may be singular at 0.
    low = integral_over_logarithm(
        lambda p: p ** (-1 - alpha) * jnp.exp((alpha + beta - 1) * jnp.log1p(-p)),
        jnp.minimum(weight, 0.5),
        0.5,
    )
    high = integral_with_power(
        lambda q: (1 - q) ** (-1 - alpha), alpha + beta - 1, 1 - middle
    )
    return scale * (low + high)
