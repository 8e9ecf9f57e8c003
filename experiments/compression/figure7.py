"""Pan et al. 2025, figure 7: accuracy of each attribute against model size.

Reproduces: low-entropy attributes (major) are learnt by smaller models than
high-entropy ones (birth date); uniform data jump, power-law data rise gradually; the
employer's city starts at the share of New York. The runs at a = 0 and a = 1.2 of
figure5.py.

    kscale sweep compression/figure7 --size=smoke    half a minute: does it run?
    kscale sweep compression/figure7 --size=small    four minutes on two cores, or
                                                     seconds after figure 5
    kscale sweep compression/figure7 --size=paper    two weeks of one GPU

Expect: at a = 1.2 and 25K parameters major 58 %, city 57 %, university 54 %, employer
51 %, birth year 46 %, employers first at 100K; uniform data in no order.

Accuracy is the share of people whose value is greedily right in their biography. The
pronoun is left out: its accuracy is that of a wording ("He" or "His") besides. The
employer's city has a curve where it was judged in texts that tell it before the
employer, so of a part of the people; rows that read it after the true employer say
nothing of it. Lines are means over seeds.
"""

import pathlib
import runpy

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row
from kscale.report import Curve, Panel

ROWS = "compression/figure5"
FIGURE5 = runpy.run_path(str(pathlib.Path(__file__).with_name("figure5.py")))
LAWS = {0.0: "uniform", 1.2: "power law, a = 1.2"}


def runs(size: str) -> list[Config]:
    """The runs of figure 5 at the two exponents."""
    return [run for run in FIGURE5["runs"](size) if run.world.law.exponent in LAWS]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """A panel for each law."""
    panels = []
    for a, title in LAWS.items():
        of = [row for row in rows if FIGURE5["exponent"](row) == a]
        if of:
            panels.append(_panel(of, title))
    people = rows[0]["config"]["world"]["people"]
    report.draw_panels(
        panels, path, f"Pan et al. 2025, figure 7: {people:,} people, by attribute"
    )


def _panel(rows: list[Row], title: str) -> Panel:
    names = [each["piece"] for each in rows[0]["pieces"]]
    sizes, accuracy = FIGURE5["by_size"](
        rows, lambda row: [each["accuracy"] for each in row["pieces"]]
    )
    curves = [
        Curve(piece, sizes, accuracy[:, i], None, "o-", i)
        for i, piece in enumerate(names)
        if piece not in ("name", "pronoun") and not _read_after(rows[0], piece)
    ]
    return Panel("parameters besides the embedding", "accuracy", curves, title, "x")


def _read_after(row: Row, piece: str) -> bool:
    """Tells of a derived fact that it was read behind what it is derived from."""
    (found,) = [each for each in row["pieces"] if each["piece"] == piece]
    return found["kind"] == "derived" and found["people"] == row["people"]
