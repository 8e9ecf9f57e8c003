"""How far the points leave Chinchilla's law open, by profile.

A profile holds one parameter at a number of values, refits the others, and asks where
the loss rises by more than chance explains.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import special

from kscale.theory import domain
from kscale.theory.chinchilla import (
    Chinchilla,
    Interval,
    centered,
    check_points,
    shift,
    theta_of,
)
from kscale.theory.descent import descend_all, residuals
from kscale.theory.scope import solver

_EXACT = 1e-9  # largest residual of ln L that is rounding
_HELD = 17  # values at which a profile holds its parameter
_SPAN = 4.0  # standard errors to either side that they cover


class ChinchillaProfile(NamedTuple):
    """Intervals by profile; an end beyond 4 standard errors is infinite.

    All are NaN where the fit has no standard errors; where its law is exact, there is
    no noise to measure by, and each is the one value fitted.

    Attributes:
      a: of the model's exponent.
      b: of the data's exponent.
      E: of the floor.
    """

    a: Interval
    b: Interval
    E: Interval


@solver()
def _profiles(
    parameters: Array,
    tokens: Array,
    loss: Array,
    theta: Array,
    errors: Array,
    delta: Array,
) -> tuple[Array, Array]:
    """(steps [17], signed roots [3, 17]) of the profiles of a, b and ln E."""
    data, n, d = centered(parameters, tokens, loss, delta)
    center = shift(theta, n, d)
    steps = jnp.linspace(-_SPAN, _SPAN, _HELD)
    held = jnp.asarray([1, 3, 4])
    starts = jnp.tile(center, (3, _HELD, 1))
    moved = center[held][:, None] + errors[held][:, None] * steps[None, :]
    starts = starts.at[
        jnp.arange(3)[:, None], jnp.arange(_HELD)[None, :], held[:, None]
    ]
    free = 1 - jnp.repeat(jnp.eye(5)[held], _HELD, axis=0)
    rows = 3 * _HELD
    found = descend_all(
        starts.set(moved).reshape(rows, 5),
        jnp.ones((rows, data.log_n.size)),
        free,
        data,
    )
    left = found.loss.reshape(3, _HELD)
    r, _ = residuals(center, data)
    pull = jnp.clip(r, -delta, delta)
    # What a rise of Huber's loss is worth in units of a squared normal variable.
    unit = 2 * (abs(r) <= delta).sum() / (pull**2).sum()
    rise = jnp.maximum(left - left[:, _HELD // 2, None], 0.0) * unit
    return steps, jnp.sign(steps)[None, :] * jnp.sqrt(rise)


def profile_chinchilla(
    parameters: Any,
    tokens: Any,
    loss: Any,
    fit: Chinchilla,
    delta: float = 1e-3,
    confidence: float = 0.95,
) -> ChinchillaProfile:
    """Intervals of the exponents and of the floor by profile.

    Each is held at 17 values within 4 standard errors while the others are refitted.
    The rise of the loss, in units of sum psi^2/(2 sum psi'), follows a chi-squared law
    with one degree of freedom; its signed root is nearly linear and is interpolated.

    Args:
      parameters: [n], N > 0.
      tokens: [n], D > 0.
      loss: [n], > 0.
      fit: of these data, by `fit_chinchilla`.
      delta: Huber's limit, as in the fit.
      confidence: of the intervals.

    Returns:
      ChinchillaProfile.

    Raises:
      ValueError: as `fit_chinchilla`, or an option out of range.

    Source: P. Huber, E. Ronchetti, Robust Statistics, 2009, section 13.6 (tests).
    """
    check_points(parameters, tokens, loss, delta=delta)
    domain.inside("confidence", confidence, "(0, 1)")
    theta = theta_of(fit)
    if np.abs(fit.residual).max() < _EXACT or np.isnan(fit.errors).any():
        a, b, log_e = theta[[1, 3, 4]] + 0 * fit.errors[[1, 3, 4]]  # NaN stays NaN
        return ChinchillaProfile(
            Interval(a, a), Interval(b, b), Interval(np.exp(log_e), np.exp(log_e))
        )
    steps, roots = _profiles(parameters, tokens, loss, theta, fit.errors, delta)
    z = float(special.ndtri(0.5 + confidence / 2))
    ends = []
    for root, center, error in zip(
        roots, theta[[1, 3, 4]], fit.errors[[1, 3, 4]], strict=True
    ):
        rising = np.maximum.accumulate(root)
        low, high = np.interp([-z, z], rising, steps, left=-np.inf, right=np.inf)
        ends.append(Interval(center + error * low, center + error * high))
    a, b, log_e = ends
    return ChinchillaProfile(a, b, Interval(*np.exp(log_e)))
