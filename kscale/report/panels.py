"""Curves: lines, dots with error bars, and panels of them."""

import math
import pathlib
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kscale.files import replace_file

COLORS = ("#1b6ca8", "#c8553d", "#588b8b", "#8b5fbf", "#b08900", "#444444")


class Curve(NamedTuple):
    """One line, or dots with error bars.

    Attributes:
      label: what the legend says; "" leaves it out.
      x: [points].
      y: [points]; NaN leaves a gap.
      error: [points], one standard error, drawn two of them long on either side.
      style: a matplotlib format: "-" a line, "o" dots, "*" the star of a known point.
      color: number of the color, to give a simulation that of its formula; None for
        the next.
    """

    label: str
    x: Any
    y: Any
    error: Any = None
    style: str = "-"
    color: int | None = None


class Panel(NamedTuple):
    """Axes with curves in them.

    Attributes:
      x, y: what the axes show, with the unit.
      curves: what is drawn.
      title: of the panel.
      log: "", "x", "y" or "xy": the logarithmic axes.
      levels: height of a thin line across -> its name.
      y_range: lowest and highest y shown.
      marks: x of a thin upright line -> its name.
    """

    x: str
    y: str
    curves: Sequence[Curve]
    title: str = ""
    log: str = ""
    levels: dict[float, str] | None = None
    y_range: tuple[float, float] | None = None
    marks: dict[float, str] | None = None


def draw_panels(panels: Sequence[Panel], path: pathlib.Path, title: str) -> None:
    """Draws panels side by side, two a row at most.

    Args:
      panels: at least one, with a curve.
      path: the PNG to write.
      title: says what was run or computed, and names the paper and its figure.
    """
    if not any(panel.curves for panel in panels):
        raise ValueError(f"{path}: there are no curves to draw")
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(6.2 * columns, 4.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _draw(axes, panel)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def save_figure(figure: Figure, path: pathlib.Path | BinaryIO) -> None:
    """Writes a figure, a file whole or not at all; its name says in which format."""
    if isinstance(path, pathlib.Path):
        with replace_file(path) as file:
            figure.savefig(file, dpi=150, format=path.suffix[1:] or None)
    else:
        figure.savefig(path, dpi=150)


def _draw(axes: Axes, panel: Panel) -> None:
    for i, curve in enumerate(panel.curves):
        number = i if curve.color is None else curve.color
        axes.errorbar(
            curve.x,
            _positive(curve.y, "y" in panel.log),
            yerr=None if curve.error is None else 2 * np.asarray(curve.error),
            fmt=curve.style,
            color=COLORS[number % len(COLORS)],
            markersize=14 if curve.style.startswith("*") else 4,
            linewidth=1.4,
            elinewidth=1,
            capsize=2,
            label=curve.label or None,
        )
    line = {"color": "0.6", "linewidth": 0.8, "linestyle": ":"}
    text = {"color": "0.4", "fontsize": 8}
    for height, name in (panel.levels or {}).items():
        axes.axhline(height, **line)
        across = axes.get_yaxis_transform()
        axes.text(0.01, height, name, transform=across, va="bottom", **text)
    for place, name in (panel.marks or {}).items():
        axes.axvline(place, **line)
        upright = {"rotation": 90, "va": "top", "ha": "right"} | text
        axes.text(place, 0.99, name, transform=axes.get_xaxis_transform(), **upright)
    axes.set_xscale("log" if "x" in panel.log else "linear")
    axes.set_yscale("log" if "y" in panel.log else "linear")
    axes.set(xlabel=panel.x, ylabel=panel.y)
    axes.set_title(panel.title, fontsize=10)
    if panel.y_range:
        axes.set_ylim(*panel.y_range)
    if any(curve.label for curve in panel.curves):
        axes.legend(fontsize=7, frameon=False)


def _positive(values: Any, needed: bool) -> np.ndarray:
    """Leaves a gap where a logarithmic axis shows nothing: at zero and below."""
    values = np.asarray(values, dtype=float)
    return np.where(values > 0, values, np.nan) if needed else values
