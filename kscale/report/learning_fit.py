"""Theory beside learning curves: a law for classes of people, a power law for a line.

Axes: N people, m amounts of data, n sizes.
"""

import math
from typing import Any, TypedDict

import numpy as np
from scipy import optimize

from kscale import theory

_POINTS = 60  # of the drawn lines
_FEWEST_TO_JUDGE = 8  # points from which `fitting.diagnose` tells a misfit from noise


class LearningFit(TypedDict):
    """The law's losses of classes of people, and the constants that were fitted.

    Attributes:
      half_visits: t0, visits after which half of a person is known.
      irreducible_bits: h, the loss that no visit removes.
      residual: root mean square of ln(predicted/measured).
      visits: amounts of data of the drawn lines, from the least to the most measured.
      loss_bits: [visits][classes], bits per visit, at those.
    """

    half_visits: float
    irreducible_bits: float
    residual: float
    visits: list[float]
    loss_bits: list[list[float]]


class Line(TypedDict):
    """The law `(x/x0)^-alpha + eps` of a curve, and whether the curve follows it.

    Attributes:
      alpha, x0, eps: the law's constants.
      alpha_low, alpha_high: the interval of 95 % of alpha; 0 and inf set no limit.
      r_squared: share of the losses' variance that the law explains.
      largest: the largest relative residual.
      is_power_law: whether no misfit is seen; None with fewer than 8 points, which
        cannot tell.
    """

    alpha: float
    x0: float
    eps: float
    alpha_low: float
    alpha_high: float
    r_squared: float
    largest: float
    is_power_law: bool | None


def fit_learning(
    visits: Any, measured: Any, weights: Any, classes: Any, bits: float
) -> LearningFit:
    """Fits a law of data scaling to the losses of classes, and draws its lines.

    Of a person met t times `a t0/(t0 + t)` bits are lost, the paper's kind of f. After
    n visits of all people person i was seen n p_i times, so class k loses, per visit,
    `h + a sum_(i in k) p_i t0/(t0 + n p_i) / sum_(i in k) p_i`. Losses above a are
    of a model that has not learnt the language yet; they are left out of the fit.

    Args:
      visits: [m], n, of all people together, above 0.
      measured: [m, classes], bits lost per visit of the class, above 0.
      weights: [N], how often each person is seen, in any unit.
      classes: [N], the class of each.
      bits: a, bits that a model loses which knows nobody.

    Raises:
      ValueError: shapes that do not agree, a number that is not above 0, or fewer than
        3 losses below a.

    Example:
      >>> fit = fit_learning(visits, losses, p, classes, counts.value_bits)
      >>> fit["half_visits"]

    Source: Pan et al. 2025, theorem D.5 and figure 4b; the scale t0 and the fit are
    ours.
    """
    n, loss = np.asarray(visits, float), np.asarray(measured, float)
    p, classes = np.asarray(weights, float), np.asarray(classes).astype(int)
    _check(n, loss, p, classes, bits)
    p = p / p.sum()

    known = loss < bits
    if known.sum() < 3:
        raise ValueError(
            f"fit_learning: {known.sum()} losses lie below bits={bits}; 3 are"
            f" needed to fit two constants: look at later steps"
        )
    start = [math.log(float(np.median(n)) / len(p)), float(loss.min()) / 2]
    found = optimize.least_squares(
        lambda at: np.log(_law(at, n, p, classes, bits) / loss)[known],
        start,
        bounds=([-math.inf, 0.0], math.inf),
        x_scale=[1.0, float(loss.min())],
    )
    drawn = np.geomspace(n.min(), n.max(), _POINTS)
    return {
        "half_visits": math.exp(found.x[0]),
        "irreducible_bits": float(found.x[1]),
        "residual": math.sqrt(float(np.mean(found.fun**2))),
        "visits": drawn.tolist(),
        "loss_bits": _law(found.x, drawn, p, classes, bits).tolist(),
    }


def fit_line(x: Any, loss: Any) -> Line:
    """Fits a power law with a floor to a curve, and judges it.

    Args:
      x: [n], sizes of data or models, above 0, at least 4.
      loss: [n], losses, above 0.

    Returns:
      Line, as plain numbers for a result row.

    Raises:
      ValueError: as `theory.fitting.fit_power_law`.

    Example:
      >>> round(fit_line([1, 2, 4, 8], [3.0, 2.0, 1.5, 1.25])["alpha"], 9)
      1.0

    Source: Pan et al. 2025, figures 4a and 5a.
    """
    y = np.asarray(loss, float)
    fit, verdict = theory.fitting.fit_power_law(x, y), None
    if y.size >= _FEWEST_TO_JUDGE:
        verdict = bool(theory.fitting.diagnose(x, y).is_power_law)
    off = np.asarray(fit.residual)
    spread = float(((y - y.mean()) ** 2).sum())
    return {
        "alpha": float(fit.alpha),
        "x0": float(fit.x0),
        "eps": float(fit.eps),
        "alpha_low": float(fit.alpha_low),
        "alpha_high": float(fit.alpha_high),
        "r_squared": 1 - float(((off * y) ** 2).sum()) / spread if spread else math.nan,
        "largest": float(abs(off).max()),
        "is_power_law": verdict,
    }


def _law(
    at: np.ndarray, n: np.ndarray, p: np.ndarray, classes: np.ndarray, bits: float
) -> np.ndarray:
    """Losses of the classes [m, classes] at (ln t0, h) after n visits."""
    half, floor = math.exp(at[0]), at[1]
    left = p * half / (half + np.multiply.outer(n, p))
    members = [classes == k for k in range(classes.max() + 1)]
    means = [left[:, of].sum(axis=1) / p[of].sum() for of in members]
    return floor + bits * np.stack(means, axis=1)


def _check(
    n: np.ndarray, loss: np.ndarray, p: np.ndarray, classes: np.ndarray, bits: float
) -> None:
    if n.ndim != 1 or loss.ndim != 2 or len(loss) != len(n) or p.shape != classes.shape:
        raise ValueError(
            f"fit_learning: visits {n.shape}, losses {loss.shape}, weights"
            f" {p.shape}, classes {classes.shape}: give [m], [m, classes], [N] and [N]"
        )
    if not (bits > 0 and len(n) and (n > 0).all() and (loss > 0).all()):
        raise ValueError(
            f"fit_learning: bits={bits}, visits and losses must all be above 0"
        )
    mass = np.bincount(classes, p, loss.shape[1])
    if len(mass) != loss.shape[1] or not (mass > 0).all():
        raise ValueError(
            f"fit_learning: classes of mass {mass.tolist()} beside"
            f" {loss.shape[1]} columns of losses: each needs somebody who is seen"
        )
