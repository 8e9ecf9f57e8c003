"""Theory beside measurement: what problem (6) says of the people that a model met.

Each person has a bits of knowledge and a loss `D(m) = a b^-m` after m bits of memory; a
model of P parameters shares out R P bits of memory so that the loss of those who are
met with frequencies p is least. Axes: N people, m models.
"""

import math
from typing import Any, TypedDict

import numpy as np
from scipy import optimize

from kscale import theory

_SHARES = np.geomspace(1e-7, 1e3, 61)  # of all there is to know: where R is sought
_FLOORS = 25
_POINTS = 60  # of the drawn lines
_FEWEST_TO_JUDGE = 8  # points from which `fitting.diagnose` tells a misfit from noise
_SINGULAR = 1e-12


class AllocationFit(TypedDict):
    """The theory's losses of classes of people, and the constants that were fitted.

    Attributes:
      bits_per_param: R, of a memory whose first bit saves one bit.
      bits_per_param_error: its standard error; inf where the losses do not tell it.
      irreducible_bits: h, the loss that no memory removes.
      irreducible_bits_error: its standard error.
      bits: a, as given.
      residual: root mean square of ln(predicted/measured).
      predicted: [m][classes], bits, at the measured sizes.
      parameters: sizes of the drawn lines, from the smallest to the largest measured.
      loss_bits: [sizes][classes], bits, at those.
    """

    bits_per_param: float
    bits_per_param_error: float
    irreducible_bits: float
    irreducible_bits_error: float
    bits: float
    residual: float
    predicted: list[list[float]]
    parameters: list[float]
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


def fit_allocation(
    parameters: Any, measured: Any, weights: Any, labels: Any, bits: float
) -> AllocationFit:
    """Fit the theory's two free constants to measured losses, and draw its lines.

    The loss of a class is `model_scaling.class_losses(R P, p, labels, a, b, h)`: R and
    h are those of the least sum of squares of ln(predicted/measured). a is known. b is
    `e^(1/a)`, for which the first bit of memory saves one bit: only the product R ln b
    matters, so another b stands for another R, R/(a ln b).

    Args:
      parameters: [m], P of each model, the embedding left out, above 0.
      measured: [m, classes], bits lost per visit of the class: `visit_loss_bits`.
      weights: [N], how often each person of the world is met, in any unit.
      labels: [N], the class of each.
      bits: a, bits that a model loses which knows nobody: `counts.value_bits`.

    Returns:
      AllocationFit.

    Raises:
      ValueError: shapes that do not agree; fewer than 3 losses, or one that is not
        above 0; a class that nobody is in or is never met.

    Example:
      >>> said = fit_allocation(sizes, losses, p, classes, counts.value_bits)
      >>> said["bits_per_param"], said["irreducible_bits"]

    Source: paper 000, figure 1b and problem (6); the fit is ours.
    """
    size, loss = np.asarray(parameters, float), np.asarray(measured, float)
    p, labels = np.asarray(weights, float), np.asarray(labels)
    _check(size, loss, p, labels, bits)
    p = p / p.sum()

    def without_floor(ratio: Any) -> np.ndarray:
        """Losses at bits per parameter `ratio` [...]: [..., m, classes]."""
        capacity = np.multiply.outer(ratio, size)
        return _class_losses(capacity, p, labels, bits, loss.shape[1])

    start = _start(without_floor, loss, bits * (p > 0).sum() / np.median(size))
    found = optimize.least_squares(
        lambda at: np.log((without_floor(math.exp(at[0])) + at[1]) / loss).ravel(),
        start,
        jac="3-point",
        bounds=([-math.inf, 0.0], math.inf),
        x_scale=[1.0, float(loss.min())],
    )
    ratio, floor = math.exp(found.x[0]), float(found.x[1])
    log_error, floor_error = _errors(found)
    drawn = np.geomspace(size.min(), size.max(), _POINTS)
    lines = _class_losses(ratio * drawn, p, labels, bits, loss.shape[1]) + floor
    return {
        "bits_per_param": ratio,
        "bits_per_param_error": ratio * log_error,
        "irreducible_bits": floor,
        "irreducible_bits_error": floor_error,
        "bits": bits,
        "residual": math.sqrt(float(np.mean(found.fun**2))),
        "predicted": (without_floor(ratio) + floor).tolist(),
        "parameters": drawn.tolist(),
        "loss_bits": lines.tolist(),
    }


def predict_threshold(
    parameters: Any,
    weights: Any,
    bits: float,
    bits_per_param: float,
    visits: float = 1.0,
    left: float = 1.0,
) -> list[float]:
    """How often a person must be met before a model holds something of it.

    `visits threshold_frequency(R P)/left`: a person who is met f times as often as the
    rarest that is held has lost all but the share 1/f of its a bits.

    Args:
      parameters: [m], P of each model, the embedding left out.
      weights: [N], how often each person of the world is met, in any unit.
      bits: a, bits of knowledge in a person.
      bits_per_param: R of `fit_allocation`.
      visits: visits of all people in training; 1 gives frequencies.
      left: share of the bits that a person may still lack, above 0, at most 1: 1 is
        where learning begins, 0.5 where half is known.

    Returns:
      [m], visits of one person; falls with P.

    Raises:
      ValueError: a number out of range.

    Example:
      >>> predict_threshold([1e5, 1e6], p, 47.6, said["bits_per_param"], visits=1e7)

    Source: paper 000, figure 2a.
    """
    if not (bits > 0 and bits_per_param > 0 and visits > 0 and 0 < left <= 1):
        raise ValueError(
            f"predict_threshold: bits={bits}, bits_per_param={bits_per_param}, "
            f"visits={visits}, left={left}; all must be above 0, and left at most 1"
        )
    p, base = np.asarray(weights, float), math.exp(1 / bits)
    frequency = theory.model_scaling.threshold_frequency(
        bits_per_param * np.asarray(parameters, float),
        p / p.sum(),
        a=bits,
        b=base,
        of_a=bits,
        of_b=base,
    )
    return (np.asarray(frequency) * (visits / left)).tolist()


def fit_line(x: Any, loss: Any, noise: float = 0.0) -> Line:
    """Fit a power law with a floor to a curve, and judge it.

    Args:
      x: [n], sizes of data or models, above 0, at least 4.
      loss: [n], losses, above 0.
      noise: relative standard deviation of the losses, if known from several seeds.

    Returns:
      Line, as plain numbers for a result row.

    Raises:
      ValueError: as `theory.fitting.fit_power_law`.

    Example:
      >>> round(fit_line([1, 2, 4, 8], [3.0, 2.0, 1.5, 1.25])["alpha"], 9)
      1.0

    Source: paper 000, figures 4a and 5a.
    """
    y = np.asarray(loss, float)
    fit, verdict = theory.fitting.fit_power_law(x, y), None
    if y.size >= _FEWEST_TO_JUDGE:
        verdict = bool(theory.fitting.diagnose(x, y, noise=noise).is_power_law)
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


def _class_losses(
    capacity: Any, p: np.ndarray, labels: np.ndarray, bits: float, classes: int
) -> np.ndarray:
    base = math.exp(1 / bits)
    found = theory.model_scaling.class_losses(
        capacity, p, labels, bits, base, classes=classes
    )
    return np.asarray(found.mean_loss)


def _start(without_floor: Any, loss: np.ndarray, fills: float) -> list[float]:
    """(ln R, h) of the least sum of squares on a grid; `fills` is R at which all fits.

    The sum may have several valleys, since classes are learnt one after another.
    """
    ratios = fills * _SHARES
    floors = np.geomspace(1e-3 * loss.min(), loss.max(), _FLOORS)
    bare = without_floor(ratios)
    off = np.log((bare[:, None] + floors[:, None, None]) / loss)
    squares = (off**2).sum(axis=(2, 3))
    at, floor = np.unravel_index(squares.argmin(), squares.shape)
    return [math.log(ratios[at]), float(floors[floor])]


def _errors(found: Any) -> tuple[float, float]:
    """Standard errors of two parameters of a least-squares fit, to first order."""
    freedom = found.fun.size - 2
    information = found.jac.T @ found.jac
    scale = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    if (np.diag(information) == 0).any() or (
        np.linalg.det(information / scale) < _SINGULAR
    ):
        return math.inf, math.inf
    spread = np.linalg.inv(information) * (2 * found.cost / freedom)
    first, second = np.sqrt(np.diag(spread))
    return float(first), float(second)


def _check(
    size: np.ndarray, loss: np.ndarray, p: np.ndarray, labels: np.ndarray, bits: float
) -> None:
    if size.ndim != 1 or loss.ndim != 2 or len(loss) != len(size) or loss.size < 3:
        raise ValueError(
            f"fit_allocation: {size.shape} sizes and losses of shape "
            f"{loss.shape}; m sizes need losses [m, classes], at least 3"
        )
    if not ((loss > 0).all() and np.isfinite(loss).all() and (size > 0).all()):
        raise ValueError(
            "fit_allocation: sizes and losses must be finite and above 0: "
            "leave out models and classes that have none"
        )
    if not (np.isfinite(bits) and bits > 0):
        raise ValueError(
            f"fit_allocation: bits={bits} of knowledge in a person; must be "
            "finite and above 0"
        )
    if p.ndim != 1 or labels.shape != p.shape or not ((p >= 0) & np.isfinite(p)).all():
        raise ValueError(
            f"fit_allocation: weights of shape {p.shape}, labels of shape "
            f"{labels.shape}; each person has one weight of at least 0 and one class"
        )
    met = set(np.unique(labels[p > 0]).tolist())
    if met != set(range(loss.shape[1])):
        raise ValueError(
            f"fit_allocation: people who are met are of the classes "
            f"{sorted(met)}, the losses of 0 to {loss.shape[1] - 1}: give a loss for "
            "each class that is met"
        )
