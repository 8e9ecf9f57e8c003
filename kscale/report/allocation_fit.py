"""Theory beside measurement: what problem (6) says of the people that a model met.

Each person has a bits of knowledge and a loss `D(m) = a b^-m` after m bits of memory; a
model of P parameters shares out R P bits of memory so that the loss of those who are
met with frequencies p is least. Axes: N people, m models.
"""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
from scipy import optimize

from kscale import theory

_SHARES = np.geomspace(1e-7, 1e3, 61)  # of all there is to know: where R is sought
_FLOORS = 25
_POINTS = 60  # of the drawn lines
_SINGULAR = 1e-12


class AllocationFit(TypedDict):
    """The theory's losses of classes of people, and the constants that were fitted.

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


def fit_allocation(
    parameters: Any, measured: Any, weights: Any, classes: Any, bits: float
) -> AllocationFit:
    """Fits the theory's two free constants to measured losses, and draws its lines.

    The loss of a class is `model_scaling.class_losses(R P, p, classes, a, b, h)`: R and
    h are those of the least sum of squares of ln(predicted/measured). a is known. b is
    `e^(1/a)`, for which the first bit of memory saves one bit: only the product R ln b
    matters, so another b stands for another R, R/(a ln b).

    Args:
      parameters: [m], P of each model, the embedding left out, above 0.
      measured: [m, classes], bits lost per visit of the class: `visit_loss_bits`.
      weights: [N], how often each person of the world is seen, in any unit.
      classes: [N], the class of each.
      bits: a, bits that a model loses which knows nobody: `counts.value_bits`.

    Raises:
      ValueError: shapes that do not agree; fewer than 3 losses, or one that is not
        above 0; a class that nobody is in or is never seen.

    Example:
      >>> fit = fit_allocation(sizes, losses, p, classes, counts.value_bits)
      >>> fit["bits_per_param"], fit["irreducible_bits"]

    Source: Pan et al. 2025, figure 1b and problem (6); the fit is ours.
    """
    size, loss = np.asarray(parameters, float), np.asarray(measured, float)
    p, classes = np.asarray(weights, float), np.asarray(classes)
    _check(size, loss, p, classes, bits)
    p = p / p.sum()

    def without_floor(capacity: Any) -> np.ndarray:
        """Losses [..., classes] at the bits of memory [...]."""
        found = theory.model_scaling.class_losses(
            capacity, p, classes, bits, math.exp(1 / bits), classes=loss.shape[1]
        )
        return np.asarray(found.mean_loss)

    def log_ratios(at: np.ndarray) -> np.ndarray:
        return np.log((without_floor(math.exp(at[0]) * size) + at[1]) / loss).ravel()

    found = optimize.least_squares(
        log_ratios,
        _start(without_floor, size, loss, bits * (p > 0).sum() / np.median(size)),
        jac="3-point",
        bounds=([-math.inf, 0.0], math.inf),
        x_scale=[1.0, float(loss.min())],
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
    """Predicts how often a person must be met before a model holds something of it.

    `visits threshold_frequency(R P)/left`: a person who is seen f times as often as the
    rarest that is held has lost all but the share 1/f of its a bits.

    Args:
      parameters: [m], P of each model, the embedding left out.
      weights: [N], how often each person of the world is seen, in any unit.
      bits: a, bits of knowledge in a person.
      bits_per_param: R, as `fit_allocation` finds it.
      visits: visits of all people in training; 1 gives frequencies.
      left: share of the bits that a person may still lack, above 0, at most 1: 1 is
        where learning begins, 0.5 where half is known.

    Returns:
      [m], visits of one person; falls with P.

    Raises:
      ValueError: a number out of range.

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
    frequency = theory.model_scaling.threshold_frequency(
        bits_per_param * np.asarray(parameters, float),
        p / p.sum(),
        a=bits,
        b=base,
        of_a=bits,
        of_b=base,
    )
    return (np.asarray(frequency) * (visits / left)).tolist()


def _start(
    without_floor: Callable, size: np.ndarray, loss: np.ndarray, fills: float
) -> list[float]:
    """(ln R, h) of the least sum of squares on a grid; `fills` is R at which all fits.

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
    size: np.ndarray, loss: np.ndarray, p: np.ndarray, classes: np.ndarray, bits: float
) -> None:
    if size.ndim != 1 or loss.ndim != 2 or len(loss) != len(size) or loss.size < 3:
        raise ValueError(
            f"fit_allocation: {size.shape} sizes and losses of shape {loss.shape}; m "
            "sizes need losses [m, classes], at least 3"
        )
    if not ((loss > 0).all() and np.isfinite(loss).all() and (size > 0).all()):
        raise ValueError(
            "fit_allocation: sizes and losses must be finite and above 0: leave out "
            "models and classes that have none"
        )
    if not (np.isfinite(bits) and bits > 0):
        raise ValueError(
            f"fit_allocation: bits={bits} of knowledge in a person; must be finite and "
            "above 0"
        )
    if p.ndim != 1 or classes.shape != p.shape or not ((p >= 0) & np.isfinite(p)).all():
        raise ValueError(
            f"fit_allocation: weights of shape {p.shape}, classes of shape "
            f"{classes.shape}; each person has one weight of at least 0 and one class"
        )
    met = np.unique(classes[p > 0]).tolist()
    if met != list(range(loss.shape[1])):
        raise ValueError(
            f"fit_allocation: people who are seen are of the classes {met}, the losses "
            f"of 0 to {loss.shape[1] - 1}: give a loss for each class that is seen"
        )
