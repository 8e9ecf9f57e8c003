"""The answer of a solver as a table, as JSON, and as curves to draw."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kscale.files import to_json_types
from kscale.report import Curve, Panel
from kscale.theory.grid import Answer

LINES = 25  # of a table; evenly chosen where there are more
FAMILY = 6  # lines in a panel


def table(answer: Answer) -> str:
    """Formats the answer: a line per point, then what has more dimensions."""
    mesh, batch = answer.mesh, _shape(answer)
    points = {k: v for k, v in answer.result.items() if np.shape(v) == batch}
    columns = {name: np.ravel(value) for name, value in (mesh | points).items()}
    if batch:
        out = _columns(columns)
    else:
        width = max((len(name) for name in answer.result), default=0)
        out = [f"{name:<{width}}  {_text(v[0])}" for name, v in columns.items()]
    more = {k: np.asarray(v) for k, v in answer.result.items() if k not in points}
    return "\n".join([*out, *(f"{name} {_summary(x)}" for name, x in more.items())])


def as_json(answer: Answer) -> dict[str, Any]:
    """Returns the whole answer in JSON types; NaN and infinities are null."""
    names = ("solver", "arguments", "result")
    return {name: to_json_types(getattr(answer, name)) for name in names}


def panels(answer: Answer) -> list[Panel]:
    """Returns a panel for each result, over the first swept argument or the index."""
    batch, out = _shape(answer), []
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


def _shape(answer: Answer) -> tuple[int, ...]:
    return tuple(np.size(answer.arguments[name]) for name in answer.swept)


def _thin(count: int, most: int) -> list[int]:
    """Returns at most so many places out of `count`, evenly chosen."""
    chosen = np.linspace(0, count - 1, min(count, most)).round()
    return np.unique(chosen).astype(int).tolist()


def _columns(columns: Mapping[str, np.ndarray]) -> list[str]:
    count = len(next(iter(columns.values())))
    chosen = _thin(count, LINES)
    cells = [
        [name, *(_text(column[i]) for i in chosen)] for name, column in columns.items()
    ]
    widths = [max(map(len, column)) for column in cells]
    lines = [
        "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    if len(chosen) < count:
        lines.append(f"({len(chosen)} of {count} points; --json gives all)")
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
    grids = {name: answer.mesh[name][0].ravel() for name in answer.swept[1:]}
    lines, order = value.reshape(x.size, -1).T, np.argsort(x)
    return [
        Curve(
            ", ".join(f"{name}={_text(grid[i])}" for name, grid in grids.items()),
            x[order],
            lines[i][order],
        )
        for i in _thin(len(lines), FAMILY)
    ]


def _spans(values: np.ndarray) -> bool:
    """Checks whether an axis of these values should be logarithmic."""
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if not positive.size or (finite < 0).any():
        return False
    return bool(finite.max() / positive.min() > 50)
