"""Optimal Bayes redundancy: the mutual information of parameter and data, exactly.

A predictor that knows only the prior loses, in n draws, at least I(X_1..n; theta) nats
more than one who knows theta, and the Bayes mixture loses no more (lemma A.3). Here are
conjugate families, where that information has a closed form.

Source: Pan et al. 2025, section 5.1 and appendix A.2.2.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln

from kscale.theory.numerics import gamma_ratios
from kscale.theory.solver import solver

ZETA_SLOPE = -0.16542114370045092  # zeta'(-1)
LIMIT = 0.5 - 0.9189385332046727  # (1 - ln(2 pi))/2, of I(t) - ln(t+1)/2
# B_{2k+2}/(2k (k+1)): the series of 2 ln G(1+z), G the Barnes function
_BARNES = (-1 / 120, 1 / 504, -1 / 720, 1 / 528, -691 / 163800, 1 / 72, -3617 / 57120)
_POSITIVE = "(0, inf) of [n]"
_SUMMED = 24  # draws below which the coin's information is a finite sum
_LOGS = [[math.log(math.comb(t, s)) for s in range(t + 1)] for t in range(_SUMMED)]
_FEW = np.array(
    [math.log(t + 1) + math.fsum(x) / (t + 1) - t / 2 for t, x in enumerate(_LOGS)]
)


@solver(domain={"draws": "integer [0, inf)", "concentrations": _POSITIVE})
def dirichlet_information(draws: int, concentrations):
    """Returns the information of n categorical draws with a Dirichlet prior.

        I = n sum_i m_i (psi(a_i+1) - psi(A+1)) - sum_i E ln (a_i)_{s_i} + ln (A)_n

    with `A = sum a`, `m = a/A`, s_i the Beta-binomial count of outcome i and (x)_s the
    rising factorial. Grows like (outcomes - 1)/2 ln n. Takes n steps an outcome.

    Args:
      draws: n; static.
      concentrations: a_i, [outcomes]; (1, 1) is the uniform prior of a coin.

    Returns:
      Nats, absolute error about 1e-15 n.

    Example:
      >>> round(float(dirichlet_information(1, [1.0, 1.0])), 12)  # ln 2 - 1/2
      0.19314718056

    Source: Pan et al. 2025, lemma A.3, for a conjugate family.
    """
    return dirichlet_regret(draws, concentrations, concentrations)


@solver(domain={"draws": "integer [0, inf)", "nature": _POSITIVE, "player": _POSITIVE})
def dirichlet_regret(draws: int, nature, player):
    """Returns the mean regret, in nats of all n draws, of a Dirichlet mixture.

    It is `dirichlet_information(n, nature)` plus the divergence between the two
    marginal laws of the data, so that no player beats the one who uses nature's prior.

    Args:
      draws: n; static.
      nature: concentrations of the prior that theta is drawn from, [outcomes].
      player: concentrations of the mixture that predicts, [outcomes].

    Example:
      >>> round(float(dirichlet_regret(10, [1.0, 1.0], [0.5, 0.5])), 12)
      0.935516656982

    Source: Pan et al. 2025, the proof of lemma A.3.
    """
    total = nature.sum()
    mean = nature / total
    # E theta ln theta = m (psi(a+1) - psi(A+1))
    entropy = jnp.sum(mean * gamma_ratios.digamma_gap(nature + 1, total - nature))
    s = jnp.arange(draws + 1.0)

    def marginal(a, b):
        """Returns E ln (b)_s for the count s of an outcome of concentration a."""
        # (a)_s/s! (A-a)_(n-s)/(n-s)! n!/(A)_n
        law = gamma_ratios.log_gamma_cross(1.0, a - 1, s)
        law = jnp.exp(law + gamma_ratios.log_gamma_cross(1.0, total - a - 1, draws - s))
        return jnp.sum(law * gamma_ratios.log_gamma_ratio(b, s)) / jnp.sum(law)

    if nature.shape[0] == 1:
        return jnp.zeros(())
    seen = jnp.sum(jax.vmap(marginal)(nature, player))
    return (
        gamma_ratios.log_gamma_ratio(player.sum(), float(draws))
        - seen
        - draws * entropy
    )


@solver(domain={"draws": "integer [0, inf)"})
def coin_information(draws):
    """Returns the information in nats of t tosses of a coin with a uniform bias.

        I(t) = ln(t+1) + mean_s ln C(t, s) - t/2 = ln(t+1)/2 + (1 - ln(2 pi))/2 + o(1)

    with t the draws. The sum over s is a Barnes function, whose series takes t to 1e12
    without loss. The slope in t is that of the Barnes function.

    Example:
      >>> round(float(coin_information(10)), 12)
      0.853997345529

    Source: Pan et al. 2025, lemma A.3; the closed form is ours.
    """
    z = jnp.where(draws < _SUMMED, float(_SUMMED), draws) + 1.0
    log = jnp.log(z)
    many = (
        log / 2
        + LIMIT
        + gamma_ratios.stirling_rest(z)
        + log / (6 * z)
        - 2 * ZETA_SLOPE / z
    )
    for k, coefficient in enumerate(_BARNES, 1):
        many -= coefficient * z ** -(2.0 * k + 1)
    few = _few(jnp.where(draws < _SUMMED, draws, 0.0))
    return jnp.where(draws < _SUMMED, few, many)


@jax.custom_jvp
def _few(t):
    """Returns I(t) of a whole t below 24."""
    return jnp.asarray(_FEW)[t.astype(int)]


@_few.defjvp
def _few_along(primals, tangents):
    """Differentiates ln(t+1) + lgamma(t+1) - 2 ln G(t+2)/(t+1) - t/2 by G'."""
    (t,), (step,) = primals, tangents
    z, value = t + 1, _few(t)
    barnes = jnp.log(z) + gammaln(z) - t / 2 - value  # 2 ln G(z+1)/z
    climb = z * digamma(z + 1) - z - 0.5 + 0.5 * math.log(2 * math.pi)  # (ln G)'
    slope = 1 / z + digamma(z) - 0.5 + (barnes - 2 * climb) / z
    return value, slope * step
