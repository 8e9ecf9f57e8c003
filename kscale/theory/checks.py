"""Domains of arguments as text: parsed once, checked at a call, shown in the help.

    number     "[0, 1)"     "(-alpha, inf)"     "integer [1, customers]"
    array      "(0, inf) of [n]"     "[0, inf) of [...]"     "(1, inf) of [] or [n]"
    other      "distribution of [n]"     "inverse | unseen"     "number"

The ends of an interval are numbers, `inf`, `e`, `1/e` or other arguments. An axis is a
number, a whole argument, or a letter that stands for one length in all arguments of a
call; `levels+1` is one longer, `n>=4` at least four long, `...` any number of axes.
"""

import difflib
import functools
import inspect
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

_ENDS = {"inf": math.inf, "e": math.e, "1/e": math.exp(-1)}
_AXIS = re.compile(r"(\w+)(?:\+(\d+))?(?:>=(\d+))?")
_INTERVAL = re.compile(r"([\[(])([^,\[(]+), ([^\])]+)([\])])")


class Domain(NamedTuple):
    """A parsed domain.

    Attributes:
      text: as written.
      integer, distribution: only whole numbers; the last axis sums to 1.
      intervals: (bracket, low, high, bracket) of each that must hold a number.
      choices: the words to choose from.
      shapes: the axes of each shape allowed; none for numbers, which broadcast.
    """

    text: str
    integer: bool
    distribution: bool
    intervals: tuple[tuple[str, str, str, str], ...]
    choices: tuple[str, ...]
    shapes: tuple[tuple[str, ...], ...]


def parse(text: str) -> Domain:
    """Returns the domain that a text describes."""
    values, _, shapes = text.partition(" of ")
    return Domain(
        text,
        values.startswith("integer"),
        values == "distribution",
        tuple(_INTERVAL.findall(values)),
        tuple(values.split(" | ")) if "|" in values else (),
        tuple(
            tuple(axes.replace(",", " ").split())
            for axes in re.findall(r"\[([^\]]*)\]", shapes)
        ),
    )


def check(
    domains: Mapping[str, Domain],
    arguments: Mapping[str, Any],
    required: Collection[str] = (),
) -> None:
    """Checks that every argument lies in its domain; None is refused if required.

    Raises:
      ValueError: with the argument, the value, the domain and what to choose instead.
    """
    lengths: dict[str, int] = {}
    # Arrays last: their axes may be whole arguments.
    for name, domain in sorted(domains.items(), key=lambda item: bool(item[1].shapes)):
        value = arguments[name]
        if value is None:
            if name in required:
                raise ValueError(f"{name}=None must be given: choose {domain.text}")
            continue
        if domain.choices:
            if value not in domain.choices:
                near = difflib.get_close_matches(str(value), domain.choices, 1, 0.0)
                known = ", ".join(domain.choices)
                rule = f"must be one of {known}: did you mean {near[0]!r}?"
                raise ValueError(f"{name}={value!r} {rule}")
            continue
        if domain.shapes:
            _check_shape(name, np.shape(value), domain, arguments, lengths)
        if domain.distribution:
            distribution(name, value)
        for interval in domain.intervals:
            _check_interval(name, value, interval, domain.integer, arguments)


def check_domain(domain: Mapping[str, str]) -> Callable[[Callable], Callable]:
    """Decorates a NumPy function: arguments outside their domain raise `ValueError`.

    Whole numbers reach the function as `int`, whatever type they were given in.
    """
    domains = {name: parse(text) for name, text in domain.items()}

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        required = list_required(signature)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            check(domains, bound.arguments, required)
            return function(**as_integers(domains, bound.arguments, domains))

        call.domain = domains  # pyright: ignore
        call.__doc__ = document(function, domains)
        return call

    return decorate


def list_required(signature: inspect.Signature) -> list[str]:
    """Lists the parameters without a default."""
    found = signature.parameters.items()
    return [name for name, parameter in found if parameter.default is parameter.empty]


def as_integers(
    domains: Mapping[str, Domain], arguments: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """Returns the arguments, those of these names that are whole numbers as `int`."""
    whole = {
        name
        for name in names
        if name in domains and domains[name].integer and not domains[name].shapes
    }
    return {
        name: int(value) if name in whole and value is not None else value
        for name, value in arguments.items()
    }


def document(function: Callable, domains: Mapping[str, Domain]) -> str:
    """Returns the docstring of a function with the domains of its arguments."""
    lines = [f"  {name}: {domain.text}" for name, domain in domains.items()]
    said = inspect.cleandoc(function.__doc__ or "")
    return "\n".join([said, "", "Domain (outside, `ValueError`):", *lines]) + "\n"


def refuse(name: str, value: object, bad: object, rule: str) -> None:
    """Raises `ValueError` "name=value rule" for the first value that is `bad`."""
    bad, value = np.broadcast_arrays(np.asarray(bad), np.asarray(value))
    if bad.any():
        where = np.unravel_index(np.argmax(bad), bad.shape)
        place = str(list(map(int, where))) if bad.ndim else ""
        raise ValueError(f"{name}{place}={value[where]!s} {rule}")


def inside(name: str, value: object, interval: str) -> None:
    """Checks that all numbers of `value` lie in an interval, such as "[0, 1)"."""
    check({name: parse(interval)}, {name: value})


def distribution(name: str, value: object, axes: int = 1) -> None:
    """Checks that `value` is not negative and sums to 1 over its last axes."""
    numbers = np.asarray(value, dtype=np.float64)
    inside(name, numbers, "[0, 1]")
    total = numbers.sum(axis=tuple(range(-axes, 0)))
    bad = ~(abs(total - 1) <= 1e-6)
    refuse(f"sum({name})", total, bad, f"must be 1: divide {name} by its sum")


def _check_interval(
    name: str,
    value: object,
    interval: tuple[str, str, str, str],
    integer: bool,
    arguments: Mapping[str, Any],
) -> None:
    opens, *ends, closes = interval
    low, high = (end_of(end, arguments) for end in ends)
    numbers = np.asarray(value, dtype=np.float64)
    above = numbers >= low if opens == "[" else numbers > low
    bad = ~(above & (numbers <= high if closes == "]" else numbers < high))
    if integer:
        bad |= numbers != np.floor(numbers)
    if not bad.any():
        return
    numbers, bad, low, high = np.broadcast_arrays(numbers, bad, low, high)
    first = np.unravel_index(np.argmax(bad), bad.shape)
    least, most = float(low[first]), float(high[first])
    way = ["a whole number" if integer else "a number"]
    if least > -math.inf:
        way.append(f"{'at least' if opens == '[' else 'above'} {least:.7g}")
    if most < math.inf:
        way.append(f"{'at most' if closes == ']' else 'below'} {most:.7g}")
    elif closes == ")" and not integer:
        way.append("finite")
    text = f"{opens}{', '.join(ends)}{closes}"
    kind = "an integer in" if integer else "in"
    refuse(name, numbers, bad, f"must be {kind} {text}: choose {', '.join(way)}")


def end_of(text: str, arguments: Mapping[str, Any]) -> Any:
    """Returns an end of an interval as a number or, of other arguments, an array."""
    word = text.removeprefix("-")
    if word in arguments:
        value = np.asarray(arguments[word], np.float64)
    else:
        value = _ENDS[word] if word in _ENDS else float(word)
    return -value if text.startswith("-") else value


def _check_shape(
    name: str,
    shape: tuple[int, ...],
    domain: Domain,
    arguments: Mapping[str, Any],
    lengths: dict[str, int],
) -> None:
    """Checks a shape, and notes in `lengths` the letters that it fixes."""
    for axes in domain.shapes:
        found = _match(axes, shape, arguments, lengths)
        if found is not None:
            lengths |= found
            return
    wanted = domain.text.partition(" of ")[2]
    words = re.findall(r"\w+", wanted)
    sizes = lengths | {word: arguments[word] for word in words if word in arguments}
    known = [f"{word}={size}" for word, size in sizes.items() if word in words]
    fixed = f" with {', '.join(known)}" if known else ""
    raise ValueError(
        f"{name}.shape={shape} must be {wanted}{fixed}: give one number for each"
    )


def _match(
    axes: tuple[str, ...],
    shape: tuple[int, ...],
    arguments: Mapping[str, Any],
    lengths: Mapping[str, int],
) -> dict[str, int] | None:
    """Returns the lengths of letters by which the axes are this shape, if any are."""
    if axes[:1] == ("...",):
        axes = axes[1:]
        shape = shape[max(0, len(shape) - len(axes)) :]
    if len(axes) != len(shape):
        return None
    found = dict(lengths)
    for axis, size in zip(axes, shape, strict=True):
        word, more, least = _AXIS.fullmatch(axis).groups("0")  # pyright: ignore
        if size < int(least):
            return None
        if word.isdigit():
            known = int(word)
        elif word in arguments:
            known = int(arguments[word])
        else:
            known = found.setdefault(word, size - int(more))
        if size != known + int(more):
            return None
    return found
