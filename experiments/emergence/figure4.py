"""Nayak & Varshney 2024, figure 4: isoFLOP curves of concepts learnt.

Reproduces: at each compute the number of concepts learnt rises with R, peaks, and falls
where texts no longer suffice (left); the threshold falls with R through eps (right).

    kscale sweep emergence/figure4 --size=smoke    seconds
    kscale sweep emergence/figure4 --size=small    a minute, nearly all of it simulation
    kscale sweep emergence/figure4 --size=paper    half an hour

Expect: one peak, where sampled graphs have theirs: R = 4579 at C = 1e20.

Lines: the printed law (2); dotted: the law corrected for the graph that the paper
defines; dashed: as published, with the slips of the authors' code. Stars: the optimum.
Dots: random graphs, peeled (bars: two standard errors). Far to the right the printed
law rises again, where no graph learns anything: its global maximum is spurious.
"""

import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, draw_panels

SIGMA, TAU = 2e5, 8e5
SIZES = {
    "smoke": {"points": 40, "compute": [1e17, 1e18], "graphs": 50},
    "small": {"points": 300, "compute": [1e18, 1e19, 1e20, 1e21], "graphs": 1000},
    "paper": {
        "points": 1000,
        "compute": [1e18, 1e19, 1e20, 1e21, 1e22],
        "graphs": 4000,
    },
}
SAMPLED = np.linspace(0.6, 1.3, 15)  # of R, in units of its threshold


def runs(size: str) -> list[dict[str, Any]]:
    """One setting for each compute."""
    chosen = SIZES[size]
    return [
        {
            "compute": c,
            "points": chosen["points"],
            "graphs": chosen["graphs"],
            "seed": 0,
        }
        for c in chosen["compute"]
    ]


def compute(setting: dict[str, Any]) -> Row:
    """One isoFLOP curve and a simulation along it."""
    ratio = np.geomspace(0.3, 2.6, setting["points"])
    curve = theory.concepts.isoflop(setting["compute"], ratio)
    published = theory.concepts.isoflop(setting["compute"], ratio, as_published=True)
    best = theory.concepts.compute_optimal(setting["compute"])
    product = setting["compute"] / (6 * SIGMA * TAU)
    unit = float(curve.concepts[0] / ratio[0])
    rng = np.random.default_rng(setting["seed"])
    sizes = (unit * SAMPLED).round().astype(int)
    found = [
        theory.concepts.sample_chain(int(n), round(product / n), setting["graphs"], rng)
        for n in sizes
    ]
    mean = sizes * (1 - np.array([sample.mean for sample in found]))
    error = sizes * np.array([sample.standard_error for sample in found])
    return {
        "concepts": curve.concepts.tolist(),
        "printed": curve.learnt_paper.tolist(),
        "corrected": curve.learnt_iid.tolist(),
        "published": published.learnt_paper.tolist(),
        "eps_star": curve.eps_star.tolist(),
        "eps_star_published": published.eps_star.tolist(),
        "best": [float(best.concepts), float(best.learnt)],
        "sampled_concepts": sizes.tolist(),
        "sampled": mean.tolist(),
        "sampled_error": error.tolist(),
    }


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    left, right = [], []
    for i, row in enumerate(sorted(rows, key=lambda row: row["config"]["compute"])):
        x, name = row["concepts"], f"C = {row['config']['compute']:.0e}"
        left.append(Curve(name, x, row["printed"], color=i))
        left.append(Curve("", x, row["corrected"], None, ":", i))
        left.append(Curve("", x, row["published"], None, "--", i))
        left.append(Curve("", row["best"][:1], row["best"][1:], None, "*", i))
        left.append(
            Curve(
                "" if i else "sampled graphs",
                row["sampled_concepts"],
                row["sampled"],
                row["sampled_error"],
                "o",
                i,
            )
        )
        right.append(Curve(name, x, row["eps_star"], color=i))
        right.append(Curve("", x, row["eps_star_published"], None, "--", i))
        at = np.interp(row["best"][0], x, row["eps_star"])
        right.append(Curve("", row["best"][:1], [at], None, "*", i))
    draw_panels(
        [
            Panel("concepts R", "concepts learnt", left, "C = 6 N D constant", "xy"),
            Panel("concepts R", "threshold eps*", right, "", "x", {0.5: "eps"}),
        ],
        path,
        "Nayak & Varshney 2024, figure 4 (dotted: corrected; dashed: as published)",
    )
