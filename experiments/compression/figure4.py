"""Pan et al. 2025, figure 4: loss on knowledge against data, trained models.

Reproduces: (a) the more skewed the law, the faster the loss falls with the data at
first; uniform data depart from a power law. (b) within one training run frequent people
are learnt first and rare ones later, in order.

    kscale sweep compression/figure4 --size=smoke    half a minute: does it run?
    kscale sweep compression/figure4 --size=small    ten minutes on two cores (see
                                                     --part)
    kscale sweep compression/figure4 --size=paper    two weeks of one GPU

Expect: skewed data fall smoothly (residuals 5 to 6 %), uniform data stay at 27 bits up
to 100 visits a person, then drop; the four quarters are in order at 15 of 21 steps by
accuracy, at 19 by loss.

Small: 600 people of 26 bits ("tiny"), seen 12 to 400 times on average, one model of two
layers and width 32 for each amount of data, trained to its end. (b) is one longer run
at a = 1.2, scored at 24 steps; its lines are the theory's law of data for the same p_i,
two constants fitted. figure4a.py has the theory of (a).
"""

import dataclasses
import pathlib

import numpy as np

from kscale import report, theory
from kscale.configs import power_law
from kscale.configs.base import Config, ScoreConfig
from kscale.files import Row
from kscale.report import Curve, Panel

EXPOSURES = (12, 25, 50, 100, 200, 400)
CLASSES = ("most frequent quarter", "second", "third", "least frequent quarter")


def runs(size: str) -> list[Config]:
    """Every exponent with every amount of data, then the run that is scored often."""
    if size == "paper":
        grid = [
            power_law.pan("s", a, exposures=exposures)
            for a in power_law.EXPONENTS
            for exposures in (4, 12, 48, 196, 392)
        ]
        often = power_law.pan("base", exposures=200)
    elif size == "smoke":
        grid = [_tiny(24, exposures, a, 8) for a in (0.0, 1.2) for exposures in (4, 8)]
        often = _tiny(24, 100, 1.2, 8)
    else:
        grid = [_tiny(600, e, a) for a in power_law.EXPONENTS for e in EXPOSURES]
        often = _tiny(600, 800, 1.2, 48)
    score = dataclasses.replace(often.score, times=24)
    return [*grid, dataclasses.replace(often, score=score)]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """Both panels."""
    whole = [row for row in rows if "curve" not in row]
    panels = []
    if whole:
        panels.append(_by_data(whole))
    panels += [_by_step(row) for row in rows if "curve" in row]
    report.draw_panels(
        panels,
        path,
        f"Pan et al. 2025, figure 4: {rows[0]['config']['world']['people']:,} people",
    )


def _by_data(rows: list[Row]) -> Panel:
    curves = []
    laws = sorted({row["config"]["world"]["law"]["exponent"] for row in rows})
    for i, a in enumerate(laws):
        of = [row for row in rows if row["config"]["world"]["law"]["exponent"] == a]
        of.sort(key=lambda row: row["exposures"])
        visits = [row["exposures"] * row["population"] for row in of]
        loss = [row["loss"]["visit_loss_bits"] for row in of]
        label = f"a = {a:g}" + ("" if a else ", uniform")
        if len(of) > 3:
            fit = report.fit_line(visits, loss)
            label += f": {report.describe_line(fit)}"
        curves.append(Curve(label, visits, loss, None, "o-", i))
    y = "bits lost per visit, of values"
    return Panel("biographies read", y, curves, "(a) by law", "xy")


def _by_step(row: Row) -> Panel:
    steps = [point["step"] for point in row["curve"]] + [row["steps"]]
    classes = [point["classes"] for point in row["curve"]] + [row["classes"]]
    share = row["exposures"] * row["population"] / row["steps"]
    visits = np.array(steps) * share
    loss = [[each["visit_loss_bits"] for each in c] for c in classes]
    world = row["config"]["world"]
    law, bits = world["law"], row["bits_max"]["value"] / row["population"]
    p = theory.model_scaling.zipf_frequencies(
        world["people"], law["exponent"], law["bias"]
    )
    curves = [
        Curve(name, visits, np.array(loss)[:, k], None, "o", k)
        for k, name in enumerate(CLASSES)
    ]
    if np.sum(np.array(loss) < bits) > 2:  # else nothing has been learnt yet
        predicted = report.fit_learning(
            visits, loss, p, theory.model_scaling.frequency_classes(p), bits
        )
        name = f"half known after {predicted['half_visits']:.0f} visits"
        curves += [
            Curve("" if k else name, predicted["visits"], line, color=k)
            for k, line in enumerate(np.transpose(predicted["loss_bits"]))
        ]
    y = "bits lost per visit"
    return Panel("biographies read", y, curves, "(b) in one run, a = 1.2", "x")


def _tiny(people: int, exposures: int, a: float, width: int = 32) -> Config:
    rate = 2e-3 if width > 32 else 3e-3
    config = power_law.tiny(people, exposures, width, a, rate=rate)
    warm = dataclasses.replace(config.train, warmup_steps=min(1000, 10 * exposures))
    return dataclasses.replace(config, name="figure4", train=warm, score=ScoreConfig())
