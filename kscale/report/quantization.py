"""The figures of knowledge kept in fewer bits a weight, or without parts of a model.

A row of a rounded model has "config" with "of", "method" and "leaves", and "rows"; one
of a model trained with rounded weights has "name", "config" with "qat", "bits" and
"stored_bits". One of `kscale ablate` has "config" with "of" and "rounded_to", and
"rows": "what" was done and "tempered_kept", the share of the bits that is left.
"""

import pathlib
from collections.abc import Sequence

from matplotlib.figure import Figure

from kscale.files import Row
from kscale.report.panels import COLORS, save_figure

_STYLES = {"gptq": "-", "nearest": ":"}


def draw_quantization(rows: Sequence[Row], path: pathlib.Path, title: str) -> None:
    """Draws bits kept against bits a weight, and knowledge in each stored bit.

    A color for each model; lines for GPTQ, dotted ones for rounding to the nearest,
    full dots where the embedding is rounded too, open ones where it is not. Stars are
    models trained with rounded weights; the thin line is their control, the model that
    was trained as long without rounding.

    Args:
      rows: of rounded models, and of models trained with rounded weights.
      path, title: as in `draw_panels`.
    """
    rounded = [row for row in rows if "method" in row["config"]]
    if not rounded:
        raise ValueError(f"{path}: no row is of a rounded model; run more of the sweep")
    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    kept, stored = figure.subplots(1, 2)
    names = list(dict.fromkeys(row["config"]["of"] for row in rounded))
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(names)}
    unnamed = set(names)
    wholes = {row["config"]["of"]: row["rows"][0]["bits"]["total"] for row in rounded}
    for row in rounded:
        setting, color = row["config"], colors[row["config"]["of"]]
        whole = any("table" in leaf for leaf in setting["leaves"])
        style = {
            "color": color,
            "ls": _STYLES.get(setting["method"], "--"),
            "marker": "o",
            "ms": 4,
            "mfc": color if whole else "none",
        }
        if setting["of"] in unnamed:
            unnamed.discard(setting["of"])
            style["label"] = setting["of"]
        some = row["rows"][1:]
        bits = [one["weight_bits"] for one in some]
        kept.plot(bits, [max(one["bits_kept"] or 0.0, 0.0) for one in some], **style)
        stored.plot(bits, [max(one["bits_per_stored_bit"], 0) for one in some], **style)
    for row in rows:
        bits = (row["config"].get("qat") or {}).get("bits")
        name, _, trained = row["config"].get("name", "").partition(":")
        if name not in wholes or not trained:
            continue
        if not bits:
            share = row["bits"]["total"] / wholes[name]
            kept.axhline(share, color=colors[name], lw=0.6, ls="--")
            continue
        star = {"color": colors[name], "marker": "*", "ms": 11}
        kept.plot(bits, row["bits"]["total"] / wholes[name], **star)
        stored.plot(bits, row["bits_per_stored_bit"], **star)
    kept.axhline(1, color="#999999", lw=0.8)
    kept.set(xlabel="bits a weight", ylabel="share of the bits of knowledge kept")
    stored.set(xlabel="bits a weight", ylabel="bits of knowledge in a stored bit")
    kept.legend(fontsize=8, loc="lower right")
    figure.suptitle(title + " (stars: trained so)", fontsize=11)
    save_figure(figure, path)


def draw_ablation(rows: Sequence[Row], path: pathlib.Path, title: str) -> None:
    """Draws the share of bits left after each change, a panel for each bit width.

    Below zero nothing is known of the facts; shares below -0.5 are drawn as -0.5.

    Args:
      rows: of `kscale ablate`; others are left out.
      path, title: as in `draw_panels`.
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
    save_figure(figure, path)
