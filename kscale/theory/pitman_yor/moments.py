"""Moments and curves of the Pitman-Yor process PYP(alpha, beta), in closed form.

Discount `0 <= alpha < 1`, concentration `beta > -alpha`; alpha = 0 is the Dirichlet
process, and every formula reaches it without a jump. Numbers of customers and of sticks
may be as large as 1e12: ratios of gamma functions are taken as ratios.

Source: Pan et al. 2025, section 4 and lemmas G.1 to G.3; Pitman, Combinatorial
Stochastic Processes (2006), chapter 3.
"""

import math

import jax.numpy as jnp
import numpy as np

from kscale.theory.numerics.gamma_ratios import digamma_gap, log_gamma_cross
from kscale.theory.solver import solver

PROCESS = {"alpha": "[0, 1)", "beta": "(-alpha, inf)"}
_SMALL = 0.01  # below, what is divided by alpha is expanded in it
# Gauss's rule on [0, 1], for a mean over [0, alpha]
_points, _weights = np.polynomial.legendre.leggauss(8)
_POINTS, _WEIGHTS = (_points + 1) / 2, _weights / 2
# ln n! ~ ... + sum_k B_2k/(2k (2k-1)) n^(1-2k), k = 1, 2, 3
_STIRLING = (1 / 12, -1 / 360, 1 / 1260)


def _log_stick(sticks, alpha, beta):
    near = alpha * jnp.maximum(sticks, 1.0) <= _SMALL * beta
    far = jnp.where(near, 0.5, alpha)
    shift = jnp.where(near, 1.0, beta)
    ratio = -log_gamma_cross((far + shift) / far, (1 - far) / far, sticks)
    beta = jnp.where(near, beta, 1.0)
    x, y = (jnp.where(near, alpha / z, 0.0) for z in (beta, 1 + beta))
    # prod (beta + i alpha)/(1 + beta + (i-1) alpha), beta and 1 + beta taken out
    factors = _log_product(x, sticks) - _log_product(y, sticks)
    factors += jnp.log1p(sticks * y) - sticks * jnp.log1p(1 / beta)
    return jnp.where(near, factors, ratio)


def _log_product(x, n):
    """Returns `sum_{i<=n} ln(1 + i x)` for n x up to 0.01, by Euler and Maclaurin."""
    w = n * x
    # ((1+w) ln(1+w) - w)/w
    powers = [0.0] + [(-1) ** (m + 1) / (m * (m + 1)) for m in range(1, 9)]
    value = n * jnp.polyval(jnp.asarray(powers[::-1]), w) + 0.5 * jnp.log1p(w)
    for k, coefficient in enumerate(_STIRLING, 1):
        odd = 2 * k - 1
        value += coefficient * x**odd * jnp.expm1(-odd * jnp.log1p(w))
    return value


@solver(domain={"sticks": "[0, inf)"} | PROCESS)
def stick_remainder(sticks, alpha, beta):
    """Returns the mean of what n `sticks` of PYP(alpha, beta) leave of 1, E[Len_n].

        E[Len_n] = prod_{i<=n} (beta + i alpha)/(1 + beta + (i-1) alpha)
                 = Gamma(n+1+beta/alpha) Gamma((1+beta)/alpha)
                   / (Gamma(n+(1+beta)/alpha) Gamma(1+beta/alpha)) ~ n^(1-1/alpha)

    and `(beta/(1+beta))^n` at alpha = 0.

    Example:
      >>> round(float(stick_remainder(10, 0.5, 1.0)), 12)
      0.230769230769

    Source: Pan et al. 2025, lemma G.3. The E[W_i] printed in its proof is E[1 - W_i].
    """
    return jnp.exp(_log_stick(sticks, alpha, beta))


@solver(domain={"atom": "[1, inf)"} | PROCESS)
def stick_weight(atom, alpha, beta):
    """Returns the mean weight of the j-th `atom` in (size-biased) order of discovery.

    `E[p_j] = (1-alpha)/(1 + beta + (j-1) alpha) E[Len_{j-1}]`.

    Example:
      >>> round(float(stick_weight(2, 0.5, 1.0)), 12)
      0.15

    Source: Pan et al. 2025, lemma G.1.
    """
    before = atom - 1
    share = (1 - alpha) / (1 + beta + before * alpha)
    return share * jnp.exp(_log_stick(before, alpha, beta))


@solver(domain={"customers": "[1, inf)"} | PROCESS)
def expected_tables(customers, alpha, beta):
    """Returns the mean number of tables of n customers, E[K_n]: Heaps' curve.

        E[K_n] = Gamma(1+beta) Gamma(n+alpha+beta) / (alpha Gamma(alpha+beta)
                 Gamma(n+beta)) - beta/alpha

    and `beta (psi(n+beta) - psi(beta))` at alpha = 0. Grows like n^alpha;
    n need not be whole.

    Example:
      >>> round(float(expected_tables(1e12, 0.5, 1.0)), 3)
      2256756.334

    Source: Pan et al. 2025, section 4 (Heaps' law); Pitman (2006), section 3.3.
    """
    near = alpha < _SMALL
    far = jnp.where(near, 0.5, alpha)
    shift = jnp.where(near, 0.0, beta)
    logarithm = log_gamma_cross(1 + shift, far, customers - 1)
    # K = e^L + beta (e^L - 1)/alpha. For beta < 0 those two cancel, and the terms of
    # the other form are both positive.
    positive = jnp.exp(logarithm) + shift * jnp.expm1(logarithm) / far
    negative = ((far + shift) * jnp.exp(logarithm) - shift) / far
    tables = jnp.where(shift < 0, negative, positive)
    # L/alpha is the mean of the digamma gap over [0, alpha]: no quotient at alpha = 0.
    alpha, beta = (jnp.where(near, z, 0.0) for z in (alpha, beta))
    rise = jnp.asarray(_WEIGHTS) @ digamma_gap(
        1 + beta + alpha * jnp.asarray(_POINTS), customers - 1
    )
    few = 1 + (alpha + beta) * rise * _exponential_quotient(alpha * rise)
    return jnp.where(near, few, tables)


def _exponential_quotient(x):
    """Returns `(e^x - 1)/x`, with all derivatives at 0."""
    small = jnp.abs(x) < 0.5
    near = jnp.asarray([1 / math.factorial(k) for k in range(14, 0, -1)])
    series = jnp.polyval(near, jnp.where(small, x, 0.0))
    far = jnp.where(small, 1.0, x)
    return jnp.where(small, series, jnp.expm1(far) / far)


@solver(domain={"customers": "[1, inf)", "seats": "integer [1, customers]"} | PROCESS)
def expected_tables_of_size(seats, customers, alpha, beta):
    """Returns the mean number of tables with exactly j `seats`, E[M_{n,j}].

    `C(n, j) B(j-alpha, n-j+alpha+beta)/B(1-alpha, alpha+beta)`. Summed over j with
    weight 1 it is E[K_n], with weight j it is n.

    Example:
      >>> expected_tables_of_size([1, 2], 2, 0.5, 1.0).round(12)
      array([1.5 , 0.25])

    Source: Pitman (2006), section 3.2; Pan et al. 2025, section 4 (Zipf's law).
    """
    others = customers - seats
    logarithm = (
        log_gamma_cross(1 + beta, alpha, others)
        - log_gamma_cross(others + 1, beta, seats)
        - log_gamma_cross(1 - alpha, alpha, seats - 1)
    )
    first = alpha + beta
    scale = first * (customers + beta) / (others + first)
    return scale / seats * jnp.exp(logarithm)


@solver(domain=PROCESS)
def expected_square(alpha, beta):
    """Returns the probability that two draws are the same atom, (1-alpha)/(1+beta).

    Example:
      >>> float(expected_square(0.5, 1.0))
      0.25

    Source: the first stick of lemma G.1 of Pan et al. 2025, size-biased: its mean.
    """
    return (1 - alpha) / (1 + beta)


@solver(domain=PROCESS)
def expected_entropy(alpha, beta):
    """Returns the mean entropy of the weights in nats, `psi(1+beta) - psi(1-alpha)`.

    Example:
      >>> round(float(expected_entropy(0.5, 1.0)), 12)  # 1 + 2 ln 2
      2.38629436112

    Source: E. Archer, I. Park, J. Pillow, JMLR 15, 2014.
    """
    return digamma_gap(1 - alpha, alpha + beta)
