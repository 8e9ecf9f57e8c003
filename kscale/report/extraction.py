"""The figure of what is memorized beside what questions extract.

A row of a model has "name", "config", "accuracy" by piece and "pieces"; one of its
fine-tuning has "config" with "start", the model's fingerprint, and "parts" with
"questions". What follows from another value (the employer's city) does not count.
"""

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from kscale.files import Row
from kscale.report.panels import COLORS, save_figure


class Extraction(NamedTuple):
    """One model and its fine-tunings.

    Attributes:
      base: the model's row.
      memorized: share of values that are right after the true text before them, of
        the attributes that the questions ask for.
      tuned: rows of its fine-tunings, as listed.
      held_out, trained: of each, the share of right answers about people who were in
        no question of training, and about those who were.
    """

    base: Row
    memorized: float
    tuned: list[Row]
    held_out: list[float]
    trained: list[float]


def pair_extractions(rows: Sequence[Row]) -> list[Extraction]:
    """Pairs each model of which there is a fine-tuning with all of them.

    Source: Allen-Zhu & Li 2024, appendix A.2: five attributes; the best choice of ranks
    is what can be extracted.
    """
    found = []
    for base in rows:
        tuned = [x for x in rows if x["config"].get("start") == base["fingerprint"]]
        if not tuned:
            continue
        values = {x["piece"] for x in base["pieces"] if x["kind"] == "value"}
        answers = [row["parts"]["questions"] for row in tuned]
        held_out = [_mean(x["held_out"]["accuracy_by_piece"], values) for x in answers]
        trained = [_mean(x["trained"]["accuracy_by_piece"], values) for x in answers]
        asked = values & answers[0]["held_out"]["accuracy_by_piece"].keys()
        memorized = _mean(base["accuracy"], asked)
        found.append(Extraction(base, memorized, tuned, held_out, trained))
    return found


def _mean(by_piece: Mapping[str, float], pieces: set[str]) -> float:
    """Returns the mean over those of the pieces that there are."""
    return statistics.fmean(x for piece, x in by_piece.items() if piece in pieces)


def format_ranks(row: Row) -> str:
    """Formats the ranks of a fine-tuning's adapters: "(r', r)", "all" without any."""
    rules = row["config"]["model"]["lora"]["rules"]
    rank = dict(rule.rsplit(":", 1) for rule in rules)
    if not rank:
        return "all"  # parameters are trained
    return f"({rank['embed/table']}, {rank['*/attention/query']})"


def draw_extraction(rows: Sequence[Row], path: pathlib.Path, title: str) -> None:
    """Draws the accuracy of answers by ranks, and the memorized accuracy as a line.

    Args:
      rows: of models and of their fine-tunings.
      path, title: as in `draw_panels`.
    """
    found = pair_extractions(rows)
    if not found:
        raise ValueError(f"{path}: no row of a fine-tuning with its model's; run more")
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    for i, one in enumerate(found):
        color = COLORS[i % len(COLORS)]
        labels = [format_ranks(row) for row in one.tuned]
        name = f"{one.base['name']}, {one.base['exposures']:g} exposures"
        axes.axhline(
            one.memorized, color=color, ls="--", lw=1, label=f"{name}: memorized"
        )
        axes.plot(labels, one.held_out, "o-", color=color, label=f"{name}: held out")
        axes.plot(
            labels, one.trained, "o", mfc="none", color=color, label=f"{name}: trained"
        )
    axes.set(
        xlabel="ranks of the adapters (embedding, query and value)",
        ylabel="share of values right",
        ylim=(0, 1.03),
    )
    axes.tick_params(axis="x", rotation=30)
    figure.legend(loc="outside lower center", ncols=min(3, len(found)), fontsize=7)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)
