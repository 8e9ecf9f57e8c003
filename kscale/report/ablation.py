"""The figure of a model's knowledge without its parts.

A row has "config" with "of" and "rounded_to", and "rows": "what" was done and
"tempered_kept", the share of the bits that is left.
"""

import pathlib
from collections.abc import Sequence

from matplotlib.figure import Figure

from kscale.files import Row
from kscale.report.panels import COLORS


def draw_ablation(rows: Sequence[Row], path: pathlib.Path, title: str) -> None:
    """Draws the share of bits left after each change, a panel for each bit width.

    Below zero nothing is known of the facts; shares below -0.5 are drawn as -0.5.

    Args:
      rows: of `kscale ablate`; others are left out.
      path, title: as in `draw_panels`.

    Raises:
      ValueError: no row is of a damaged model.
    """
    shown = [row for row in rows if "rounded_to" in row["config"]]
    if not shown:
        raise ValueError(f"{path}: no row is of a damaged model; run more of the sweep")
    levels = sorted({row["config"]["rounded_to"] for row in shown}, reverse=True)
    figure = Figure(figsize=(6.4 * len(levels), 4.8), layout="constrained")
    panels = figure.subplots(1, len(levels), squeeze=False, sharey=True)[0]
    for axes, bits in zip(panels, levels, strict=True):
        chosen = [row for row in shown if row["config"]["rounded_to"] == bits]
        width = 0.8 / len(chosen)
        for i, row in enumerate(chosen):
            damaged = row["rows"][1:]
            left = [max(each["tempered_kept"] or 0.0, -0.5) for each in damaged]
            places = [j + (i - (len(chosen) - 1) / 2) * width for j in range(len(left))]
            color, label = COLORS[i % len(COLORS)], row["config"]["of"]
            axes.bar(places, left, width, color=color, label=label)
            names = [each["what"] for each in damaged]
            axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axes.axhline(0, color="#444444", lw=0.8)
        axes.tick_params(labelsize=8)
    panels[0].set_ylabel("share of the bits left, at the best temperature")
    panels[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=150)
