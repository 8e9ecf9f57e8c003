"""What the parameters of a formula may be; an error says the value and the range."""

import numpy as np


def inside(name: str, value: object, allowed: str) -> None:
    """Refuse a number, or any element of an array, outside an interval.

    Args:
      name: of the parameter.
      value: a number or an array of them.
      allowed: the interval, such as "[0, 1)" or "(0, inf)".

    Raises:
      ValueError: naming the parameter, the first bad value and the interval.

    Example:
      >>> inside("alpha", 1.0, "[0, 1)")
      Traceback (most recent call last):
      ...
      ValueError: alpha must lie in [0, 1), got 1.0
    """
    low, high = (float(bound) for bound in allowed[1:-1].split(","))
    numbers = np.asarray(value, dtype=np.float64)
    above = numbers >= low if allowed[0] == "[" else numbers > low
    below = numbers <= high if allowed[-1] == "]" else numbers < high
    refuse(name, numbers, ~(above & below), f"must lie in {allowed}")


def refuse(name: str, value: object, bad: object, rule: str) -> None:
    """Raise `ValueError` "{name} {rule}, got ..." for the first value that is `bad`."""
    bad, value = np.broadcast_arrays(np.asarray(bad), np.asarray(value))
    if bad.any():
        where = np.unravel_index(np.argmax(bad), bad.shape)
        place = f" at {list(map(int, where))}" if bad.ndim else ""
        raise ValueError(f"{name} {rule}, got {value[where]!s}{place}")


def whole(name: str, value: object, allowed: str) -> None:
    """Refuse what is not a whole number in an interval."""
    inside(name, value, allowed)
    numbers = np.asarray(value, dtype=np.float64)
    refuse(name, numbers, numbers != np.floor(numbers), "must be a whole number")


def probabilities(name: str, value: object, axis: int = -1) -> None:
    """Refuse an array that is negative somewhere or does not sum to 1 within 1e-6."""
    numbers = np.asarray(value, dtype=np.float64)
    inside(name, numbers, "[0, 1]")
    total = numbers.sum(axis=axis)
    refuse(f"the sum of {name}", total, abs(total - 1) > 1e-6, "must be 1")


def pitman_yor(alpha: object, beta: object) -> None:
    """Refuse a discount outside [0, 1) or a concentration at or below -alpha."""
    inside("alpha", alpha, "[0, 1)")
    bad = np.asarray(beta, float) <= -np.asarray(alpha, float)
    refuse("beta", beta, bad | np.isnan(np.asarray(beta, float)), "must exceed -alpha")
