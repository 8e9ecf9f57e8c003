"""A solver of `kscale.theory` over a grid of arguments; its answer in three forms.

answer = solve("expected_tables", function, {"customers": np.geomspace(1, 1e6, 7)})
table(answer)                   # lines for a person
as_json(answer)                 # JSON types, all digits
panels(answer)                  # what kscale.report draws
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kscale.cli.theory_arguments import parameters
from kscale.files import to_json_types
from kscale.report import Curve, Panel

LINES = 25  # of a table; evenly chosen where there are more
FAMILY = 6  # lines in a panel


class Answer(NamedTuple):
    """What came out of a solver.

    Attributes:
      solver: its name.
      arguments: name -> value; the swept ones are lists.
      swept: names of the arguments that were given several values, outermost first.
      result: name -> array; the swept axes lead, for what depends on them.
    """

    solver: str
    arguments: dict[str, Any]
    swept: tuple[str, ...]
    result: dict[str, Any]


def solve(
    name: str, function: Callable, arguments: Mapping[str, Any], axis: str = ""
) -> Answer:
    """Calls a solver over the grid of all arguments that were given several values.

    Args:
      name: of the solver.
      function: from `kscale.theory`.
      arguments: name -> a number, an array, or a word.
      axis: an argument of which the function itself takes many values.

    Returns:
      All results, flattened to one level of names.

    Raises:
      ValueError: the solver refuses a value, or there are several values of the axis
        and of another argument.
    """
    numbers = getattr(function, "scalars", _numeric(function))
    swept = tuple(n for n in arguments if n in numbers and np.ndim(arguments[n]))
    if axis in arguments and np.ndim(arguments[axis]):
        if swept:
            raise ValueError(
                f"give several values to {axis} or to {swept[0]}, not both"
            )
        result = flatten(function(**arguments), name)
        return Answer(name, dict(arguments), (axis,), result)
    axes = [np.asarray(arguments[name]) for name in swept]
    rest = {name: value for name, value in arguments.items() if name not in swept}
    if hasattr(function, "scalars"):
        grid = dict(zip(swept, np.meshgrid(*axes, indexing="ij"), strict=True))
        result = flatten(function(**rest, **grid), name)
    else:
        shape = tuple(axis.size for axis in axes)
        points = [
            flatten(_simulate(function, rest, swept, point), name)
            for point in itertools.product(*axes)
        ]
        result = {
            field: _together(field, [point[field] for point in points], swept, shape)
            for field in points[0]
        }
    return Answer(name, dict(arguments), swept, result)


def flatten(result: Any, name: str = "value") -> dict[str, Any]:
    """Flattens nested results to a dict of arrays; a nested field is `outer.inner`."""
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if not isinstance(result, dict):
        return {name: result if isinstance(result, str) else np.asarray(result)}
    flat = {}
    for key, value in result.items():
        inner = flatten(value, str(key))
        deeper = isinstance(value, dict) or hasattr(value, "_asdict")
        flat |= {f"{key}.{k}": v for k, v in inner.items()} if deeper else inner
    return flat


def table(answer: Answer) -> str:
    """Formats the answer: a line per point, then what has more dimensions."""
    batch = _shape(answer)
    columns = {
        name: axis.ravel()
        for name, axis in zip(answer.swept, _mesh(answer), strict=True)
    }
    points = {k: v for k, v in answer.result.items() if np.shape(v) == batch}
    columns |= {name: np.ravel(value) for name, value in points.items()}
    more = {k: v for k, v in answer.result.items() if k not in points}
    out = []
    if batch:
        out += _columns(columns)
    else:
        width = max((len(name) for name in answer.result), default=0)
        out += [f"{name:<{width}}  {_text(v[0])}" for name, v in columns.items()]
    out += [f"{name} {_summary(np.asarray(value))}" for name, value in more.items()]
    return "\n".join(out) + "\n"


def as_json(answer: Answer) -> dict[str, Any]:
    """Returns the whole answer in JSON types; NaN and infinities are null."""
    return {
        "solver": answer.solver,
        "arguments": to_json_types(answer.arguments),
        "result": to_json_types(answer.result),
    }


def panels(answer: Answer) -> list[Panel]:
    """Returns a panel for each result, over the first swept argument or over the index.

    Raises:
      ValueError: every result is a single number.
    """
    batch = _shape(answer)
    out = []
    for name, value in answer.result.items():
        value = np.asarray(value)
        if value.dtype.kind not in "fiu":
            continue
        if batch and value.shape == batch:
            x, label = np.asarray(answer.arguments[answer.swept[0]]), answer.swept[0]
            curves = _family(answer, x, value)
        elif value.ndim == 1 and value.size > 1:
            x, label = np.arange(value.size), "index"
            curves = [Curve("", x, value)]
        else:
            continue
        log = "x" * bool(x.min() > 0 and _spans(x)) + "y" * _spans(value)
        out.append(Panel(label, name, curves, log=log))
    if not out:
        raise ValueError(
            "there is no curve to draw: give an argument several values, such as"
            " --alpha=0.1:0.9:+0.1"
        )
    return out


def _numeric(function: Callable) -> list[str]:
    kinds = (int, float, "int", "float")
    return [n for n, p in parameters(function).items() if p.annotation in kinds]


def _simulate(
    function: Callable, rest: Mapping[str, Any], swept: Sequence[str], point: Any
) -> Any:
    words = dict(rest) | dict(zip(swept, (x.item() for x in point), strict=True))
    if "seed" in parameters(function):
        words["rng"] = np.random.default_rng(words.pop("seed", 0))
    return function(**words)


def _together(
    field: str, values: list, swept: Sequence[str], shape: tuple[int, ...]
) -> np.ndarray:
    """Returns one array of the results at all points."""
    sizes = sorted({np.shape(value) for value in values})
    if len(sizes) > 1:
        raise ValueError(
            f"give one value to {' and '.join(swept)}: {field} has {sizes[0]} numbers"
            f" at one and {sizes[-1]} at another"
        )
    return np.array(values).reshape(shape + sizes[0])


def _shape(answer: Answer) -> tuple[int, ...]:
    return tuple(np.size(answer.arguments[name]) for name in answer.swept)


def _mesh(answer: Answer) -> list[np.ndarray]:
    axes = [np.asarray(answer.arguments[name]) for name in answer.swept]
    return list(np.meshgrid(*axes, indexing="ij"))


def _columns(columns: Mapping[str, np.ndarray]) -> list[str]:
    points = len(next(iter(columns.values())))
    chosen = np.unique(np.linspace(0, points - 1, min(points, LINES)).round())
    cells = [
        [name, *(_text(column[int(i)]) for i in chosen)]
        for name, column in columns.items()
    ]
    widths = [max(map(len, column)) for column in cells]
    lines = [
        "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    if len(chosen) < points:
        lines.append(f"({len(chosen)} of {points} points; --json gives all)")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, str | np.str_):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.8g}"


def _summary(value: np.ndarray) -> str:
    flat = value.ravel()
    shown = [_text(x) for x in (flat if flat.size <= 8 else flat[:6])]
    more = ["...", _text(flat[-1])] if flat.size > 8 else []
    return f"{list(value.shape)}  {'  '.join(shown + more)}"


def _family(answer: Answer, x: np.ndarray, value: np.ndarray) -> list[Curve]:
    """Returns a curve for each combination of the swept arguments after the first."""
    others = answer.swept[1:]
    grids = [mesh[0].ravel() for mesh in _mesh(answer)[1:]]
    lines = value.reshape(x.size, -1).T
    chosen = np.unique(np.linspace(0, len(lines) - 1, min(len(lines), FAMILY)).round())
    order = np.argsort(x)
    return [
        Curve(
            ", ".join(
                f"{name}={_text(grid[i])}"
                for name, grid in zip(others, grids, strict=True)
            ),
            x[order],
            lines[i][order],
        )
        for i in chosen.astype(int)
    ]


def _spans(values: np.ndarray) -> bool:
    """Checks whether an axis of these values should be logarithmic."""
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if not positive.size or (finite < 0).any():
        return False
    return bool(finite.max() / positive.min() > 50)
