"""Information about many coins of known frequency, exactly: a data scaling law.

Source: Pan et al. 2025, section 5.2, in a case that can be computed to the last digit.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from kscale.theory.data_scaling.bayes import LIMIT, ZETA_SLOPE, coin_information
from kscale.theory.numerics import power_law_sums as sums
from kscale.theory.numerics.count_laws import log_binomial_law, log_poisson_law
from kscale.theory.solver import solver

_SMOOTH = 1500.0  # mean count above which E I(t) is expanded in moments
_LAST = int(_SMOOTH + 12 * _SMOOTH**0.5)  # counts walked through below that
_FAR = 1e12


def _information_slopes(mean):
    """Returns the derivatives 2 to 6 of ln z/2 + ln z/(6z) + c/z + d/z^3, z = t+1."""
    z = mean + 1.0
    c, d = 1 / 12 - 2 * ZETA_SLOPE, -1 / 360 + 1 / 120
    slopes = []
    for n in range(2, 7):
        harmonic = sum(1 / i for i in range(1, n + 1))
        value = -math.factorial(n - 1) / 2 * z**-n
        value += math.factorial(n) * z ** (-n - 1) * ((jnp.log(z) - harmonic) / 6 + c)
        value += d * math.factorial(n + 2) / 2 * z ** (-n - 3)
        slopes.append((-1) ** n * value)
    return slopes


def _expand_in_moments(mean, variance, product, skew):
    """Returns E I(t) by moments; `product` is p (1-p), `skew` 1 - 2p of a binomial."""
    v, rest = variance, 1 - 4 * product
    moments = (
        v,
        v * skew,
        v * (3 * v + 1 - 6 * product),
        v * skew * (10 * v + 1 - 12 * product),
        v * (15 * v**2 + 5 * v * (5 - 26 * product) + 1 - 30 * product * rest),
    )
    value = coin_information(mean)
    slopes = _information_slopes(mean)
    for n, (slope, moment) in enumerate(zip(slopes, moments, strict=True), 2):
        value += slope * moment / math.factorial(n)
    return value


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _sum_binomial(order, draws, p):
    """Sums a derivative in p of E I(t), t ~ Binomial(draws, p), over t.

    It is `N (N-1) ... E I_k(t)` with N - k draws, I_k the k-th difference: the law is
    not differentiated, and the ends 0 and 1 are like any other p.
    """
    left = jnp.maximum(draws - order, 0.0)
    scale = math.prod([draws - i for i in range(order)], start=1.0)
    signs = [(-1) ** (order - j) * math.comb(order, j) for j in range(order + 1)]

    def add(t, value):
        t = jnp.asarray(t, float)
        change = sum(s * coin_information(t + j) for j, s in enumerate(signs))
        return value + change * jnp.exp(log_binomial_law(t, left, p))

    last = jnp.minimum(left, _LAST).astype(int)
    return scale * jax.lax.fori_loop(0, last + 1, add, jnp.zeros_like(p))


def _along_p(order, primals, tangents):
    draws, p = primals
    value = _sum_binomial(order, draws, p)
    change = jnp.zeros_like(p)
    if not isinstance(tangents[1], SymbolicZero):
        change += tangents[1] * _sum_binomial(order + 1, draws, p)
    if not isinstance(tangents[0], SymbolicZero):  # few draws are a whole number
        change += tangents[0] * jnp.where(draws * p < _SMOOTH, jnp.nan, 0.0)
    return value, change


_sum_binomial.defjvp(_along_p, symbolic_zeros=True)


def _binomial_information(draws, p):
    mean = draws * p
    near = _sum_binomial(0, draws, p)
    spread = p * (1 - p)
    big = jnp.where(mean < _SMOOTH, _SMOOTH, mean)
    far = _expand_in_moments(big, draws * spread, spread, 1 - 2 * p)
    return jnp.where(mean < _SMOOTH, near, far)


def _poisson_information(mean):
    def add(t, value):
        t = jnp.asarray(t, float)
        return value + coin_information(t) * jnp.exp(log_poisson_law(t, mean))

    near = jax.lax.fori_loop(1, _LAST + 1, add, jnp.zeros_like(mean))
    big = jnp.maximum(mean, _SMOOTH)
    return jnp.where(mean < _SMOOTH, near, _expand_in_moments(big, big, 0.0, 1.0))


@solver(domain={"draws": "integer [0, inf)", "p": "distribution of [clusters]"})
def known_weights_information(draws, p):
    """Returns the information in nats of N draws about coins of known frequencies p.

    Each draw shows a cluster i, of frequency p_i, and a toss of its coin, whose bias is
    uniform: `I_N = sum_i E I(t_i)`, `t_i ~ Binomial(N, p_i)`, I as `coin_information`.
    The relative error is below 1e-11 for N up to 1e12. Differentiable in p [clusters];
    the slope in N is NaN unless every N p_i is at least 1500.

    Example:
      >>> round(float(known_weights_information(1, [0.5, 0.5])), 12)  # ln 2 - 1/2
      0.19314718056

    Source: Pan et al. 2025, section 5.2, in a case that can be computed.
    """
    return jnp.sum(_binomial_information(draws, p))


@solver(domain={"draws": "integer [0, inf)", "alpha": "(0, 1)"})
def known_weights_information_power_law(draws, alpha):
    """Returns `known_weights_information` of all `p_i = i^(-1/alpha)/zeta(1/alpha)`.

    It is about `known_weights_constant(alpha) N^alpha`; the relative error is below
    1e-11 for N up to 1e12 and alpha up to 0.97. Differentiable in alpha, not in N.

    Example:
      >>> round(float(known_weights_information_power_law(1, 0.5)), 12)
      0.19314718056

    Source: Pan et al. 2025, section 5.2, in a case that can be computed.
    """
    # Sum_k p_k (E I(t_k)/p_k), a polynomial in p_k divided by its root at 0.
    return sums.power_law_mean(
        lambda p, _: _binomial_information(draws, p) / p, alpha, draws + 1
    )


@solver(domain={"alpha": "(0, 1)"})
def known_weights_constant(alpha):
    """Returns the c, in nats, of `known_weights_information_power_law ~ c N^alpha`.

    `c = alpha zeta(1/alpha)^-alpha` times the integral over x > 0 of
    `x^(-1-alpha) E I(Poisson(x))`.

    Example:
      >>> round(float(known_weights_constant(0.5)), 9)
      0.786956948

    Source: ours, a limit of many draws; the exponent is Pan et al. 2025's, section 5.2.
    """
    low, low_weights = sums.rule_with_power(-alpha, 1.0)
    high, high_weights = sums.rule_over_logarithm(1.0, _FAR)
    # One call of the integrand, which is long to compile.
    values = _poisson_information(jnp.concatenate([low, high]))
    weights = jnp.concatenate([low_weights / low, high_weights * high ** (-1 - alpha)])
    # Beyond 1e12, E I is ln(x)/2 + (1 - ln(2 pi))/2 to twelve digits.
    far = 0.5 * (math.log(_FAR) / alpha + 1 / alpha**2) + LIMIT / alpha
    total = jnp.sum(weights * values) + _FAR**-alpha * far
    return alpha * jnp.exp(-alpha * sums.log_zeta((1 - alpha) / alpha)) * total
