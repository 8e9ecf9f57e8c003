"""Two Gauss rules for integrands that are smooth in p near 0 and in ln p beyond.

Mixtures with power-law weights need integrals of `p^v h(p)` from 0 to about 1/N and of
functions of ln p from there up, where N may be 1e12. Both rules have a fixed number of
nodes, so they vectorize; the exponent v may be traced. Building blocks: no checks.
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

_NODES, _PANELS = 20, 64
_points, _weights = np.polynomial.legendre.leggauss(_NODES)
_UNIT = (_points + 1) / 2  # nodes in (0, 1)
_UNIT_WEIGHTS = _weights / 2
# (2j+1) w_i P_j(2 x_i - 1): turns values at the nodes into Legendre coefficients
_LEGENDRE = (
    np.polynomial.legendre.legvander(_points, _NODES - 1)
    * _UNIT_WEIGHTS[:, None]
    * (2 * np.arange(_NODES) + 1)
)


def rule_with_power(
    exponent: ArrayLike, end: ArrayLike
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns p and w, [20]: `sum w f(p)` integrates `p^exponent f(p)` from 0 to `end`.

    Exact for polynomials of degree 19, whatever the exponent, above -1: f is expanded
    in Legendre polynomials, whose moments are products.
    """
    exponent, end = jnp.asarray(exponent, float), jnp.asarray(end, float)
    j = jnp.arange(1.0, _NODES)
    ratios = jnp.cumprod((exponent - j + 1) / (exponent + j + 1))
    moments = jnp.concatenate([jnp.ones(1), ratios]) / (exponent + 1)
    weights = jnp.power(end, exponent + 1) * (jnp.asarray(_LEGENDRE) @ moments)
    return jnp.asarray(_UNIT) * end, weights


def rule_over_logarithm(
    start: ArrayLike, end: ArrayLike
) -> tuple[jnp.ndarray, jnp.ndarray]:
    """Returns p and w, [1280]: `sum w f(p)` integrates f from `start` > 0 to `end`.

    64 panels of 20 nodes in equal steps of ln p; good to rounding where the integrand
    turns over a factor of 1.5 in p at the fastest and the range spans 1e12.
    """
    start, end = jnp.asarray(start, float), jnp.asarray(end, float)
    width = jnp.log(end / start) / _PANELS
    steps = jnp.arange(_PANELS)[:, None] + jnp.asarray(_UNIT)[None, :]
    p = (start * jnp.exp(width * steps)).reshape(-1)
    return p, width * jnp.tile(jnp.asarray(_UNIT_WEIGHTS), _PANELS) * p
