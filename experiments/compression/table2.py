"""Pan et al. 2025, table 2 and figure 8: new knowledge taught to a full model.

Reproduces: a model trained to 50, 90, 100 and 120 % of its capacity on uniform data is
taught about new people, as questions and answers (SFT) or as biographies (CPT), with 80
% of the old data replayed. Both learn the new; the old is forgotten near capacity, and
more by SFT. Published old accuracy: SFT 100, 93.25, 89.9, 78.5; CPT 99.6, 96.5, 94.5,
85.1; new 100. Figure 8: SFT starts at a higher training loss.

    kscale sweep compression/table2 --size=smoke    a minute: does it run?
    kscale sweep compression/table2 --size=small    5 minutes on two cores (see --part)
    kscale sweep compression/table2 --size=paper    a month of one GPU

Expect: old accuracy 100, 89, 98, 88 % after SFT and 100, 93, 99, 90 % after CPT.

Small: "tiny" worlds of 26 bits a person in a model of two layers and width 24, whose
capacity is the R measured in PEAK_R; worlds are sized by `scores.world_for_model`, and
40 people are new. Accuracy is the mean over the attributes but the pronoun: of old
people in biographies, of new ones in the form they were taught.
"""

import dataclasses
import pathlib

import numpy as np

from kscale import models, report, scores
from kscale.configs import finetuning, power_law
from kscale.configs.base import Config, fingerprint
from kscale.files import Row
from kscale.report import Curve, Panel

LEVELS = (0.5, 0.9, 1.0, 1.2)  # of what the model can hold
PEAK_R = 0.66  # bits per parameter of the small model at its limit, see LOG.md
FORMS = {"questions": "SFT", "biographies": "CPT"}
PUBLISHED = {"SFT": (100, 93.25, 89.9, 78.5), "CPT": (99.6, 96.5, 94.5, 85.1)}


def runs(size: str) -> list[Config]:
    """For each level the model before, then the two that go on from it."""
    if size == "paper":
        sized = [(level, _paper(level)) for level in LEVELS]
        new, exposures, rate = 20_000, 50, 3e-5
    elif size == "smoke":
        sized = [(1.0, _tiny(24, 8, 8))]
        new, exposures, rate = 4, 4, 1e-3
    else:
        sized = [(level, _tiny(_people(level), 400, 24)) for level in LEVELS]
        new, exposures, rate = 40, 200, 1e-3
    out = []
    for level, before in sized:
        name = f"{level:.0%}"
        out.append(dataclasses.replace(before, name=name))
        start = fingerprint(before)
        for form, short in FORMS.items():
            after = finetuning.tune(
                start, new, form, exposures, rate=rate, before=before
            )
            score = dataclasses.replace(after.score, times=12)
            out.append(dataclasses.replace(after, name=f"{name} {short}", score=score))
    return out


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The table as a panel, then the training losses of figure 8."""
    by_name = {row["name"]: row for row in rows}
    levels = sorted({float(name.partition("%")[0]) for name in by_name})
    table = []
    for i, short in enumerate(FORMS.values()):
        after = [by_name.get(f"{level:.0f}% {short}") for level in levels]
        for what, of, style in (
            ("old", old_accuracy, "o-"),
            ("new", new_accuracy, "s:"),
        ):
            right = [100 * of(row) if row else np.nan for row in after]
            table.append(Curve(f"{short}, {what}", levels, right, None, style, i))
    before = [by_name.get(f"{level:.0f}%") for level in levels]
    right = [100 * old_accuracy(row) if row else np.nan for row in before]
    table.append(Curve("before", levels, right, None, "d--", 2))
    losses = [
        Curve(
            row["name"], row["training"]["step"], row["training"]["loss"], None, "-", i
        )
        for i, row in enumerate(r for r in rows if "training" in r)
    ]
    report.draw_panels(
        [
            Panel("% of its capacity asked for", "accuracy, %", table, "table 2"),
            Panel("step", "training loss, nats a token", losses, "figure 8", "x"),
        ],
        path,
        "Pan et al. 2025, table 2 and figure 8: SFT and CPT on new people",
    )


def old_accuracy(row: Row) -> float:
    """Mean accuracy on the old people's attributes, without the pronoun."""
    right = {p["piece"]: p["accuracy"] for p in row["pieces"]}
    return _mean({k: x for k, x in right.items() if k != "name"})


def new_accuracy(row: Row) -> float:
    """The same of the new people, in the form in which they were taught."""
    new = row["parts"]["new"]
    right = new.get("trained", new)["accuracy_by_piece"]
    return _mean({k: x for k, x in right.items() if k != "name"})


def _mean(right: dict[str, float]) -> float:
    return float(np.mean([x for piece, x in right.items() if piece != "pronoun"]))


def _people(level: float) -> int:
    config = _tiny(300, 400, 24)
    model = dataclasses.replace(config.model, vocab=502)
    parameters = models.count_parameters(model).total
    counts = config.world.build().counts
    return scores.world_for_model(counts, parameters, PEAK_R, level)


def _tiny(people: int, exposures: int, width: int) -> Config:
    return power_law.tiny(people, exposures, width)


def _paper(level: float) -> Config:
    """The paper names no model; "s" is taken, at 2 bits per parameter."""
    config = power_law.pan("s", 0.0)
    model = dataclasses.replace(config.model, vocab=3275)
    parameters = models.count_parameters(model).total
    counts = config.world.build().counts
    people = scores.world_for_model(counts, parameters, 2.0, level)
    return dataclasses.replace(
        power_law.pan("s", 0.0, people=people),
        world=dataclasses.replace(config.world, people=people, law=power_law.Law()),
    )
