"""Pan et al. 2025, figure 5: loss on knowledge against model size, trained models.

Reproduces: (a) where people are seen by a power law the loss falls smoothly with size,
the faster the more skewed the law; uniform data stay flat until the capacity is there,
then drop. (b) larger models reach rarer people: loss by class of frequency.

    kscale sweep compression/figure5 --size=smoke    half a minute: does it run?
    kscale sweep compression/figure5 --size=small    20 minutes on two cores (see
                                                     --part)
    kscale sweep compression/figure5 --size=paper    a month of one GPU: 31 sizes, 5
                                                     laws

Expect: smooth and flat-then-drop as in the paper; exponents 0.79, 0.69, 0.75, 0.77 for
a = 1.05 to 1.5, not in its order.

Small asks the same of 600 people of 26 bits ("tiny"), seen 400 times on average by p(i)
~ (i + 1.5)^-a, the paper's law at its ratio of bias to people, and of two-layer models
of 1.8 to 100 thousand parameters besides the embedding, two seeds at a = 0 and 1.2.
Lines in (a) are means over seeds, with their fits; lines in (b) are problem (6) for the
same p_i, two constants fitted; figure5a.py has the theory alone. The same runs are read
by figure1a.py, figure2.py and figure7.py.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from kscale import report, theory
from kscale.configs import power_law
from kscale.configs.base import Config
from kscale.files import Row
from kscale.models.architectures import SIZES as MODDED
from kscale.report import Curve, Panel

WIDTHS = (8, 16, 24, 32, 48, 64)
RATES = {48: 2e-3, 64: 2e-3}  # by width; 3e-3 else
CLASSES = ("most frequent quarter", "second", "third", "least frequent quarter")


def runs(size: str) -> list[Config]:
    """Every exponent with every model size, those of one exponent together."""
    if size == "paper":
        return [
            power_law.pan(name, exponent)
            for exponent in power_law.EXPONENTS
            for name in MODDED
        ]
    if size == "smoke":
        return [_tiny(24, 8, width, a) for a in (0.0, 1.2) for width in (8, 16)]
    grid = [_tiny(600, 400, width, a) for a in power_law.EXPONENTS for width in WIDTHS]
    return grid + [_tiny(600, 400, width, a, 1) for a in (0.0, 1.2) for width in WIDTHS]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """Both panels."""
    x = "parameters besides the embedding"
    left = []
    for i, a in enumerate(sorted({exponent(row) for row in rows})):
        of = [row for row in rows if exponent(row) == a]
        sizes, loss = by_size(of, lambda row: row["loss"]["visit_loss_bits"])
        label = f"a = {a:g}" + ("" if a else ", uniform")
        if len(loss) > 3:
            fit = report.fit_line(sizes, loss)
            label += f": {report.describe_line(fit)}"
        left.append(Curve(label, sizes, loss, color=i))
        each = [row["loss"]["visit_loss_bits"] for row in of]
        left.append(Curve("", [size_of(row) for row in of], each, None, "o", i))
    config = rows[0]["config"]
    report.draw_panels(
        [
            Panel(x, "bits lost per visit, of values", left, "(a) by law", "xy"),
            Panel(x, "bits lost per visit", class_curves(rows), "(b) a = 1.2", "x"),
        ],
        path,
        f"Pan et al. 2025, figure 5: {config['world']['people']:,} people,"
        f" {config['data']['exposures']} visits each on average",
    )


def class_curves(rows: list[Row]) -> list[Curve]:
    """Losses of the classes at a = 1.2, a dot for each seed, and the theory's lines."""
    rows = [row for row in rows if exponent(row) == 1.2]
    sizes, loss = [size_of(row) for row in rows], np.array([_losses(r) for r in rows])
    curves = [
        Curve(name, sizes, loss[:, k], None, "o", k) for k, name in enumerate(CLASSES)
    ]
    if len(set(sizes)) < 3:
        return curves
    predicted, _, _ = prediction(rows)
    name = f"problem (6), {predicted['bits_per_param']:.2f} bits a parameter"
    return curves + [
        Curve("" if k else name, predicted["parameters"], line, color=k)
        for k, line in enumerate(np.transpose(predicted["loss_bits"]))
    ]


def prediction(rows: list[Row]) -> tuple[report.AllocationFit, np.ndarray, float]:
    """Problem (6) fitted to the rows of one law; its p_i and bits of a person."""
    world = rows[0]["config"]["world"]
    law = world["law"]
    p = theory.model_scaling.zipf_frequencies(
        world["people"], law["exponent"], law["bias"]
    )
    bits = rows[0]["bits_max"]["value"] / rows[0]["population"]
    sizes, loss = by_size(rows, _losses)
    kinds = theory.model_scaling.frequency_classes(p)
    return report.fit_allocation(sizes, loss, p, kinds, bits), p, bits


def by_size(rows: list[Row], of: Callable[[Row], Any]) -> tuple[list[int], np.ndarray]:
    """Sizes, the smallest model first, and the mean over seeds of what `of` says."""
    sizes = sorted({size_of(row) for row in rows})
    means = [
        np.mean([of(row) for row in rows if size_of(row) == size], axis=0)
        for size in sizes
    ]
    return sizes, np.array(means)


def _losses(row: Row) -> list[float]:
    return [each["visit_loss_bits"] for each in row["classes"]]


def size_of(row: Row) -> int:
    """Parameters besides the embedding."""
    return row["parameters_by_base"]["non_embedding"]


def exponent(row: Row) -> float:
    """The exponent of the run's law."""
    return row["config"]["world"]["law"]["exponent"]


def _tiny(people: int, exposures: int, width: int, a: float, seed: int = 0) -> Config:
    config = power_law.tiny(people, exposures, width, a, rate=RATES.get(width, 3e-3))
    train = dataclasses.replace(config.train, seed=seed)
    return dataclasses.replace(config, name="figure5", train=train)
