"""A solver's arguments from the words of a command line.

read(function, {"alpha": "0.5", "n": "10:1e6:6"})
"""

import inspect
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kscale import fields


def read(function: Callable, texts: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a solver from text.

    A number; several: `1,10,100`, `1:1000:4` (four in geometric progression), `1:4:+1`
    (in steps of one); `@FILE` for numbers in a file (.npy or text); true or false; a
    word. `seed` stands for the argument `rng` of a simulator.

    Raises:
      ValueError: an unknown or missing argument, or text that cannot be read.
    """
    known = parameters(function)
    arguments = {}
    for name, text in texts.items():
        if name not in known:
            raise ValueError(fields.unknown("argument", f"--{name}", name, known))
        try:
            arguments[name] = _value(text, known[name])
        except (ValueError, OSError) as error:
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
    """The parameters of a solver by name; `seed` stands for `rng`."""
    found = inspect.signature(function).parameters
    return {"seed" if name == "rng" else name: each for name, each in found.items()}


def _value(text: str, parameter: inspect.Parameter) -> Any:
    if text.startswith("@"):
        path = pathlib.Path(text[1:]).expanduser()
        return np.load(path) if path.suffix == ".npy" else np.loadtxt(path)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(parameter.default, str):
        return text
    if isinstance(parameter.default, bool):
        raise ValueError("write true or false")
    if "," in text:
        return np.array([float(word) for word in text.split(",") if word.strip()])
    if text.count(":") == 2:
        return _range(*text.split(":"))
    number = float(text)
    is_int = text.lstrip("+-").isdecimal() or parameter.annotation in (int, "int")
    return int(number) if is_int and number.is_integer() else number


def _range(low: str, high: str, count: str) -> np.ndarray:
    first, last = float(low), float(high)
    if count.startswith("+"):
        step = float(count)
        if not (step > 0 and last >= first and math.isfinite(last)):
            raise ValueError("LOW:HIGH:+STEP needs LOW <= HIGH and STEP > 0")
        return np.arange(first, last + step / 2, step)
    if not (first > 0 and last > 0 and count.isdecimal() and int(count) > 1):
        raise ValueError("LOW:HIGH:COUNT needs LOW, HIGH > 0 and COUNT > 1")
    return np.geomspace(first, last, int(count))
