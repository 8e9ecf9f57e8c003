"""Models beside each other: the best learning rate of each, and ratios to one.

A row has "name" (of the model), "exposures", "bits_per_param", "seed" and "config" with
"train.learning_rate".
"""

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from kscale.report.curves import COLOURS

Row = Mapping[str, Any]


class Best(NamedTuple):
    """What a model reached at its best learning rate.

    Attributes:
      name: of the model.
      rate: the learning rate whose mean over seeds is highest.
      values: bits per parameter, one for each seed.
      tried: learning rate -> values, for all rates.
    """

    name: str
    rate: float
    values: list[float]
    tried: dict[float, list[float]]

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float:
        """Half of the distance between the best and the worst seed."""
        return (max(self.values) - min(self.values)) / 2


def best(rows: Sequence[Row], value: str = "bits_per_param") -> list[Best]:
    """The best learning rate of each model, in the order of the rows.

    The rate is chosen by its mean over seeds, not seed by seed: so a model is not
    favoured by chance of its best seed.

    Args:
      rows: of one number of exposures.
      value: what is compared.

    Example:
      >>> row = {"name": "GPT2", "config": {"train": {"learning_rate": 1e-3}}}
      >>> best([row | {"bits_per_param": r} for r in (1.0, 2.0)])[0].mean
      1.5
    """
    tried: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        rate = row["config"]["train"]["learning_rate"]
        tried.setdefault(row["name"], {}).setdefault(rate, []).append(row[value])
    found = []
    for name, rates in tried.items():
        rate = max(rates, key=lambda rate: statistics.fmean(rates[rate]))
        found.append(Best(name, rate, rates[rate], rates))
    return found


def draw_comparison(
    rows: Sequence[Row], path: pathlib.Path, title: str, baseline: str
) -> None:
    """Bits per parameter of each model, a panel for each number of exposures.

    A ring is a run at a rate that is not the model's best, a dot one at the best; the
    bar is their mean, with its ratio to the baseline's over it.

    Args:
      rows: of several models, rates and seeds.
      path: the PNG to write.
      title: says what was run.
      baseline: name of the model that the others are divided by.

    Raises:
      ValueError: there are no rows.
    """
    exposures = sorted({row["exposures"] for row in rows}, reverse=True)
    if not exposures:
        raise ValueError(f"{path}: there are no rows to draw; run the sweep first")
    figure = Figure(figsize=(5.6 * len(exposures), 4.2), layout="constrained")
    panels = figure.subplots(1, len(exposures), squeeze=False)[0]
    for axes, shown in zip(panels, exposures, strict=True):
        chosen = best([row for row in rows if row["exposures"] == shown])
        base = next((one.mean for one in chosen if one.name == baseline), None)
        for i, one in enumerate(chosen):
            colour = COLOURS[i % len(COLOURS)]
            axes.bar(i, one.mean, color=colour, alpha=0.3)
            for rate, values in one.tried.items():
                fill = colour if rate == one.rate else "none"
                axes.plot([i] * len(values), values, "o", mfc=fill, mec=colour, ms=5)
            text = f"{one.mean:.2f}" + (f"\nx {one.mean / base:.2f}" if base else "")
            axes.annotate(
                text,
                (i, max(map(max, one.tried.values()))),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        names = [one.name for one in chosen]
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        axes.margins(y=0.15)
        axes.set_title(f"{shown:g} exposures", fontsize=10)
    panels[0].set_ylabel("bits per parameter")
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=150)
