"""The figures of capacity: bits against parameters, bits/parameter against exposures.

A row has "exposures", "bits" (with "total"), "parameters", "bits_per_param",
"max_bits_per_param", "model", "people" and "accuracy" by piece. Bits may be of the
strings that there are, or of who has which: a dot is faint where at most half of the
values are right, and such models are left out of figure 2 of Allen-Zhu & Li 2024.
"""

import math
import pathlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kscale.files import Row
from kscale.report.panels import COLORS, save_figure

# What "accuracy" has beside attributes in rows that are too old to have "loss".
_NO_VALUES = {"name", "pronoun", "employer_city"}


def draw_capacity(
    rows: Sequence[Row], path: pathlib.Path, title: str, published: bool = True
) -> None:
    """Draws learnt bits against parameters, a panel for each number of exposures.

    Both axes are logarithmic; the lines of 2 and of 1 bit per parameter are drawn, and
    a ring around a dot marks a model that could hold no more, since R_max is near R.

    Args:
      rows: one per model; several seeds of one model are several dots.
      path, title: as in `draw_panels`.
      published: whether the paper's values (2 and 1) are named in the panels.

    Source: Allen-Zhu & Li 2024, figure 1.
    """
    exposures = sorted({row["exposures"] for row in rows}, reverse=True)
    if not exposures:
        raise ValueError(f"{path}: there are no rows to draw; run the sweep first")
    figure = Figure(figsize=(5.6 * len(exposures), 4.6), layout="constrained")
    panels = figure.subplots(1, len(exposures), squeeze=False, sharey=True)[0]
    for axes, shown in zip(panels, exposures, strict=True):
        chosen = [row for row in rows if row["exposures"] == shown]
        _bit_lines(axes, [row["parameters"] for row in rows])
        points = [(row["parameters"], row["bits"]["total"]) for row in chosen]
        _dots(axes, chosen, points, _kinds(rows))
        peak = max(chosen, key=lambda row: row["bits_per_param"])
        text = (
            f"{shown:g} exposures: peak {peak['bits_per_param']:.2f} bits/parameter,"
            f" {values_right(peak):.0%} of values right"
        )
        if published and shown in (1000, 100):
            text += f" (paper: {'2' if shown == 1000 else '1'})"
        axes.set_title(text, fontsize=9)
        axes.set(xscale="log", yscale="log", xlabel="parameters P")
    panels[0].set_ylabel("learnt knowledge (bits)")
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def draw_exposures(
    rows: Sequence[Row], path: pathlib.Path | BinaryIO, title: str
) -> None:
    """Draws bits per parameter against exposures, with the 2-bit and the 1-bit line.

    Args:
      rows: one per run. A dash over a dot is its R_max. A line leads to the dot of a
        run that was scored on its way (`curve`, `steps`).
      path: the PNG to write, or an open file.
      title: as in `draw_panels`.
    """
    if not rows:
        raise ValueError(f"{path}: there are no rows to draw; run the models first")
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for bits, style in ((2, "-"), (1, "--")):
        axes.axhline(bits, color="0.6", linestyle=style, linewidth=1)
        axes.annotate(
            f"{bits} bit{'s' * (bits > 1)} per parameter",
            (0.01, bits),
            xycoords=("axes fraction", "data"),
            va="bottom",
            color="0.4",
            fontsize=8,
        )
    for row in rows:
        name = "R_max: all there is to know" if row is rows[0] else None
        place, most = row["exposures"], row["max_bits_per_param"]
        axes.plot(place, most, "_", markersize=22, color="0.2", label=name)
    points = [(row["exposures"], row["bits_per_param"]) for row in rows]
    seen = sorted({row["exposures"] for row in rows})
    first = seen[0]
    for row, end in zip(rows, points, strict=True):
        way = _way(row)
        if way:
            first = min(first, way[0][0])
            color = COLORS[_kinds(rows).index(_kind(row)) % len(COLORS)]
            axes.plot(*np.transpose([*way, end]), "-", color=color, linewidth=1)
    _dots(axes, rows, points, _kinds(rows))
    axes.set(
        xscale="log",
        xlim=(first / 2, seen[-1] * 2),
        ylim=(
            min(0, 1.08 * min(row["bits_per_param"] for row in rows)),
            max(2.4, 1.08 * max(row["max_bits_per_param"] for row in rows)),
        ),
        xlabel="exposures: how often each fact was seen",
        ylabel="bits of knowledge per parameter",
    )
    if first == seen[0]:
        axes.set_xticks(seen)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_title(title, fontsize=10)
    save_figure(figure, path)


def values_right(row: Row) -> float:
    """Returns the share of a row's values that are greedily right.

    This is the mean over people and attributes, 0 to 1. Names, derived facts and what
    forms of reference tell (the pronoun) do not count.
    """
    if "loss" in row:
        return row["loss"]["accuracy"]
    right = {x: share for x, share in row["accuracy"].items() if x not in _NO_VALUES}
    return float(np.mean(list(right.values())))


def _way(row: Row) -> list[tuple[float, float]]:
    """Returns (exposures, R) at the steps at which a run was scored on its way."""
    return [
        (row["exposures"] * point["step"] / row["steps"], point["bits_per_param"])
        for point in row.get("curve", ())
        if "bits_per_param" in point
    ]


def _kind(row: Row) -> tuple[str, int]:
    return row["model"], row["people"]


def _kinds(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Returns each model in its world; each has a marker, the same in every panel."""
    return sorted({_kind(row) for row in rows})


def _dots(
    axes: Axes,
    rows: Sequence[Row],
    points: Sequence[tuple[float, float]],
    kinds: Sequence[tuple[str, int]],
) -> None:
    places, kind_of = np.array(points), [_kind(row) for row in rows]
    bound = np.array([values_right(row) > 0.5 for row in rows])
    full = [row["bits_per_param"] >= 0.95 * row["max_bits_per_param"] for row in rows]
    for i, (model, people) in enumerate(kinds):
        of = np.array([kind == (model, people) for kind in kind_of])
        if of.any():
            color, name = COLORS[i % len(COLORS)], f"{model}, N = {people:,}"
            mark = "os^Dv"[i % 5]
            axes.plot(*places[of & ~bound].T, mark, color=color, alpha=0.35)
            axes.plot(*places[of & bound].T, mark, color=color)
            axes.plot([], [], mark, color=color, label=name)
            axes.plot(*places[of & full].T, "o", ms=12, mfc="none", mec="0.3")
    axes.plot([], [], "o", ms=12, mfc="none", mec="0.3", label="knows it all")
    if not bound.all():
        faint = "faint: at most half of the values right"
        axes.plot([], [], "o", color="0.3", alpha=0.35, label=faint)
    axes.legend(fontsize=7, frameon=False, loc="lower right")


def _bit_lines(axes: Axes, parameters: Sequence[float]) -> None:
    low, high = min(parameters) / 1.5, max(parameters) * 1.5
    middle, x = math.sqrt(low * high), [low, high]
    for bits, style in ((2, "-"), (1, "--")):
        axes.plot(x, [bits * low, bits * high], style, color="0.6", linewidth=1)
        text, at = f"{bits} bit{'s' * (bits > 1)}/parameter", (middle, bits * middle)
        axes.annotate(text, at, fontsize=8, color="0.4", va="bottom", ha="right")
