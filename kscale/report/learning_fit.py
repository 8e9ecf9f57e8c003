"""Theory beside learning curves: how what was met sinks in, by class of frequency.

Axes: N people, m amounts of data.
"""

import math
from typing import Any, TypedDict

import numpy as np
from scipy import optimize

_POINTS = 60  # of the drawn lines


class LearningFit(TypedDict):
    """The law's losses of classes of people, and the constants that were fitted.

    Attributes:
      half_visits: t0, visits after which half of a person is known.
      irreducible_bits: h, the loss that no visit removes.
      bits: a, as given.
      residual: root mean square of ln(predicted/measured).
      visits: amounts of data of the drawn lines, from the least to the most measured.
      loss_bits: [visits][classes], bits per visit, at those.
    """

    half_visits: float
    irreducible_bits: float
    bits: float
    residual: float
    visits: list[float]
    loss_bits: list[list[float]]


def fit_learning(
    visits: Any, measured: Any, weights: Any, labels: Any, bits: float
) -> LearningFit:
    """Fit a law of data scaling to the losses of classes, and draw its lines.

    Of a person met t times `a t0/(t0 + t)` bits are lost, the paper's kind of f. After
    n visits of all people person i was met n p_i times, so class k loses, per visit,
    `h + a sum_(i in k) p_i t0/(t0 + n p_i) / sum_(i in k) p_i`. Losses above a are
    of a model that has not learnt the language yet; they are left out of the fit.

    Args:
      visits: [m], n, of all people together, above 0.
      measured: [m, classes], bits lost per visit of the class, above 0.
      weights: [N], how often each person is met, in any unit.
      labels: [N], the class of each.
      bits: a, bits that a model loses which knows nobody.

    Returns:
      LearningFit.

    Raises:
      ValueError: shapes that do not agree, a number that is not above 0, or fewer than
        3 losses below a.

    Example:
      >>> said = fit_learning(visits, losses, p, classes, counts.value_bits)
      >>> said["half_visits"]

    Source: paper 000, theorem D.5 and figure 4b; the scale t0 and the fit are ours.
    """
    n, loss = np.asarray(visits, float), np.asarray(measured, float)
    p, labels = np.asarray(weights, float), np.asarray(labels).astype(int)
    _check(n, loss, p, labels, bits)
    p = p / p.sum()

    known = loss < bits
    if known.sum() < 3:
        raise ValueError(
            f"fit_learning: {known.sum()} losses lie below bits={bits}; 3 are"
            f" needed to fit two constants: look at later steps"
        )
    start = [math.log(float(np.median(n)) / len(p)), float(loss.min()) / 2]
    found = optimize.least_squares(
        lambda at: np.log(_law(at, n, p, labels, bits) / loss)[known],
        start,
        bounds=([-math.inf, 0.0], math.inf),
        x_scale=[1.0, float(loss.min())],
    )
    drawn = np.geomspace(n.min(), n.max(), _POINTS)
    return {
        "half_visits": math.exp(found.x[0]),
        "irreducible_bits": float(found.x[1]),
        "bits": bits,
        "residual": math.sqrt(float(np.mean(found.fun**2))),
        "visits": drawn.tolist(),
        "loss_bits": _law(found.x, drawn, p, labels, bits).tolist(),
    }


def _law(
    at: np.ndarray, n: np.ndarray, p: np.ndarray, labels: np.ndarray, bits: float
) -> np.ndarray:
    """Losses of the classes [m, classes] at (ln t0, h) after n visits."""
    half, floor = math.exp(at[0]), at[1]
    left = p * half / (half + np.multiply.outer(n, p))
    classes = [labels == k for k in range(labels.max() + 1)]
    means = [left[:, of].sum(axis=1) / p[of].sum() for of in classes]
    return floor + bits * np.stack(means, axis=1)


def _check(
    n: np.ndarray, loss: np.ndarray, p: np.ndarray, labels: np.ndarray, bits: float
) -> None:
    if n.ndim != 1 or loss.ndim != 2 or len(loss) != len(n) or p.shape != labels.shape:
        raise ValueError(
            f"fit_learning: visits {n.shape}, losses {loss.shape}, weights"
            f" {p.shape}, labels {labels.shape}: give [m], [m, classes], [N] and [N]"
        )
    if not (bits > 0 and len(n) and (n > 0).all() and (loss > 0).all()):
        raise ValueError(
            f"fit_learning: bits={bits}, visits and losses must all be above 0"
        )
    mass = np.bincount(labels, p, loss.shape[1])
    if len(mass) != loss.shape[1] or not (mass > 0).all():
        raise ValueError(
            f"fit_learning: classes of mass {mass.tolist()} beside"
            f" {loss.shape[1]} columns of losses: each needs somebody who is met"
        )
