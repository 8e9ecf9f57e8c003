"""Pan et al. 2025, figure 5a: loss against model size, the theory's lines.

Reproduces: the more skewed the data, the faster the loss falls with the model; uniform
data stay flat until the capacity is there. Problem (6) solved exactly for the p_i of
the paper's data.

    kscale sweep compression/figure5a --size=smoke    seconds
    kscale sweep compression/figure5a --size=small    twenty seconds: 40,000 people,
                                                      bias 100
    kscale sweep compression/figure5a --size=paper    two minutes: 400,000 people

Expect: exponents 0.16, 0.33, 0.39, 0.46, 0.54 for a = 0 to 1.5 (paper size): the
paper's order, but no curve is a clean power law.

Memory turns into knowledge by `D(m) = 47.6 exp(-m/47.6)`, the assumption of theorem 5.6
with the steepest start that a lossless code allows (left), or without loss, `max(0,
47.6 - m)` (right). The dots are a learner who allocates by the counts of what it has
seen and is judged on p (error bars: two standard errors over draws). The fit `(x/x0)^-A
+ eps` uses capacities up to the bits that there are; the legend gives A, its interval,
and the largest residual.
"""

import pathlib
import runpy
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, describe_line, draw_panels, fit_line

FIGURE1B = runpy.run_path(str(pathlib.Path(__file__).with_name("figure1b.py")))
BITS, BASE, SIZES = (FIGURE1B[name] for name in ("BITS", "BASE", "SIZES"))
EXPONENTS = (0.0, 1.05, 1.2, 1.35, 1.5)


def runs(size: str) -> list[dict[str, Any]]:
    """One setting for each exponent; visits are those of the average person."""
    return [{"exponent": a, "points": 25} | SIZES[size] for a in EXPONENTS]


def compute(setting: dict[str, Any]) -> Row:
    """Two curves with their fits, and a simulation, in bits per person."""
    people = setting["people"]
    p = theory.model_scaling.zipf_frequencies(
        people, setting["exponent"], setting["bias"]
    )
    capacity = people * BITS * np.geomspace(0.01, 3.0, setting["points"])
    window = capacity <= people * BITS
    best = theory.model_scaling.water_level(capacity, p, a=BITS, b=BASE)
    line = np.array([0.0, BITS])
    lossless = [
        float(theory.model_scaling.table_allocation(c, p, line, line[::-1]).redundancy)
        for c in capacity
    ]
    rng = np.random.default_rng(0)
    learners = (
        FIGURE1B["learn_from_counts"](rng, setting, p, capacity)
        for _ in range(setting["seeds"])
    )
    found = np.array([[lost.sum() for lost in each] for each in learners])
    return {
        "capacity_bits": capacity.tolist(),
        "loss": best.redundancy.tolist(),
        "duality_gap": float(np.max(best.certificate.gap)),
        "fit": fit_line(capacity[window], best.redundancy[window]),
        "lossless": lossless,
        "learner": found.mean(axis=0).tolist(),
        "learner_error": (found.std(axis=0, ddof=1) / len(found) ** 0.5).tolist(),
    }


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    left, right = [], []
    for i, row in enumerate(sorted(rows, key=lambda row: row["config"]["exponent"])):
        fit = row["fit"]
        size = np.array(row["capacity_bits"]) / FIGURE1B["BITS_PER_PARAMETER"]
        name = f"a = {row['config']['exponent']:g}"
        label = f"{name}: {describe_line(fit, digits=3)}"
        left.append(Curve(label, size, row["loss"], color=i))
        left.append(Curve("", size, row["learner"], row["learner_error"], "o", i))
        right.append(Curve(name, size, row["lossless"], color=i))
    x, y = "model size (parameters of 2 bits)", "loss on knowledge (bits per person)"
    config = rows[0]["config"]
    draw_panels(
        [
            Panel(x, y, left, "D(m) = 47.6 exp(-m / 47.6)", "xy"),
            Panel(x, y, right, "D(m) = max(0, 47.6 - m)", "xy", y_range=(0.1, 60)),
        ],
        path,
        f"Pan et al. 2025, figure 5a, theory: p(i) ~ (i + {config['bias']:g})^-a,"
        f" {config['people']:,} people",
    )
