"""A solver's arguments from the words of a command line."""

import inspect
import math
import pathlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kscale.configs import fields

MOST = 10_000_000  # points of a range
MOST_WHOLE = 100_000_000  # of what is simulated or listed, each in 8 bytes or more


def read(function: Callable, texts: Mapping[str, str]) -> dict[str, Any]:
    """Reads the arguments of a solver from text.

    A number; several: `1,10,100`, `1:1000:4` (four in geometric progression), `1:4:+1`
    (in steps of one); `@FILE` for numbers in a file (.npy or text); true or false; a
    word. `seed` stands for the argument `rng` of a simulator.

    Raises:
      ValueError: an unknown or missing argument, or text that cannot be read.

    Example:
      >>> read(expected_square, {"alpha": "0.5", "beta": "1:100:3"})
    """
    known = parameters(function)
    arguments = {}
    for name, text in texts.items():
        if name not in known:
            raise ValueError(fields.unknown("argument", f"--{name}", name, known))
        try:
            value = _value(text, known[name], name in single(function))
            is_one = isinstance(value, int | float) and _is_list(function, name)
            arguments[name] = np.array([value]) if is_one else value
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(f"--{name}={text}: {error}") from None
    empty = inspect.Parameter.empty
    missing = [
        f"--{name}"
        for name, parameter in known.items()
        if name not in arguments and name != "seed" and parameter.default is empty
    ]
    if missing:
        raise ValueError(f"{function.__name__} needs {' and '.join(missing)}")
    return arguments


def parameters(function: Callable) -> dict[str, inspect.Parameter]:
    """Returns the parameters that can be typed, by name; `seed` stands for `rng`.

    Functions and shapes are left to those who call it from Python.
    """
    found = inspect.signature(function).parameters
    return {
        "seed" if name == "rng" else name: each
        for name, each in found.items()
        if not any(kind in str(each.annotation) for kind in ("Callable", "tuple["))
    }


def single(function: Callable) -> set[str]:
    """Returns the arguments of one value only: choices of a program, and seeds."""
    named = {"seed", *getattr(function, "static", ())}
    return named | {
        name
        for name, each in parameters(function).items()
        if isinstance(each.default, str | bool)
    }


def _is_list(function: Callable, name: str) -> bool:
    """Says whether an argument is a list, of which one number is the shortest."""
    domain = getattr(function, "domain", {}).get(name)
    if domain is None:
        return "Iterable" in str(parameters(function)[name].annotation)
    return bool(domain.shapes) and not {(), ("...",)} & set(domain.shapes)


def _value(text: str, parameter: inspect.Parameter, alone: bool) -> Any:
    if isinstance(parameter.default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError("write true or false")
        return text.lower() == "true"
    if isinstance(parameter.default, str):
        return text
    if text.startswith("@") or "," in text or text.count(":") == 2:
        if alone:
            raise ValueError("give one value")
        return _several(text)
    number = float(text)
    whole = parameter.annotation in (int, "int", np.random.Generator)
    if parameter.annotation is np.random.Generator and not (
        number >= 0 and number.is_integer()
    ):
        raise ValueError("a seed is a whole number, at least 0")
    elif whole and abs(number) > MOST_WHOLE:
        raise ValueError(f"a count is at most {MOST_WHOLE:,}")
    is_int = text.lstrip("+-").isdecimal() or whole
    return int(number) if is_int and number.is_integer() else number


def _several(text: str) -> np.ndarray:
    if text.startswith("@"):
        values = _file(pathlib.Path(text[1:]).expanduser())
    elif "," in text:
        words = text.removesuffix(",").split(",")
        values = np.array([float(word) for word in words])
    else:
        values = _range(*text.split(":"))
    if not values.size:
        raise ValueError("there is no number")
    return values


def _file(path: pathlib.Path) -> np.ndarray:
    if path.suffix == ".npy":
        try:
            with path.open("rb") as file:
                values = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:  # NumPy has many kinds for a damaged file
            why = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(why) from error
        if values.dtype.kind not in "fiub":
            raise ValueError(f"numbers are needed, the file has {values.dtype}")
        return values.astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file, which is refused in words
        return np.loadtxt(path)


def _range(low: str, high: str, count: str) -> np.ndarray:
    first, last = float(low), float(high)
    if count.startswith("+"):
        step = float(count)
        if not (0 < step < math.inf and -math.inf < first <= last < math.inf):
            raise ValueError("LOW:HIGH:+STEP needs LOW <= HIGH and STEP > 0")
        points = (last - first) / step + 1
    else:
        finite = 0 < first < math.inf and 0 < last < math.inf
        if not (finite and count.isdecimal() and int(count) > 1):
            raise ValueError("LOW:HIGH:COUNT needs LOW, HIGH > 0 and COUNT > 1")
        points = int(count)
    if points > MOST:
        raise ValueError(f"at most {MOST:,} points, got {points:.3g}")
    if count.startswith("+"):
        return np.arange(first, last + float(count) / 2, float(count))
    return np.geomspace(first, last, int(count))
