"""How far the data leave a fitted law open, by resampling: all refits are one program.

Quantiles of refits need no normal law. `profile_chinchilla` asks the loss instead.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from kscale.theory import checks
from kscale.theory.fitting import chinchilla
from kscale.theory.fitting.chinchilla import POINTS, Chinchilla, Interval
from kscale.theory.fitting.descent import descend_all
from kscale.theory.fitting.power_laws import CURVE, fit_power_law
from kscale.theory.solver import solver

# Starts of a refit besides the fit itself: (ln A, a, ln B, b, ln E).
_OTHERS = np.array([[5.0, 0.5, 5.0, 0.5, 0.0], [15.0, 1.0, 15.0, 1.0, 0.5]])
_RESAMPLES = {"resamples": "integer [2, inf)", "confidence": "(0, 1)"}


class PowerLawBootstrap(NamedTuple):
    """Refits of a power law to resampled data.

    Attributes:
      alpha, x0, eps: their intervals.
      samples: [resamples, 3], (alpha, x0, eps) of every refit.
    """

    alpha: Interval
    x0: Interval
    eps: Interval
    samples: np.ndarray


class ChinchillaBootstrap(NamedTuple):
    """Refits of Chinchilla's law to resampled points.

    Attributes:
      A, a, B, b, E: their intervals.
      model_exponent: that of b/(a + b).
      samples: [resamples, 5], (A, a, B, b, E) of every refit.
    """

    A: Interval
    a: Interval
    B: Interval
    b: Interval
    E: Interval
    model_exponent: Interval
    samples: np.ndarray


def _quantiles(samples: np.ndarray, confidence: float) -> Interval:
    ends = np.quantile(samples, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    return Interval(*ends)


@solver()
def _refit_curves(x, curves, robust: bool):
    """Returns (alpha, x0, eps) of every curve, [curves, 3]."""

    def refit(y: Array) -> Array:
        fit = fit_power_law(x, y, robust)
        return jnp.stack([fit.alpha, fit.x0, fit.eps])

    return jax.vmap(refit)(curves)


@checks.check_domain(CURVE | _RESAMPLES)
def bootstrap_power_law(
    x: Any,
    y: Any,
    rng: np.random.Generator,
    resamples: int = 1000,
    robust: bool = True,
    confidence: float = 0.95,
) -> PowerLawBootstrap:
    """Returns intervals of a power law by drawing its residuals anew.

    The residuals ln y - ln law, centered and widened by sqrt(n/(n - 3)) for the three
    parameters they were left by, are drawn with replacement and added to the law.

    Args:
      x, y, robust: as of `fit_power_law`.
      rng: the source of randomness.
      resamples: how many refits.
      confidence: of the intervals.

    Source: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 9.
    """
    fit = fit_power_law(x, y, robust=robust)
    law = np.asarray(y, float) * (1 + fit.residual)
    left = np.log(y) - np.log(law)
    left = (left - left.mean()) * np.sqrt(law.size / (law.size - 3))
    curves = law * np.exp(rng.choice(left, (resamples, law.size)))
    samples = _refit_curves(x, curves, robust)
    low, high = _quantiles(samples, confidence)
    alpha, x0, eps = map(Interval, low, high)
    return PowerLawBootstrap(alpha, x0, eps, samples)


@solver()
def _refit_points(parameters, tokens, loss, starts, weights, delta):
    """Returns the best theta of each row of weights over all starts."""
    data, n, d = chinchilla.center_data(parameters, tokens, loss, delta)
    rows, count = weights.shape[0], starts.shape[0]
    every = jnp.tile(chinchilla.shift(starts, n, d), (rows, 1))
    weights = jnp.repeat(weights, count, axis=0)
    found = descend_all(every, weights, jnp.ones((rows * count, 5)), data)
    best = chinchilla.best_of(found.loss.reshape(rows, count))
    theta = found.theta.reshape(rows, count, 5)[jnp.arange(rows), best]
    return chinchilla.shift(theta, -n, -d)


@checks.check_domain(POINTS | _RESAMPLES)
def bootstrap_chinchilla(
    parameters: Any,
    tokens: Any,
    loss: Any,
    fit: Chinchilla,
    rng: np.random.Generator,
    resamples: int = 1000,
    delta: float = 1e-3,
    confidence: float = 0.95,
) -> ChinchillaBootstrap:
    """Returns intervals of Chinchilla's law by drawing the points anew.

    Every refit starts from the fit and from two other places and keeps the best.

    Args:
      parameters, tokens, loss, delta, fit: data, as of `fit_chinchilla`, and their fit.
      rng: the source of randomness.
      resamples: how many refits.
      confidence: of the intervals.

    Source: T. Besiroglu et al., Chinchilla Scaling: A replication attempt, 2024.
    """
    chinchilla.check_identified(parameters, tokens)
    n = np.size(loss)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    starts = np.concatenate([chinchilla.theta_of(fit)[None], _OTHERS])
    theta = _refit_points(parameters, tokens, loss, starts, weights, delta)
    samples = np.where(np.arange(5) % 2 == 0, np.exp(theta), theta)
    share = samples[:, 3] / (samples[:, 1] + samples[:, 3])
    low, high = _quantiles(np.column_stack([samples, share]), confidence)
    return ChinchillaBootstrap(*map(Interval, low, high), samples=samples)
