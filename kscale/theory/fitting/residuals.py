"""Whether a curve is a power law, judged by the residuals of the best one.

A high R^2 says nothing: any falling curve has one. If the law is right, what is left
over is noise, and noise has no memory from one size to the next. A curve is no power
law if its residuals, in the order of x, are both:

    systematic   they are smoother than noise: von Neumann's ratio, sum of squared
                 differences over sum of squares, 2 for noise, is too low at the given
                 level (or the noise is known, and they are too large for it)
    material     what is smooth in them, sqrt(rms^2 - noise^2), exceeds a tolerance

The noise is read from second differences, which a smooth misfit hardly enters.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy import special

from kscale.theory.fitting.power_laws import check_curve, fit_power_law, is_inside
from kscale.theory.solver import solver


class Diagnosis(NamedTuple):
    """What the residuals of the best power law say.

    Attributes:
      is_power_law: 1.0 unless the misfit is systematic and material, or no exponent
        within range is best; else 0.0.
      r_squared: share of the variance of y that the fit explains; NaN if y is constant.
      largest: largest relative residual.
      rms: their root mean square, n - 3 degrees of freedom, outliers weighed down.
      noise: their noise, from second differences.
      misfit: sqrt(rms^2 - noise^2), the smooth part; at least 0.
      smoothness: von Neumann's ratio; 2 for noise, near 0 for a smooth misfit.
      p_smooth: chance that noise is at least as smooth.
      runs: number of stretches of one sign.
      p_runs: chance that noise has as few (Wald and Wolfowitz).
      p_noise: chance that noise of the given size leaves residuals as large; NaN where
        none was given.
    """

    is_power_law: Array
    r_squared: Array
    largest: Array
    rms: Array
    noise: Array
    misfit: Array
    smoothness: Array
    p_smooth: Array
    runs: Array
    p_runs: Array
    p_noise: Array


def von_neumann(residual: Array) -> tuple[Array, Array]:
    """Returns (ratio, chance that noise has a lower one), normal approximation."""
    n = residual.size
    total = (residual**2).sum()
    ratio = (jnp.diff(residual) ** 2).sum() / jnp.where(total > 0, total, 1.0)
    deviation = jnp.sqrt((n - 2) / (n**2 - 1.0))
    return ratio, special.ndtr((ratio / 2 - 1) / deviation)


def sign_runs(residual: Array) -> tuple[Array, Array]:
    """Returns (stretches of one sign, chance that noise has as few), approximately."""
    up = (residual > 0).astype(float)
    n, plus = residual.size, (residual > 0).sum()
    runs = 1 + abs(jnp.diff(up)).sum()
    pairs = 2.0 * plus * (n - plus)
    mean = 1 + pairs / n
    variance = pairs * (pairs - n) / (n**2 * (n - 1.0))
    z = (runs + 0.5 - mean) / jnp.sqrt(jnp.maximum(variance, 1e-300))
    return runs, special.ndtr(jnp.where(variance > 0, z, jnp.inf))


def second_difference_noise(residual: Array) -> Array:
    """Returns the standard deviation of the noise in a smooth curve with noise."""
    bend = residual[:-2] - 2 * residual[1:-1] + residual[2:]
    return jnp.sqrt((bend**2).mean() / 6)


@solver(
    domain={"x": "(0, inf) of [n>=8]", "y": "(0, inf) of [n]", "level": "(0, 1) of []"}
    | dict.fromkeys(("tolerance", "noise"), "[0, inf) of []"),
    check=check_curve,
)
def diagnose(
    x, y, tolerance=0.01, level=0.05, noise=0.0, robust: bool = True
) -> Diagnosis:
    """Fits a power law with a floor and says whether the curve is one.

    Args:
      x: [n], sizes in any order, evenly spread in ln x at best.
      y: [n], losses.
      tolerance: relative misfit that would not matter.
      level: chance at which true noise is called systematic.
      noise: relative standard deviation of y, if it is known (from runs with other
        seeds); 0 where it is not.
      robust: as in `fit_power_law`.

    Example:
      >>> x = 2.0 ** np.arange(8)
      >>> float(diagnose(x, x**-0.5 + 1).is_power_law)
      1.0
      >>> float(diagnose(x, 1 / (1 + x)).is_power_law)
      0.0

    Source: J. von Neumann 1941; A. Wald and J. Wolfowitz 1940. It must find that Pan et
    al. 2025's biased data are no clean power law, and uniform data none at all.
    """
    order = jnp.argsort(x)
    x, y = x[order], y[order] / jnp.exp(jnp.log(y).mean())  # in units of its size
    fit = fit_power_law(x, y, robust)
    residual = fit.residual * jnp.sqrt(fit.weight)
    freedom = x.size - 3
    squares = (residual**2).sum()
    rms = jnp.sqrt(squares / freedom)
    rough = second_difference_noise(residual)
    misfit = jnp.sqrt(jnp.maximum(rms**2 - rough**2, 0.0))
    smoothness, p_smooth = von_neumann(residual)
    runs, p_runs = sign_runs(residual)
    known = jnp.where(noise > 0, noise, 1.0)
    p_noise = special.gammaincc(freedom / 2.0, squares / known**2 / 2)
    systematic = (p_smooth < level) | ((noise > 0) & (p_noise < level))
    inside = is_inside(fit.alpha) & (fit.x0 > 0)
    verdict = inside & ~(systematic & (misfit > tolerance))
    spread = jnp.where(y.max() > y.min(), ((y - y.mean()) ** 2).sum(), jnp.nan)
    return Diagnosis(
        is_power_law=verdict.astype(float),
        r_squared=1 - ((fit.residual * y) ** 2).sum() / spread,
        largest=abs(fit.residual).max(),
        rms=rms,
        noise=rough,
        misfit=misfit,
        smoothness=smoothness,
        p_smooth=p_smooth,
        runs=runs,
        p_runs=p_runs,
        p_noise=jnp.where(noise > 0, p_noise, jnp.nan),
    )
