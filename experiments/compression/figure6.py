"""Pan et al. 2025, figure 6: structure functions and sufficient statistics.

Reproduces: the minimal sufficient statistic grows like a power of the data, and the
Kolmogorov complexity is it plus a linear term; h(alpha) falls to the line of
sufficiency, sooner where there is less to know.

    kscale sweep compression/figure6 --size=smoke    seconds
    kscale sweep compression/figure6 --size=small    ten seconds: a million sentences
    kscale sweep compression/figure6 --size=paper    a minute: ten million sentences

Expect: the dots of sampled corpora on the lines of E[K_n] - E[M_n1].

The paper draws a schema. Here sentences come from a Pitman-Yor process, and models are
those that store the k most frequent people: 74.8 bits each, a name and its facts
(bioS). A sentence costs 43.4 bits of wording, the index of its person, and name and
facts again where the model lacks them. Lines: expectations, from E[K_n] and E[M_nj];
dots: sampled corpora (bars: two standard errors). "Complexity" is the best two-part
code of the family, an upper bound of the real one.
"""

import pathlib
from typing import Any

import numpy as np

from kscale import theory
from kscale.files import Row
from kscale.report import Curve, Panel, draw_panels

PERSON = 47.591624 + 27.253497  # bits of facts and of a name, log2 S0 + log2 N0
WORDING = 43.354990  # bits of order and templates of a biography
DISCOUNTS = (0.5, 1 / 1.2)  # exponents 2 and 1.2 of the frequencies
MODELS = 60
CHUNK = 10_000
SIZES = {
    "smoke": {"sentences": 1000, "seeds": 3},
    "small": {"sentences": 1_000_000, "seeds": 4},
    "paper": {"sentences": 10_000_000, "seeds": 4},
}


def runs(size: str) -> list[dict[str, Any]]:
    """One setting for each discount."""
    most = SIZES[size]["sentences"]
    sizes = [int(n) for n in np.geomspace(100, most, 9).round()]
    seeds = SIZES[size]["seeds"]
    return [
        {"alpha": alpha, "beta": 1.0, "sentences": sizes, "seeds": seeds}
        for alpha in DISCOUNTS
    ]


def compute(setting: dict[str, Any]) -> Row:
    """Statistics of sampled corpora and their expectations, in bits."""
    found, curves = [], {}
    for seed in range(setting["seeds"]):
        rng = np.random.default_rng(seed)
        most = setting["sentences"][-1]
        seats = theory.pitman_yor.chinese_restaurant(
            rng, most, setting["alpha"], setting["beta"]
        )
        for n in setting["sentences"]:
            f = _structure(theory.pitman_yor.table_sizes(seats[:n]))
            found.append((seed, n, f.minimal_sufficient, f.best_total))
            if seed == 0:
                curves[str(n)] = {"alpha": f.alpha.tolist(), "h": f.h.tolist()}
                curves[str(n)]["sufficient"] = f.minimal_sufficient
    table = np.array(found)[:, 2:].reshape(setting["seeds"], -1, 2)
    error = table.std(axis=0, ddof=1) / len(table) ** 0.5
    expected = [
        _expected(n, setting["alpha"], setting["beta"]) for n in setting["sentences"]
    ]
    return {
        "sufficient": table.mean(axis=0)[:, 0].tolist(),
        "sufficient_error": error[:, 0].tolist(),
        "complexity": table.mean(axis=0)[:, 1].tolist(),
        "complexity_error": error[:, 1].tolist(),
        "expected": expected,
        "structure": curves,
    }


def _structure(sizes: np.ndarray) -> theory.coding.StructureFunction:
    """Of the models that store the k most frequent people, for many k."""
    sizes = np.sort(sizes)[::-1].astype(float)
    people, sentences = len(sizes), sizes.sum()
    repeated = int((sizes > 1).sum())
    chosen = np.geomspace(1, people, MODELS).round().astype(int)
    stored = np.unique([0, repeated, *chosen])
    index = np.concatenate([[0.0], np.cumsum(sizes * np.log2(sentences / sizes))])
    stored_sentences = np.concatenate([[0.0], np.cumsum(sizes)])
    rest = sentences - stored_sentences[stored]
    escape = np.where(rest > 0, np.log2(sentences / np.maximum(rest, 1)), 0.0)
    data = sentences * WORDING + index[stored] + rest * (PERSON + escape)
    return theory.coding.structure_function(PERSON * stored, data)


def _expected(sentences: int, alpha: float, beta: float) -> list[float]:
    """E[minimal sufficient statistic], E[complexity]: whoever comes twice is stored."""
    once, repeated, index = 0.0, 0.0, 0.0
    for first in range(1, sentences + 1, CHUNK):  # of one shape: compiled once
        j = np.arange(first, first + CHUNK)
        inside = np.minimum(j, sentences)
        tables = theory.pitman_yor.expected_tables_of_size(
            inside, sentences, alpha, beta
        )
        tables = np.where(j <= sentences, tables, 0.0)
        once += tables[j == 1].sum()
        repeated += tables[j > 1].sum()
        index += (tables * j * np.log2(sentences / inside))[j > 1].sum()
    unstored = once * (PERSON + np.log2(sentences / max(once, 1)))
    sufficient = PERSON * repeated
    return [sufficient, sufficient + index + unstored + sentences * WORDING]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    panels, growth = [], []
    for i, row in enumerate(sorted(rows, key=lambda row: row["config"]["alpha"])):
        alpha, n = row["config"]["alpha"], row["config"]["sentences"]
        name = f"alpha = {alpha:.2f}"
        expected = np.array(row["expected"])
        for j, kind in enumerate(("sufficient", "complexity")):
            style = "-" if j == 0 else "--"
            growth.append(Curve(f"{kind}, {name}", n, expected[:, j], None, style, i))
            error = row[f"{kind}_error"]
            growth.append(Curve("", n, row[kind], error, "os"[j], i))
        curves = []
        for j, (size, curve) in enumerate(list(row["structure"].items())[2::3]):
            known, h = (
                np.array(curve["alpha"]),
                np.array(curve["h"]) / int(size) - WORDING,
            )
            at = np.searchsorted(known, curve["sufficient"])
            curves.append(Curve(f"{int(size):,} sentences", known, h, color=j))
            star = "minimal sufficient" if j == 0 else ""
            curves.append(Curve(star, known[at : at + 1], h[at : at + 1], None, "*", j))
        left = "data given the model (bits a sentence, less wording)"
        panels.append(Panel("model (bits)", left, curves, name, "x"))
    last = Panel("data (sentences)", "bits", growth, "sufficient statistics", "xy")
    draw_panels([*panels, last], path, "Pan et al. 2025, figure 6: structure functions")
