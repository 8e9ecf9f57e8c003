"""Hurwitz's zeta function in logarithms: no underflow, no loss of digits near its pole.

    zeta(s, q) = sum_{j >= 0} (q + j)^-s        zeta(s) = zeta(s, 1)

A power law of discount alpha has s = 1/alpha and a pole at alpha -> 1, so s - 1 is what
one computes with; and zeta(100, 10^9) is 10^-892, so the logarithm is.
"""

import jax.numpy as jnp

from kscale.theory.solver import solver

_DIRECT = 32  # terms summed one by one before the rest is integrated
# B_2i/(2i)!, i = 1..9, of the Euler-Maclaurin formula.
_BERNOULLI = (
    *(1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000),
    *(1 / 74724249600, -3617 / 10670622842880000, 43867 / 5109094217170944000),
)


@solver(domain={"excess": "(0, inf)", "q": "[1, inf)"})
def log_zeta(excess, q=1.0):
    """Returns `ln zeta(1 + excess, q)`, by Euler-Maclaurin summation.

    Args:
      excess: s - 1.
      q: zeta(s, K + 1) is the sum over k > K of k^-s.

    Returns:
      The logarithm, to about 1e-15 relative to the function for s <= 1000.

    Example:
      >>> round(float(log_zeta(1.0)), 12)  # ln(pi^2/6)
      0.497700302471

    Source: NIST Digital Library of Mathematical Functions, section 25.11.
    """
    s = 1 + excess
    # Everything in units of q^-s: the direct terms lie in (0, 1] for every q.
    ratio = jnp.log1p(jnp.arange(_DIRECT) / q)
    direct = jnp.exp(-s * ratio).sum()
    log_end = jnp.log1p(_DIRECT / q)
    end = q + _DIRECT
    integral = q * jnp.exp(-excess * log_end) / excess
    corner = jnp.exp(-s * log_end)
    term, corrections = s / end, 0.0
    for i, coefficient in enumerate(_BERNOULLI):
        corrections += coefficient * term
        term *= (s + 2 * i + 1) * (s + 2 * i + 2) / end**2
    rest = integral + corner * (0.5 + corrections)
    return -s * jnp.log(q) + jnp.log(direct + rest)
