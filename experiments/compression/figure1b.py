"""Pan et al. 2025, figure 1b: loss by frequency class against capacity, theory.

Reproduces: frequent classes are learnt by small models and rare ones by large models
only; problem (6) solved exactly for the p_i of the paper's data, `(i + 1000)^-1.2` over
400,000 people. A perfect knower pays nothing for knowledge.

    kscale sweep compression/figure1b --size=smoke    seconds
    kscale sweep compression/figure1b --size=small    ten seconds: 40,000 people, bias
                                                      100
    kscale sweep compression/figure1b --size=paper    half a minute: 400,000 people

Expect: the learner's dots within a few bits of the optimum's lines.

A person has 47.6 bits of knowledge (bioS). Two laws of how memory turns into knowledge:
`D(m) = 47.6 exp(-m/47.6)`, the paper's assumption with the steepest start that a
lossless code allows, and `max(0, 47.6 - m)`, a memory without loss. The dots are a
learner who does not know p: it sees each person as often as chance has it, allocates
its memory by those counts, and is judged on p (bars: two standard errors over draws).
"""

import math
import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, draw_panels

BITS = 47.591624  # of knowledge in a person of bioS, log2 S0
BASE = math.exp(1 / BITS)  # the first bit of memory saves one bit
BITS_PER_PARAMETER = 2.0  # Allen-Zhu & Li 2024, result 1
CLASSES = ("most frequent quarter", "second", "third", "least frequent quarter")
SIZES = {
    "smoke": {"people": 400, "bias": 1.0, "visits": 20, "seeds": 3},
    "small": {"people": 40_000, "bias": 100.0, "visits": 20, "seeds": 5},
    "paper": {"people": 400_000, "bias": 1000.0, "visits": 200, "seeds": 5},
}


def runs(size: str) -> list[dict[str, Any]]:
    """One setting a size; visits are those of the average person."""
    return [{"exponent": 1.2, "points": 40} | SIZES[size]]


def compute(setting: dict[str, Any]) -> Row:
    """Losses of the classes in bits per visit, at each capacity."""
    people = setting["people"]
    p = theory.model_scaling.zipf_frequencies(
        people, setting["exponent"], setting["bias"]
    )
    labels = theory.model_scaling.frequency_classes(p)
    capacity = people * BITS * np.geomspace(3e-3, 6.0, setting["points"])
    best = theory.model_scaling.class_losses(capacity, p, labels, a=BITS, b=BASE)
    line = np.array([0.0, BITS])
    lossless = [
        theory.model_scaling.table_allocation(c, p, line, line[::-1]) for c in capacity
    ]
    learners = [
        [
            _by_class(lost, p, labels)
            for lost in learn_from_counts(rng, setting, p, capacity)
        ]
        for rng in map(np.random.default_rng, range(setting["seeds"]))
    ]
    spread = np.std(learners, axis=0, ddof=1) / math.sqrt(len(learners))
    return {
        "capacity_bits": capacity.tolist(),
        "class_losses": best.mean_loss.tolist(),
        "lossless": [_by_class(x.contribution, p, labels) for x in lossless],
        "learner": np.mean(learners, axis=0).tolist(),
        "learner_error": spread.tolist(),
        "classes": CLASSES,
    }


def _by_class(
    contribution: np.ndarray, p: np.ndarray, labels: np.ndarray
) -> list[float]:
    kinds = labels.astype(int)
    mass = np.bincount(kinds, p, len(CLASSES))
    return (np.bincount(kinds, contribution, len(CLASSES)) / mass).tolist()


def learn_from_counts(
    rng: np.random.Generator,
    setting: dict[str, Any],
    p: np.ndarray,
    capacity: np.ndarray,
) -> list[np.ndarray]:
    """Each person's loss at each capacity, of one who allocates by counts for p."""
    counts = rng.multinomial(setting["people"] * setting["visits"], p)
    seen = np.flatnonzero(counts)
    guess = counts[seen] / counts.sum()
    out = []
    for c in capacity:
        memory = np.zeros(len(p))
        memory[seen] = theory.model_scaling.allocate(c, guess, a=BITS, b=BASE).memory
        out.append(p * BITS * np.exp(-memory / BITS))
    return out


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    row = rows[-1]
    size = np.array(row["capacity_bits"]) / BITS_PER_PARAMETER
    best, lossless = np.array(row["class_losses"]), np.array(row["lossless"])
    found, error = np.array(row["learner"]), np.array(row["learner_error"])
    x, y = "model size (parameters of 2 bits)", "loss on knowledge (bits per person)"
    left = [Curve(name, size, best[:, i]) for i, name in enumerate(row["classes"])]
    left += [
        Curve(
            "" if i else "learner from counts", size, found[:, i], error[:, i], "o", i
        )
        for i in range(len(CLASSES))
    ]
    right = [Curve(name, size, lossless[:, i]) for i, name in enumerate(row["classes"])]
    people = row["config"]["people"]
    draw_panels(
        [
            Panel(x, y, left, "D(m) = 47.6 exp(-m / 47.6)", "x"),
            Panel(x, y, right, "D(m) = max(0, 47.6 - m)", "x"),
        ],
        path,
        f"Pan et al. 2025, figure 1b: loss by frequency class, {people:,} people",
    )
