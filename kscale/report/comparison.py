"""The figure of models beside each other, each at its best learning rate.

A row has "name" (of the architecture), "model" (its layers and heads), "people",
"parameters", "exposures", "bits_per_param", "max_bits_per_param", what `values_right`
reads, and "config" with "train.learning_rate" and "train.seed".
"""

import pathlib
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kscale.files import Row
from kscale.report.capacity import values_right
from kscale.report.panels import COLORS, save_figure


class BestRate(NamedTuple):
    """What a model reached in a world at its best learning rate.

    Attributes:
      name: of the architecture.
      model: layers and heads, as in the rows.
      people: of the world.
      parameters: of the model.
      rate: the learning rate whose mean over seeds is highest.
      values: bits per parameter, one for each seed.
      tried: learning rate -> values, for all rates.
      most: R_max, in bits per parameter.
      right: the share of values that are right, the mean over seeds.
    """

    name: str
    model: str
    people: int
    parameters: int
    rate: float
    values: list[float]
    tried: dict[float, list[float]]
    most: float
    right: float

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def trained(self) -> bool:
        """Whether it holds half of R_max; else it was not trained far enough."""
        return self.mean >= self.most / 2


def choose_rates(rows: Sequence[Row]) -> list[BestRate]:
    """Chooses the best learning rate of each model in each world, in the rows' order.

    The rate is chosen by its mean over seeds, not seed by seed: so a model is not
    favored by chance of its best seed.

    Args:
      rows: of one number of exposures.

    Raises:
      ValueError: two rows have the same name, model, people, rate and seed.
    """
    tried: dict[tuple[str, str, int], dict[float, dict[int, Row]]] = {}
    for row in rows:
        key = (row["name"], row["model"], row["people"])
        train = row["config"]["train"]
        rate, seed = train["learning_rate"], train["seed"]
        seeds = tried.setdefault(key, {}).setdefault(rate, {})
        if seed in seeds:
            raise ValueError(
                f"two rows of {key[0]} ({key[1]}, {key[2]:,} people) have rate {rate:g}"
                f" and seed {seed}: give rows of one number of exposures"
            )
        seeds[seed] = row
    return [_choose_rate(key, rates) for key, rates in tried.items()]


def _choose_rate(
    key: tuple[str, str, int], rates: dict[float, dict[int, Row]]
) -> BestRate:
    tried = {
        rate: [row["bits_per_param"] for row in seeds.values()]
        for rate, seeds in rates.items()
    }
    best = max(tried, key=lambda rate: statistics.fmean(tried[rate]))
    rows = list(rates[best].values())
    return BestRate(
        *key,
        parameters=rows[0]["parameters"],
        rate=best,
        values=tried[best],
        tried=tried,
        most=rows[0]["max_bits_per_param"],
        right=statistics.fmean(map(values_right, rows)),
    )


def draw_comparison(
    rows: Sequence[Row], path: pathlib.Path, title: str, baseline: str
) -> None:
    """Draws bits per parameter of each model, a panel for each number of exposures.

    With one model of each name: bars of the means at the best rates, over them the
    ratio to the baseline and the share of values that are right; a ring is a run at
    another rate than the model's best, a dot one at the best, a dash R_max. Bars are
    faint where at most half of the values are right, and hatched, without a ratio,
    where R is below half of R_max. With several models of a name: dots at their
    parameters.

    Args:
      rows: of several models, rates and seeds.
      path, title: as in `draw_panels`.
      baseline: name of the model that the others are divided by.
    """
    exposures = sorted({row["exposures"] for row in rows}, reverse=True)
    if not exposures:
        raise ValueError(f"{path}: there are no rows to draw; run the sweep first")
    figure = Figure(figsize=(5.6 * len(exposures), 4.2), layout="constrained")
    panels = figure.subplots(1, len(exposures), squeeze=False)[0]
    for axes, shown in zip(panels, exposures, strict=True):
        chosen = choose_rates([row for row in rows if row["exposures"] == shown])
        names = list(dict.fromkeys(one.name for one in chosen))
        if len(names) == len(chosen):
            _bars(axes, chosen, baseline)
        else:
            _dots(axes, chosen, names)
        axes.set_title(f"{shown:g} exposures", fontsize=10)
    panels[0].set_ylabel("bits per parameter")
    if any(bar.get_hatch() for axes in panels for bar in axes.patches):
        figure.supxlabel(
            "hatched: R below half of R_max (the dash), not trained far enough;"
            " faint: at most half of the values right",
            fontsize=7,
        )
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def _bars(axes: Axes, chosen: Sequence[BestRate], baseline: str) -> None:
    base = next((x.mean for x in chosen if x.name == baseline and x.trained), None)
    for i, one in enumerate(chosen):
        color = COLORS[i % len(COLORS)]
        axes.bar(
            i,
            one.mean,
            color=color,
            alpha=0.35 if one.right > 0.5 else 0.12,
            hatch="" if one.trained else "//",
        )
        for rate, values in one.tried.items():
            fill = color if rate == one.rate else "none"
            axes.plot([i] * len(values), values, "o", mfc=fill, mec=color, ms=5)
        axes.plot(i, one.most, "_", color="0.2", ms=16)
        text = [f"{one.mean:.2f}", f"{one.right:.0%} right"]
        if base is not None and one.trained:
            text.insert(1, f"x {one.mean / base:.2f}")
        axes.annotate(
            "\n".join(text),
            (i, max(one.most, *map(max, one.tried.values()))),
            (0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    names = [one.name for one in chosen]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
    axes.margins(y=0.2)


def _dots(axes: Axes, chosen: Sequence[BestRate], names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        own = [one for one in chosen if one.name == name]
        axes.plot(
            [one.parameters for one in own],
            [one.mean for one in own],
            "os^Dv"[i % 5],
            color=COLORS[i % len(COLORS)],
            label=name,
        )
    axes.set(xscale="log", xlabel="parameters P", ylim=(0, None))
    axes.legend(fontsize=8)
