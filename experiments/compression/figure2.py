"""Pan et al. 2025, figure 2: accuracy against frequency and model size.

Reproduces: (a) accuracy rises with how often a person was seen, and every model has a
count below which nothing is known ("a 7.2M model never learns what occurs fewer than
508 times"), the lower the larger the model. (b) accuracy of four classes of frequency
against size. The runs at a = 1.2 of figure5.py.

    kscale sweep compression/figure2 --size=smoke    half a minute: does it run?
    kscale sweep compression/figure2 --size=small    two minutes on two cores, or
                                                     seconds after figure 5
    kscale sweep compression/figure2 --size=paper    a week of one GPU

Expect: half of the values right from 411, 137, 98, 39 visits on at 6.6K, 14K, 25K, 57K
parameters; problem (6) says 568, 233, 121, 43, up to 70 % more.

The threshold is the smallest count at which accuracy, made to rise (isotonic), is one
half; accuracy is the share of a person's six attributes greedily right, names left out.
Thresholds with fewer than ten people on one side are not drawn: they are the end of the
data. Lines in the third panel are problem (6) as fitted in figure5.py.
"""

import pathlib
import runpy

import numpy as np

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row
from kscale.report import Curve, Panel

ROWS = "compression/figure5"
FEWEST = 10  # people below and above a threshold that is drawn
FIGURE5 = runpy.run_path(str(pathlib.Path(__file__).with_name("figure5.py")))


def runs(size: str) -> list[Config]:
    """The runs of figure 5 at the paper's own exponent."""
    return [run for run in FIGURE5["runs"](size) if run.world.law.exponent == 1.2]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """Both panels, and the thresholds beside the theory's."""
    size_of, rows = FIGURE5["size_of"], sorted(rows, key=FIGURE5["size_of"])
    left = []
    for i, row in enumerate(row for row in rows if row["seed"] == 0):
        found = row["by_count"]
        learnt = "nowhere" if found["learnt"] is None else f"at {found['learnt']:.0f}"
        if found["learnt"] is not None and not _is_inside(found):
            learnt = "at the end of the data"
        label = f"{size_of(row):,} parameters: half right {learnt}"
        left.append(Curve(label, found["visits"], found["accuracy"], None, "o-", i))
    sizes, accuracy = FIGURE5["by_size"](
        rows, lambda row: [each["accuracy"] for each in row["classes"]]
    )
    right = [
        Curve(name, sizes, accuracy[:, k], None, "o-", k)
        for k, name in enumerate(FIGURE5["CLASSES"])
    ]
    x = "parameters besides the embedding"
    known = _thresholds(rows)
    thresholds = [Panel(x, "visits", known, "half of a person known", "xy")]
    report.draw_panels(
        [
            Panel("visits of a person in training", "accuracy", left, "(a)", "x"),
            Panel(x, "accuracy", right, "(b) quarters of the people", "x"),
            *(thresholds if known else []),
        ],
        path,
        f"Pan et al. 2025, figure 2: {rows[0]['population']:,} people, a = 1.2",
    )


def _is_inside(found: Row) -> bool:
    """Whether a threshold has people enough on both sides to be one."""
    if found["learnt"] is None:
        return False
    below = np.array(found["visits"]) < found["learnt"]
    people = np.array(found["people"])
    return min(people[below].sum(), people[~below].sum()) >= FEWEST


def _thresholds(rows: list[Row]) -> list[Curve]:
    """The count at which half is right, measured and by problem (6)."""
    learnt = [row for row in rows if _is_inside(row["by_count"])]
    if not learnt:
        return []
    sizes = [FIGURE5["size_of"](row) for row in learnt]
    found = [row["by_count"]["learnt"] for row in learnt]
    curves = [Curve("measured, half of the attributes right", sizes, found, None, "o")]
    if len({FIGURE5["size_of"](row) for row in rows}) < 3:
        return curves
    predicted, p, bits = FIGURE5["prediction"](rows)
    visits = rows[0]["exposures"] * rows[0]["population"]
    line = report.predict_threshold(
        predicted["parameters"], p, bits, predicted["bits_per_param"], visits, left=0.5
    )
    label = "problem (6), half of the bits known"
    return [*curves, Curve(label, predicted["parameters"], line, color=0)]
