"""Chinchilla's law of two sizes, `A/N^a + B/D^b + E`, fitted from every start at once.

The objective is a sum of Huber's losses of ln law - ln L (limit 1e-3), which is neither
convex nor smooth enough to trust one start. All starts, and all resamplings of a
bootstrap, are one program: exact Newton descents side by side (`descent`). A profile
holds one parameter at a number of values, refits the others, and asks where the loss
rises by more than chance explains.

Source: J. Hoffmann et al., Training Compute-Optimal Large Language Models, 2022,
section 3.3 and appendix D.3.
"""

import itertools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import special

from kscale.theory import checks
from kscale.theory.fitting.descent import Data, descend_all, jacobian, model, residuals
from kscale.theory.fitting.power_laws import check_curve
from kscale.theory.solver import solver

_REACHED = 1e-6  # relative excess of loss that counts as the same optimum
_SINGULAR = 1e-9  # least eigenvalue of a Hessian of unit diagonal that is not 0
POINTS = {
    "parameters": "(0, inf) of [n>=6]",
    "tokens": "(0, inf) of [n]",
    "loss": "(0, inf) of [n]",
    "delta": "(0, inf) of []",
}
_TIED = 0.02  # distance from a line of ln D over ln N, of the spread of ln D
_EXACT = 1e-9  # largest residual of ln L that is rounding
_HELD = 17  # values at which a profile holds its parameter
_SPAN = 4.0  # standard errors to either side that they cover


class Interval(NamedTuple):
    """Two ends between which a parameter lies."""

    low: Any
    high: Any


class Chinchilla(NamedTuple):
    """A fitted law.

    Attributes:
      A, a: scale and exponent of the term of the model's size.
      B, b: scale and exponent of the term of the data's size.
      E: the floor.
      loss: sum of Huber's losses at the optimum.
      reached: share of the starts that came within 1e-6 of that loss.
      model_exponent: b/(a + b): the best model grows as that power of compute.
      errors: standard errors of (ln A, a, ln B, b, ln E), [5], by the sandwich formula;
        NaN where the points leave a direction open (a singular Hessian), 0 to rounding
        where the law is exact.
      residual: ln law - ln L, [n].
    """

    A: Array
    a: Array
    B: Array
    b: Array
    E: Array
    loss: Array
    reached: Array
    model_exponent: Array
    errors: Array
    residual: Array


def chinchilla_starts() -> np.ndarray:
    """Returns the 4,500 published starts, [4500, 5]: (ln A, a, ln B, b, ln E).

    ln A, ln B in 0, 5, ..., 25; a, b in 0, 0.5, ..., 2; ln E in -1, -0.5, ..., 1.

    Source: Hoffmann et al. 2022, appendix D.3.
    """
    scale, exponent = np.arange(0, 26, 5.0), np.arange(0, 2.1, 0.5)
    axes = scale, exponent, scale, exponent, np.arange(-1, 1.1, 0.5)
    return np.array(list(itertools.product(*axes)))


@solver(
    domain=dict.fromkeys(("parameters", "tokens"), "(0, inf) of [] or [n]")
    | dict.fromkeys("AaBbE", "(-inf, inf)")
)
def chinchilla_law(parameters, tokens, A, a, B, b, E):
    """Returns `A/N^a + B/D^b + E` of N parameters and D tokens, [..., n].

    The shape of the five numbers leads.

    Example:
      >>> chinchilla_law([7e10], [1.4e12], 406.4, 0.34, 410.7, 0.28, 1.69).round(6)
      array([1.936645])

    Source: Hoffmann et al. 2022, equation (2).
    """
    first = A * jnp.exp(-a * jnp.log(parameters))
    return first + B * jnp.exp(-b * jnp.log(tokens)) + E


def center_data(parameters: Array, tokens: Array, loss: Array, delta: Any) -> Any:
    """Returns the data in units of geometric means, and the logarithms of these."""
    n, d = jnp.log(parameters), jnp.log(tokens)
    data = Data(n - n.mean(), d - d.mean(), jnp.log(loss), delta)
    return data, n.mean(), d.mean()


def shift(theta: Array, n: Array, d: Array) -> Array:
    """Returns theta with ln A and ln B for sizes measured from n and d."""
    a, b = theta[..., 1], theta[..., 3]
    return theta.at[..., 0].add(-a * n).at[..., 2].add(-b * d)


def _errors(theta: Array, data: Data) -> Array:
    """Returns the covariance of theta, [5, 5]: H^-1 (sum rho'(r)^2 J J') H^-1."""
    r, share = residuals(theta, data)
    j = jacobian(share, data)
    score = jnp.clip(r, -data.delta, data.delta)[None, :] * j
    hessian = model(theta, jnp.ones_like(r), data).hessian
    unit = jnp.sqrt(jnp.diag(hessian))
    scaled = hessian / (unit[:, None] * unit[None, :])
    known = jnp.isfinite(scaled).all()
    spectrum = jnp.linalg.eigvalsh(jnp.where(known, scaled, jnp.eye(5)))
    known &= spectrum[0] > _SINGULAR
    bread = jnp.linalg.inv(jnp.where(known, hessian, jnp.eye(5)))
    return jnp.where(known, bread @ (score @ score.T) @ bread, jnp.nan)


def theta_of(fit: Chinchilla) -> np.ndarray:
    """Returns (ln A, a, ln B, b, ln E) of a fit."""
    return np.array([np.log(fit.A), fit.a, np.log(fit.B), fit.b, np.log(fit.E)])


def best_of(losses: Array) -> Array:
    """Returns the index of the least finite loss along the last axis."""
    return jnp.argmin(jnp.where(jnp.isfinite(losses), losses, jnp.inf), axis=-1)


def check_identified(parameters: Any, tokens: Any, **_: Any) -> None:
    """Checks that points determine both exponents: enough sizes of model and data.

    On a line D ~ N^s, s > 0, the terms N^-a and D^-b can change places.
    """
    check_curve(parameters, name="parameters")
    check_curve(tokens, name="tokens")
    both = np.stack([np.asarray(x, float) for x in (parameters, tokens)])
    pairs = len(np.unique(both, axis=1).T)
    rule = "must be at least 5 distinct pairs, one for each unknown: measure at more"
    checks.refuse("(parameters, tokens)", pairs, pairs < 5, rule)
    n, d = np.log(both) - np.log(both).mean(axis=1, keepdims=True)
    slope = (n @ d) / (n @ n)
    if slope > 0 and ((d - slope * n) ** 2).sum() < _TIED**2 * (d @ d):
        raise ValueError(
            f"tokens grow as parameters to the power {slope:.3g}, so a and b cannot be"
            f" told apart: measure at several ratios of tokens to parameters"
        )


@solver(domain=POINTS | {"starts": "(-inf, inf) of [s>=1, 5]"}, check=check_identified)
def fit_chinchilla(parameters, tokens, loss, starts=None, delta=1e-3) -> Chinchilla:
    """Fits `A/N^a + B/D^b + E` from all starts, in one program.

    Args:
      parameters: [n], N, three of them distinct.
      tokens: [n], D, likewise; at least 5 distinct pairs (N, D), not all of them on a
        rising line of logarithms, such as D = 20 N.
      loss: [n].
      starts: [s, 5], rows (ln A, a, ln B, b, ln E); the 4,500 published ones if absent.
      delta: Huber's limit on the residuals of ln L.

    Returns:
      Chinchilla, the best optimum that any start reached.

    Source: Hoffmann et al. 2022, equation (10) and appendix D.3.
    """
    data, n, d = center_data(parameters, tokens, loss, delta)
    theta = jnp.asarray(chinchilla_starts()) if starts is None else starts
    count = theta.shape[0]
    weights = jnp.ones((count, data.log_n.size))
    found = descend_all(shift(theta, n, d), weights, jnp.ones((count, 5)), data)
    best = best_of(found.loss)
    least, center = found.loss[best], found.theta[best]
    back = jnp.eye(5).at[0, 1].set(n).at[2, 3].set(d)  # to sizes that are not centered
    covariance = back @ _errors(center, data) @ back.T
    log_a, a, log_b, b, log_e = shift(center, -n, -d)
    return Chinchilla(
        jnp.exp(log_a),
        a,
        jnp.exp(log_b),
        b,
        jnp.exp(log_e),
        least,
        (found.loss <= least * (1 + _REACHED) + 1e-300).astype(float).mean(),
        b / (a + b),
        jnp.sqrt(jnp.diag(covariance)),
        residuals(center, data)[0],
    )


class ChinchillaProfile(NamedTuple):
    """Intervals of both exponents and of the floor; beyond 4 standard errors infinite.

    All are NaN where the fit has no standard errors; where its law is exact, there is
    no noise to measure by, and each is the one value fitted.
    """

    a: Interval
    b: Interval
    E: Interval


@solver()
def _profiles(parameters, tokens, loss, theta, errors, delta):
    """Returns (steps [17], signed roots [3, 17]) of the profiles of a, b and ln E."""
    data, n, d = center_data(parameters, tokens, loss, delta)
    center = shift(theta, n, d)
    steps = jnp.linspace(-_SPAN, _SPAN, _HELD)
    held = jnp.asarray([1, 3, 4])
    moved = center[held][:, None] + errors[held][:, None] * steps[None, :]
    free = 1 - jnp.repeat(jnp.eye(5)[held], _HELD, axis=0)
    starts = jnp.where(free == 1, center[None], moved.reshape(-1, 1))
    weights = jnp.ones((len(free), data.log_n.size))
    found = descend_all(starts, weights, free, data)
    left = found.loss.reshape(3, _HELD)
    r, _ = residuals(center, data)
    pull = jnp.clip(r, -delta, delta)
    # What a rise of Huber's loss is worth in units of a squared normal variable.
    unit = 2 * (abs(r) <= delta).sum() / (pull**2).sum()
    rise = jnp.maximum(left - left[:, _HELD // 2, None], 0.0) * unit
    return steps, jnp.sign(steps)[None, :] * jnp.sqrt(rise)


@checks.check_domain(POINTS | {"confidence": "(0, 1)"})
def profile_chinchilla(
    parameters: Any,
    tokens: Any,
    loss: Any,
    fit: Chinchilla,
    delta: float = 1e-3,
    confidence: float = 0.95,
) -> ChinchillaProfile:
    """Returns intervals of the exponents and of the floor by profile.

    Each is held at 17 values within 4 standard errors while the others are refitted.
    The rise of the loss, in units of sum psi^2/(2 sum psi'), follows a chi-squared law
    with one degree of freedom; its signed root is nearly linear and is interpolated.

    Args:
      parameters, tokens, loss, delta, fit: data, as of `fit_chinchilla`, and their fit.
      confidence: of the intervals.

    Source: P. Huber, E. Ronchetti, Robust Statistics, 2009, section 13.6 (tests).
    """
    check_identified(parameters, tokens)
    theta = theta_of(fit)
    centers, errors = theta[[1, 3, 4]], fit.errors[[1, 3, 4]]
    if np.abs(fit.residual).max() < _EXACT or np.isnan(fit.errors).any():
        ends = np.repeat(centers[:, None] + 0 * errors[:, None], 2, 1)  # NaN stays NaN
    else:
        steps, roots = _profiles(parameters, tokens, loss, theta, fit.errors, delta)
        z = float(special.ndtri(0.5 + confidence / 2))
        within = [
            np.interp([-z, z], np.maximum.accumulate(root), steps, -np.inf, np.inf)
            for root in roots
        ]
        ends = centers[:, None] + errors[:, None] * np.array(within)
    a, b, log_e = ends
    return ChinchillaProfile(Interval(*a), Interval(*b), Interval(*np.exp(log_e)))
