"""Pan et al. 2025, figure 4a: loss on knowledge against data, the theory's lines.

Reproduces: power-law data lose their loss smoothly, the faster the more skewed they
are, as long as there are fewer visits than people; uniform data stay and then fall.
Red_D(N) exactly, f(t) = 1/(t+1).

    kscale sweep compression/figure4a --size=smoke    seconds
    kscale sweep compression/figure4a --size=small    ten seconds: 40,000 people, bias
                                                      100
    kscale sweep compression/figure4a --size=paper    15 seconds: 400,000 people

Expect: exponents 0.10, 0.24, 0.28, 0.31, 0.35 for a = 0, 1.05, 1.2, 1.35, 1.5 (paper
size).

The dots are a learner that sees people by chance and has paid 1/(t+1) of a
person's bits after t visits (error bars: two standard errors over draws). `(x/x0)^-A +
eps` is fitted where visits are fewer than people; the legend gives A, its interval, and
the largest residual. Even there the biased, cut-off law is no clean power law, as the
residuals say, and with more visits the exponents change their order.
"""

import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, describe_line, draw_panels, fit_line

BITS = 47.591624  # of knowledge in a person of bioS, log2 S0
EXPONENTS = (0.0, 1.05, 1.2, 1.35, 1.5)
FITTED = ("alpha", "x0", "eps", "alpha_low", "alpha_high")
SIZES = {
    "smoke": {"people": 400, "bias": 1.0, "seeds": 3},
    "small": {"people": 40_000, "bias": 100.0, "seeds": 5},
    "paper": {"people": 400_000, "bias": 1000.0, "seeds": 5},
}


def runs(size: str) -> list[dict[str, Any]]:
    """One setting for each exponent of the data."""
    return [{"exponent": a, "points": 33} | SIZES[size] for a in EXPONENTS]


def compute(setting: dict[str, Any]) -> Row:
    """The curve, its fit, and a simulation, in bits per person."""
    people = setting["people"]
    p = theory.model_scaling.zipf_frequencies(
        people, setting["exponent"], setting["bias"]
    )
    visits = np.geomspace(people / 40, 40.0 * people, setting["points"]).round()
    loss = BITS * theory.data_scaling.data_redundancy(visits, p)
    window = visits[visits <= people], loss[visits <= people]
    fit = fit_line(*window)
    rng = np.random.default_rng(0)
    steps = np.diff(visits, prepend=0).astype(int)
    found = BITS * np.array([_learner(rng, steps, p) for _ in range(setting["seeds"])])
    return {
        "visits": visits.tolist(),
        "loss": loss.tolist(),
        "fit": {name: fit[name] for name in FITTED},
        "is_power_law": fit["is_power_law"],
        "r_squared": fit["r_squared"],
        "largest_residual": fit["largest"],
        "learner": found.mean(axis=0).tolist(),
        "learner_error": (found.std(axis=0, ddof=1) / len(found) ** 0.5).tolist(),
    }


def _learner(rng: np.random.Generator, steps: np.ndarray, p: np.ndarray) -> list[float]:
    counts, out = np.zeros(len(p), int), []
    for step in steps:
        counts += rng.multinomial(step, p)
        out.append(float((p / (counts + 1)).sum()))
    return out


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    curves = []
    for i, row in enumerate(sorted(rows, key=lambda row: row["config"]["exponent"])):
        fit = row["fit"] | {"largest": row["largest_residual"]}
        label = f"a = {row['config']['exponent']:g}: {describe_line(fit, digits=3)}"
        x = row["visits"]
        curves.append(Curve(label, x, row["loss"], color=i))
        curves.append(Curve("", x, row["learner"], row["learner_error"], "o", i))
    config = rows[0]["config"]
    draw_panels(
        [
            Panel(
                "data (visits)", "loss on knowledge (bits per person)", curves, "", "xy"
            )
        ],
        path,
        f"Pan et al. 2025, figure 4a, theory: p(i) ~ (i + {config['bias']:g})^-a,"
        f" {config['people']:,} people",
    )
