"""Nayak & Varshney 2024, figure 3: emergence and plateaus of three tasks.

Reproduces: a task of one level appears at once, a task of many levels slowly, and a
mixture of three in steps with plateaus at 0.4, 0.8 and 1.0, its cumulative weights.

    kscale sweep emergence/figure3 --size=smoke    seconds
    kscale sweep emergence/figure3 --size=small    a minute, nearly all of it simulation
    kscale sweep emergence/figure3 --size=paper    a quarter of an hour

Expect: plateaus at 0.4000, 0.8000, 1.0000; emergence at N = 2.1e8 (one level), 5.0e10
(binomial), 1.5e9, 1.2e11 and 1.8e12 (mixture).

Left above: the printed bound (5), its dip at each onset removed; dashed: as published,
that is with the slips of the authors' code (`accuracy_curve(as_published=True)` names
them). Right above: the tasks. Below: the exact tail of the number of pairs, an
unordered pair counted in both of its ways, beside skill graphs that were sampled text
by text (bars: two standard errors). These fall behind the formula where few concepts
share a skill, since then its links are far from independent.
"""

import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, draw_panels

NAMES = ("homogeneous, level 10", "binomial, 1/2", "mixture of three binomials")
CONCEPT_SIZE = 2e5  # parameters that hold one concept
CONCEPTS = [1000, 3000, 6000, 10_000, 20_000, 50_000, 100_000]
CURVES = {
    "bound": {"kind": "monotone"},
    "published": {"kind": "literal", "as_published": True},
    "exact": {"kind": "two_ways"},
}
SIZES = {
    "smoke": {"points": 60, "concepts": [300, 1000], "graphs": 2},
    "small": {"points": 400, "concepts": CONCEPTS, "graphs": 4},
    "paper": {"points": 1000, "concepts": CONCEPTS, "graphs": 16},
}


def runs(size: str) -> list[dict[str, Any]]:
    """The curves, and a simulation for each number of concepts."""
    chosen = SIZES[size]
    curves = {"what": "curves", "points": chosen["points"]}
    graphs = [
        {"what": "graphs", "concepts": concepts, "graphs": chosen["graphs"], "seed": 0}
        for concepts in chosen["concepts"]
    ]
    return [curves, *graphs]


def compute(setting: dict[str, Any]) -> Row:
    """Accuracies of the three tasks."""
    if setting["what"] == "graphs":
        return _simulate(setting)
    sizes = np.geomspace(1e8, 1e13, setting["points"])
    tasks = theory.skills.paper_tasks()
    found = {
        name: theory.skills.accuracy_curve(sizes, **options).accuracy
        for name, options in CURVES.items()
    }
    phases = [theory.skills.phases(sizes, curve) for curve in found["bound"].T]
    return {
        "sizes": sizes.tolist(),
        "accuracy": {name: curve.tolist() for name, curve in found.items()},
        "levels": tasks.sum(axis=2).tolist(),
        "plateaus": [phase.height.tolist() for phase in phases],
        "emergence": [phase.emergence.tolist() for phase in phases],
    }


def _simulate(setting: dict[str, Any]) -> Row:
    concepts = setting["concepts"]
    texts = round(float(theory.concepts.transition(6.0).texts_per_concept) * concepts)
    rng = np.random.default_rng(setting["seed"])
    found = theory.skills.simulate_skills(
        concepts, texts, rng, graphs=setting["graphs"]
    )
    return {
        "parameters": concepts * CONCEPT_SIZE,
        "accuracy": found.accuracy.tolist(),
        "accuracy_error": found.accuracy_se.tolist(),
        "gamma": found.gamma.tolist(),
    }


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    (lines,) = [row for row in rows if row["config"]["what"] == "curves"][-1:]
    dots = [row for row in rows if row["config"]["what"] == "graphs"]
    dots.sort(key=lambda row: row["parameters"])
    size, accuracy = lines["sizes"], lines["accuracy"]
    levels = {height: f"{height:g}" for height in (0.4, 0.8, 1.0)}
    above, below = [], []
    for i, name in enumerate(NAMES):
        bound, published, exact = (np.array(accuracy[k])[:, i] for k in CURVES)
        above.append(Curve(name, size, bound, color=i))
        above.append(Curve("", size, published, None, "--", i))
        below.append(Curve(name, size, exact, color=i))
        x, y, error = (
            [row["parameters"] for row in dots],
            [row["accuracy"][i] for row in dots],
            [row["accuracy_error"][i] for row in dots],
        )
        below.append(Curve("" if i else "sampled graphs", x, y, error, "o", i))
    q = [
        Curve(name, np.arange(len(level)), level, None, "o-" if i == 0 else "-", i)
        for i, (name, level) in enumerate(zip(NAMES, lines["levels"], strict=True))
    ]
    q = [q[0]._replace(x=[10.0], y=[0.1], label=f"{NAMES[0]} (not to scale)"), *q[1:]]
    x = "model size N (parameters)"
    draw_panels(
        [
            Panel(x, "accuracy", above, "bound (5); dashed: as published", "x", levels),
            Panel("level l", "q(l)", q, "the tasks"),
            Panel(x, "accuracy", below, "exact tail and simulation", "x", levels),
        ],
        path,
        "Nayak & Varshney 2024, figure 3: emergence (dashed: as published)",
    )
