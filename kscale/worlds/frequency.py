"""How often each person is visited: equally, by a power law, Pitman-Yor, or a file.

Source: Pan et al. 2025, section 5 (the power law with a bias), appendix C (Pitman-Yor).
"""

import dataclasses
import math
import numbers
import pathlib
import warnings
from typing import Annotated, Literal, get_args

import numpy as np

from kscale.worlds.counter_rng import derive_key

Kind = Literal["exact", "zipf", "pitman_yor", "restaurant", "file"]


@dataclasses.dataclass(frozen=True)
class Law:
    """How often each person of a world is visited.

    Attributes:
      kind: "exact": everybody equally often, exactly. "zipf": each visit draws person
        i with probability `p(i) ~ (i+1+bias)^-exponent`. "pitman_yor": the weights are
        those of the first N sticks of PYP(discount, concentration), drawn once from
        the world's seed. "restaurant": visits follow the Chinese restaurant of the
        same process, so new people keep appearing. "file": weights from a file.
      exponent: a, at least 0; 0 is uniform, though drawn.
      bias: above -1; Pan et al. 2025 take 1000.
      discount: alpha, in [0, 1); frequencies fall like rank^(-1/alpha).
      concentration: beta, above -discount.
      path: of a file of N numbers of at least 0, one a line or .npy; they need not
        sum to 1.

    Raises:
      ValueError: a field is out of range.

    Source: Pan et al. 2025, section 5: a in {0, 1.05, 1.2, 1.35, 1.5}.
    """

    kind: Kind = "exact"
    exponent: Annotated[float, (-100, 100)] = 1.2
    bias: Annotated[float, (-1e15, 1e15)] = 1000.0
    discount: float = 0.5
    concentration: Annotated[float, (-1e15, 1e15)] = 1.0
    path: str = ""

    def __post_init__(self):
        kinds = get_args(Kind)
        _require("kind", self.kind, self.kind in kinds, f"one of {', '.join(kinds)}")
        for name in ("exponent", "bias", "discount", "concentration"):
            value = getattr(self, name)
            number = isinstance(value, numbers.Real) and math.isfinite(value)
            _require(name, repr(value), number, "a finite number")
        _require("exponent", self.exponent, self.exponent >= 0, "at least 0")
        _require("bias", self.bias, self.bias > -1, "above -1")
        _require("discount", self.discount, 0 <= self.discount < 1, "in [0, 1)")
        least = f"above minus the discount, {-self.discount}"
        beta = self.concentration
        _require("concentration", beta, beta > -self.discount, least)
        named = self.kind != "file" or bool(self.path)
        _require("path", repr(self.path), named, "the file of the weights")

    def frequencies(self, people: int, seed: int) -> np.ndarray | None:
        """Returns the probability that a visit is to each person.

        Args:
          people: N; a file must hold so many weights.
          seed: of the Pitman-Yor weights; the world's. The other laws are not random.

        Returns:
          float64 [N] of sum 1. "pitman_yor": sticks in the order of their discovery;
          what N sticks leave of the whole is shared out in proportion. "restaurant":
          None: its frequencies depend on the visits (`Visits.frequencies`).
        """
        if self.kind == "restaurant":
            return None
        if self.kind == "exact":
            return np.full(people, 1 / people)
        if self.kind == "file":
            weights = _read_weights(self.path, people)
        elif self.kind == "pitman_yor":
            weights = _draw_sticks(self.discount, self.concentration, people, seed)
        else:
            ranks = (np.arange(1.0, people + 1) + self.bias) / (1 + self.bias)
            weights = ranks**-self.exponent
        return weights / weights.sum()


def _require(field: str, value: object, holds: bool, condition: str) -> None:
    if not holds:
        raise ValueError(f"law.{field}={value} must be {condition}")


EXACT = Law()


def _draw_sticks(alpha: float, beta: float, number: int, seed: int) -> np.ndarray:
    """Draws `W_j prod_{i<j} (1-W_i)` times a factor, W_i ~ Beta(1-alpha, beta+i alpha).

    Two gammas give W and 1 - W, each with all its digits; near shape 0 both underflow
    and only their logarithms are numbers.
    """
    rng = np.random.default_rng(derive_key(seed, "sticks"))

    def log_gamma(shape: np.ndarray) -> np.ndarray:
        """Draws ln of gamma variables: one of shape a is one of a + 1 times U^(1/a)."""
        above = np.log(rng.standard_gamma(shape + 1))
        return above - rng.standard_exponential(len(shape)) / shape

    odds = log_gamma(beta + alpha * np.arange(1, number + 1))
    odds -= log_gamma(np.full(number, 1 - alpha))
    logs = -np.logaddexp(0, odds)  # ln W
    logs[1:] -= np.cumsum(np.logaddexp(0, -odds[:-1]))
    return np.exp(logs - logs.max())


def _read_weights(path: str, people: int) -> np.ndarray:
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"law.path={path!r} must be a file of weights: there is none")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, refused below
            if file.suffix == ".npy":
                with file.open("rb") as data:
                    found = np.lib.format.read_array(data, allow_pickle=False)
            else:
                found = np.loadtxt(file, ndmin=1)
        if found.dtype.kind not in "fiub":
            raise ValueError(f"its numbers are {found.dtype}")
        weights = found.astype(np.float64)
    except Exception as error:  # NumPy has many kinds for a damaged file
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"law.path={path!r} must hold one number a line or be a .npy array: {why}"
        ) from error
    if weights.shape != (people,):
        raise ValueError(
            f"law.path={path!r} must hold people={people} weights, one each, but its"
            f" shape is {weights.shape}"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size or not weights.any():
        said = "they all are"
        if wrong.size:
            said = f"number {wrong[0] + 1} is {weights[wrong[0]]}"
        raise ValueError(
            f"law.path={path!r} must hold finite weights of at least 0 that are not all"
            f" 0, but {said}"
        )
    with np.errstate(over="ignore"):
        huge = math.isinf(weights.sum())
    return weights / weights.max() if huge else weights
