"""Nayak & Varshney 2024, figure 2: compute-optimal sizes, and their excess entropy.

Reproduces: (a) N* and D* grow nearly as sqrt(C) and pass by the Chinchilla model; (b)
the lower bound of excess entropy falls with model size.

    kscale sweep emergence/figure2 --size=smoke    seconds
    kscale sweep emergence/figure2 --size=small    two minutes, nearly all of it
                                                   simulation
    kscale sweep emergence/figure2 --size=paper    an hour

Expect: exponents 0.509 and 0.491; N* = 7.20e10, D* = 1.33e12 at C = 5.76e23
(Chinchilla: 7.0e10, 1.4e12).

Lines: the first maximum of the printed law (2), of the law corrected for the graph that
the paper defines, and of density evolution alone; dashed: as published, with the slips
of the authors' code (`printed_law(as_published=True)` names them). Dots: random graphs,
peeled (bars: two standard errors). A graph learns nearly all or nearly nothing, so the
mean training error is linear in the chance of sticking, which the printed one is not.
"""

import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, draw_panels

CHINCHILLA = {"compute": 5.76e23, "parameters": 70e9, "tokens": 1.4e12}
SIGMA, TAU, DEGREE = 2e5, 8e5, 6.0
LAWS = {
    "paper": {"mode": "paper"},
    "corrected": {"mode": "iid"},
    "threshold": {"mode": "de"},
    "published": {"mode": "paper", "as_published": True},
}
BOUNDS = {
    "error": {
        "exact value of (26)": "-",
        "as printed, 4 (d P_b)^2": "-",
        "mean over graphs": "-",
        "as published": "--",
    },
    "excess": {
        "P_e^2 / 2": "-",
        "as printed, 2 (d P_b)^4": "-",
        "mean over graphs": "-",
        "as published": "--",
    },
}
SIZES = {
    "smoke": {"points": 30, "compute": [1e17, 1e18], "graphs": 100},
    "small": {"points": 200, "compute": [1e17, 1e18, 1e19, 1e20], "graphs": 2000},
    "paper": {
        "points": 500,
        "compute": [1e17, 1e18, 1e19, 1e20, 1e21],
        "graphs": 10_000,
    },
}


def runs(size: str) -> list[dict[str, Any]]:
    """The curves, and a simulation for each compute."""
    chosen = SIZES[size]
    simulated = [
        {"what": "graphs", "compute": compute, "graphs": chosen["graphs"], "seed": 0}
        for compute in chosen["compute"]
    ]
    return [{"what": "curves", "points": chosen["points"]}, *simulated]


def compute(setting: dict[str, Any]) -> Row:
    """Optimal sizes and what they leave unlearnt."""
    if setting["what"] == "graphs":
        return _simulate(setting)
    budgets = np.geomspace(1e17, 1e26, setting["points"])
    found = {
        name: theory.concepts.compute_optimal(budgets, **law)
        for name, law in LAWS.items()
    }
    best = found["paper"]
    error = theory.concepts.training_error(1 - best.fraction, best.concepts)
    code = found["published"]
    published = theory.concepts.training_error(1 - code.fraction, code.concepts).printed
    mean = theory.concepts.bimodal_error(best.concepts, best.texts)
    return {
        "compute": budgets.tolist(),
        "parameters": {name: law.parameters.tolist() for name, law in found.items()},
        "tokens": {name: law.tokens.tolist() for name, law in found.items()},
        "error": {
            "exact value of (26)": error.exact.tolist(),
            "as printed, 4 (d P_b)^2": error.paper.tolist(),
            "mean over graphs": mean.error.tolist(),
            "as published": published.tolist(),
        },
        "excess": {
            "P_e^2 / 2": theory.concepts.excess_entropy(error.exact).half.tolist(),
            "as printed, 2 (d P_b)^4": (error.paper**2 / 8).tolist(),
            "mean over graphs": mean.half.tolist(),
            "as published": (published**2 / 2).tolist(),
        },
        "exponents": list(map(float, theory.concepts.scaling_exponents(budgets))),
    }


def _simulate(setting: dict[str, Any]) -> Row:
    """The optimum of sampled graphs; their training error at the paper's optimum."""
    rng = np.random.default_rng(setting["seed"])
    product = setting["compute"] / (6 * SIGMA * TAU)
    middle = float(
        theory.concepts.compute_optimal(setting["compute"], mode="iid").concepts
    )
    sizes = np.unique((middle * np.linspace(0.85, 1.08, 24)).round().astype(int))
    learnt, errors = [], []
    for concepts in sizes:
        texts = round(product / concepts)
        sample = theory.concepts.sample_chain(
            int(concepts), texts, setting["graphs"], rng
        )
        learnt.append(concepts * (1 - sample.mean))
        errors.append(concepts * sample.standard_error)
    again = rng.normal(learnt, errors, (200, len(sizes))).argmax(axis=1)
    step = np.diff(sizes).mean()
    best = theory.concepts.compute_optimal(setting["compute"])
    concepts, texts = round(float(best.concepts)), round(float(best.texts))
    found = [_training_error(concepts, texts, rng) for _ in range(setting["graphs"])]
    squares = np.square(found) / 2
    return {
        "compute": setting["compute"],
        "concepts": float(sizes[np.argmax(learnt)]),
        "concepts_error": float(np.hypot(sizes[again].std(), step / 12**0.5)),
        "parameters_of_paper": float(best.parameters),
        "error": float(np.mean(found)),
        "error_error": float(np.std(found) / len(found) ** 0.5),
        "excess": float(squares.mean()),
        "excess_error": float(squares.std() / len(found) ** 0.5),
    }


def _training_error(concepts: int, texts: int, rng: np.random.Generator) -> float:
    """Share of the texts of a sampled graph that hold two or more unlearnt concepts."""
    graph = theory.concepts.sample_graph(concepts, texts, DEGREE / concepts, rng)
    unlearnt = np.repeat(~theory.concepts.peel(graph).mask, np.diff(graph.starts))
    held = np.bincount(graph.texts[unlearnt], minlength=texts)
    return float((held >= 2).mean())


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    (lines,) = [row for row in rows if row["config"]["what"] == "curves"][-1:]
    dots = sorted(
        (row for row in rows if row["config"]["what"] == "graphs"),
        key=lambda row: row["compute"],
    )
    budget, size = lines["compute"], lines["parameters"]["paper"]
    optimum = []
    for kind, color in (("parameters", 0), ("tokens", 1)):
        for name, style in zip(LAWS, ("-", "-.", ":", "--"), strict=True):
            label = f"{kind}, {name}"
            optimum.append(Curve(label, budget, lines[kind][name], None, style, color))
        star = ([CHINCHILLA["compute"]], [CHINCHILLA[kind]])
        optimum.append(Curve("Chinchilla" * (color == 0), *star, None, "*", color))
    x = [row["compute"] for row in dots]
    y = np.array([row["concepts"] for row in dots])
    relative = np.array([row["concepts_error"] for row in dots]) / y
    tokens = TAU * np.array(x) / (6 * SIGMA * TAU) / y
    optimum.append(Curve("sampled graphs", x, SIGMA * y, SIGMA * y * relative, "o", 0))
    optimum.append(Curve("", x, tokens, tokens * relative, "o", 1))
    panels = [Panel("compute C (FLOPs)", "N*, D*", optimum, "(a)", "xy")]
    for kind, title in (("error", "training error"), ("excess", "(b)")):
        curves = [
            Curve(name, size, lines[kind][name], None, style, i)
            for i, (name, style) in enumerate(BOUNDS[kind].items())
        ]
        at = [row["parameters_of_paper"] for row in dots]
        found, error = ([row[k] for row in dots] for k in (kind, f"{kind}_error"))
        curves.append(Curve("sampled graphs", at, found, error, "o", 2))
        name = "P_e" if kind == "error" else "excess entropy at least (nats)"
        panels.append(Panel("model size N* (parameters)", name, curves, title, "xy"))
    title = "Nayak & Varshney 2024, figure 2: optimal sizes (dashed: as published)"
    draw_panels(panels, path, title)
