"""Theory beside measurement: laws fitted to the losses of classes and to a curve.

Axes: N people, m models or amounts of data, n points of a curve.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import numpy as np
from scipy import optimize

from kscale import theory

_SHARES = np.geomspace(1e-7, 1e3, 61)  # of all there is to know: where R is sought
_FLOORS = 25
_POINTS = 60  # of the drawn lines
_SINGULAR = 1e-12
_FEWEST_TO_JUDGE = 8  # points from which `fitting.diagnose` tells a misfit from noise


class AllocationFit(TypedDict):
    """The losses of classes by problem (6), and the constants that were fitted.

    Attributes:
      bits_per_param: R, of a memory whose first bit saves one bit.
      bits_per_param_error: its standard error; inf where losses do not determine it.
      irreducible_bits: h, the loss that no memory removes.
      irreducible_bits_error: its standard error.
      residual: root mean square of ln(predicted/measured).
      parameters: sizes of the drawn lines, from the smallest to the largest measured.
      loss_bits: [sizes][classes], bits, at those.
    """

    bits_per_param: float
    bits_per_param_error: float
    irreducible_bits: float
    irreducible_bits_error: float
    residual: float
    parameters: list[float]
    loss_bits: list[list[float]]


class LearningFit(TypedDict):
    """The losses of classes by a law of data, and the constants that were fitted.

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


def fit_allocation(
    parameters: Any, measured: Any, weights: Any, classes: Any, bits: float
) -> AllocationFit:
    """Fits problem (6) to the losses of classes in models of several sizes.

    Each person has a bits of knowledge and a loss `D(m) = a b^-m` after m bits of
    memory; a model of P parameters shares out R P bits so that the loss of people seen
    with frequencies p is least, `model_scaling.class_losses(R P, p, classes, a, b, h)`.
    R and h are those of the least sum of squares of ln(predicted/measured). b is
    `e^(1/a)`, for which the first bit of memory saves one bit: only the product R ln b
    matters, so another b stands for another R, R/(a ln b).

    Args:
      parameters: [m], P of each model, the embedding left out, above 0.
      measured: [m, classes], bits lost per visit of the class, above 0, at least 3.
      weights: [N], how often each person of the world is seen, in any unit.
      classes: [N], the class of each.
      bits: a, bits that a model loses which knows nobody: `counts.value_bits`.

    Raises:
      ValueError: shapes that do not agree, a number out of range, or a class that
        nobody is in or is never seen.

    Example:
      >>> fit_allocation(sizes, losses, p, classes, bits)["bits_per_param"]

    Source: Pan et al. 2025, figure 1b and problem (6); the fit is ours.
    """
    size, loss, p, classes = _read(
        "fit_allocation", parameters, measured, weights, classes, bits
    )
    if loss.size < 3:
        raise ValueError(f"fit_allocation: {loss.size} losses; give 3 or more")

    def without_floor(capacity: Any) -> np.ndarray:
        """Losses [..., classes] at the bits of memory [...]."""
        found = theory.model_scaling.class_losses(
            capacity, p, classes, bits, math.exp(1 / bits), classes=loss.shape[1]
        )
        return np.asarray(found.mean_loss)

    start = _start(without_floor, size, loss, bits * (p > 0).sum() / np.median(size))
    found = _least_squares(
        lambda at: without_floor(math.exp(at[0]) * size) + at[1],
        loss,
        start,
        jac="3-point",
    )
    ratio, floor = math.exp(found.x[0]), float(found.x[1])
    log_error, floor_error = _errors(found)
    drawn = np.geomspace(size.min(), size.max(), _POINTS)
    return {
        "bits_per_param": ratio,
        "bits_per_param_error": ratio * log_error,
        "irreducible_bits": floor,
        "irreducible_bits_error": floor_error,
        "residual": math.sqrt(float(np.mean(found.fun**2))),
        "parameters": drawn.tolist(),
        "loss_bits": (without_floor(ratio * drawn) + floor).tolist(),
    }


def predict_threshold(
    parameters: Any,
    weights: Any,
    bits: float,
    bits_per_param: float,
    visits: float = 1.0,
    left: float = 1.0,
) -> list[float]:
    """Predicts how often a person must be seen before a model holds something of it.

    `visits threshold_frequency(R P)/left`: a person who is seen f times as often as the
    rarest that is held has lost all but the share 1/f of its a bits.

    Args:
      parameters, weights, bits: as in `fit_allocation`.
      bits_per_param: R, as `fit_allocation` finds it, above 0.
      visits: visits of all people in training, above 0; 1 gives frequencies.
      left: share of the bits that a person may still lack, above 0, at most 1: 1 is
        where learning begins, 0.5 where half is known.

    Returns:
      [m], visits of one person; falls with P.

    Example:
      >>> predict_threshold([1e5, 1e6], p, 47.6, fit["bits_per_param"], visits=1e7)

    Source: Pan et al. 2025, figure 2a.
    """
    if not (bits > 0 and bits_per_param > 0 and visits > 0 and 0 < left <= 1):
        raise ValueError(
            f"predict_threshold: bits={bits}, bits_per_param={bits_per_param}, "
            f"visits={visits}, left={left}; all must be above 0, and left at most 1"
        )
    p, base = np.asarray(weights, float), math.exp(1 / bits)
    memory = bits_per_param * np.asarray(parameters, float)
    law = {"a": bits, "b": base, "of_a": bits, "of_b": base}
    frequency = theory.model_scaling.threshold_frequency(memory, p / p.sum(), **law)
    return (np.asarray(frequency) * (visits / left)).tolist()


def fit_learning(
    visits: Any, measured: Any, weights: Any, classes: Any, bits: float
) -> LearningFit:
    """Fits a law of data scaling to the losses of classes, and draws its lines.

    Of a person seen t times `a t0/(t0 + t)` bits are lost, the paper's kind of f. After
    n visits of all people person i was seen n p_i times, so class k loses, per visit,
    `h + a sum_(i in k) p_i t0/(t0 + n p_i) / sum_(i in k) p_i`. Losses above a are
    of a model that has not learnt the language yet; they are left out of the fit.

    Args:
      visits: [m], n, of all people together, above 0.
      measured, weights, classes, bits: as in `fit_allocation`; 3 losses or more must
        be below a.

    Example:
      >>> fit_learning(visits, losses, p, classes, counts.value_bits)["half_visits"]

    Source: Pan et al. 2025, theorem D.5 and figure 4b; the scale t0 and the fit are
    ours.
    """
    n, loss, p, classes = _read(
        "fit_learning", visits, measured, weights, classes, bits
    )
    known = loss < bits
    if known.sum() < 3:
        raise ValueError(
            f"fit_learning: {known.sum()} losses lie below bits={bits}; 3 are"
            f" needed to fit two constants: look at later steps"
        )
    members = [classes == k for k in range(loss.shape[1])]

    def predict(at: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Losses [m, classes] at (ln t0, h) after n visits [m]."""
        half, floor = math.exp(at[0]), at[1]
        left = p * half / (half + np.multiply.outer(n, p))
        means = [left[:, of].sum(axis=1) / p[of].sum() for of in members]
        return floor + bits * np.stack(means, axis=1)

    start = [math.log(float(np.median(n)) / len(p)), float(loss.min()) / 2]
    found = _least_squares(lambda at: predict(at, n), loss, start, known)
    drawn = np.geomspace(n.min(), n.max(), _POINTS)
    return {
        "half_visits": math.exp(found.x[0]),
        "irreducible_bits": float(found.x[1]),
        "residual": math.sqrt(float(np.mean(found.fun**2))),
        "visits": drawn.tolist(),
        "loss_bits": predict(found.x, drawn).tolist(),
    }


def fit_line(x: Any, loss: Any) -> Line:
    """Fits a power law with a floor to a curve, and judges it.

    Args:
      x: [n], sizes of data or models, above 0, at least 4.
      loss: [n], losses, above 0.

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


def describe_line(line: Mapping[str, Any], digits: int = 2) -> str:
    """Describes a fitted line for a legend: A, its interval, its residuals.

    Example:
      >>> describe_line({"alpha": 1, "alpha_low": 0.9, "alpha_high": 2, "largest": 0.1})
      'A = 1.00 [0.90, 2.00], residuals to 10%'
    """
    middle, low, high = (
        f"{line[name]:.{digits}f}" for name in ("alpha", "alpha_low", "alpha_high")
    )
    return f"A = {middle} [{low}, {high}], residuals to {line['largest']:.0%}"


def _read(
    name: str, x: Any, measured: Any, weights: Any, classes: Any, bits: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Checks the arguments of a fit; the weights come back with the sum 1."""
    x, loss, p = (np.asarray(each, float) for each in (x, measured, weights))
    classes = np.asarray(classes)
    shapes_agree = (x.ndim, loss.ndim, p.ndim) == (1, 2, 1) and len(loss) == len(x)
    if not shapes_agree or p.shape != classes.shape:
        raise ValueError(
            f"{name}: sizes or visits {x.shape}, losses {loss.shape}, weights"
            f" {p.shape}, classes {classes.shape}: give [m], [m, classes], [N] and [N]"
        )
    if not all((np.isfinite(each) & (each > 0)).all() for each in (x, loss, bits)):
        raise ValueError(
            f"{name}: bits={bits}, sizes or visits, and losses must be finite and above"
            f" 0: leave out models and classes that have none"
        )
    if not (np.isfinite(p) & (p >= 0)).all():
        raise ValueError(f"{name}: weights must be finite and at least 0: count visits")
    seen = np.unique(classes[p > 0]).tolist()
    if seen != list(range(loss.shape[1])):
        raise ValueError(
            f"{name}: people who are seen are of the classes {seen}, the losses of 0 to"
            f" {loss.shape[1] - 1}: give a loss for each class that is seen"
        )
    return x, loss, p / p.sum(), classes.astype(int)


def _least_squares(
    predict: Callable[[np.ndarray], np.ndarray],
    loss: np.ndarray,
    start: list[float],
    known: Any = True,
    **options: Any,
) -> Any:
    """Minimizes the squares of ln(predicted/measured) over (ln scale, floor)."""
    return optimize.least_squares(
        lambda at: np.log(predict(at) / loss)[known].ravel(),
        start,
        bounds=([-math.inf, 0.0], math.inf),
        x_scale=[1.0, float(loss.min())],
        **options,
    )


def _start(
    without_floor: Callable, size: np.ndarray, loss: np.ndarray, fills: float
) -> list[float]:
    """Returns (ln R, h) of the least sum of squares on a grid; at R = `fills` all fits.

    The sum may have several valleys, since classes are learnt one after another.
    """
    ratios = fills * _SHARES
    floors = np.geomspace(1e-3 * loss.min(), loss.max(), _FLOORS)
    bare = without_floor(np.multiply.outer(ratios, size))
    off = np.log((bare[:, None] + floors[:, None, None]) / loss)
    squares = (off**2).sum(axis=(2, 3))
    at, floor = np.unravel_index(squares.argmin(), squares.shape)
    return [math.log(ratios[at]), float(floors[floor])]


def _errors(found: Any) -> tuple[float, float]:
    """Returns standard errors of a fit's two constants, to first order."""
    information = found.jac.T @ found.jac
    diagonal = np.diag(information)
    scale = np.sqrt(np.outer(diagonal, diagonal))
    if (diagonal == 0).any() or np.linalg.det(information / scale) < _SINGULAR:
        return math.inf, math.inf
    spread = np.linalg.inv(information) * (2 * found.cost / (found.fun.size - 2))
    first, second = np.sqrt(np.diag(spread))
    return float(first), float(second)
