"""Pan et al. 2025, figure 1a: loss by frequency class against model size.

Reproduces: small models learn the most frequent quarter of the people only, larger ones
go on to the next, each class down to its irreducible part. The runs at a = 1.2 of
figure5.py, beside problem (6) for the same p_i; figure1b.py has the theory alone, for
the paper's people.

    kscale sweep compression/figure1a --size=smoke    half a minute: does it run?
    kscale sweep compression/figure1a --size=small    two minutes on two cores, or
                                                      seconds after figure 5
    kscale sweep compression/figure1a --size=paper    a week of one GPU

Expect: values right 14, 11, 11, 9 % at 1.8K parameters (all but the first guessed), 93,
66, 33, 23 % at 25K, 94, 95, 90, 80 % at 100K (the first two both known): all four in
order in 8 of 12 runs, by loss in 11.
"""

import pathlib
import runpy

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row
from kscale.report import Panel

ROWS = "compression/figure5"
FIGURE5 = runpy.run_path(str(pathlib.Path(__file__).with_name("figure5.py")))


def runs(size: str) -> list[Config]:
    """The runs of figure 5 at the paper's own exponent."""
    return [run for run in FIGURE5["runs"](size) if run.world.law.exponent == 1.2]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """One panel, the losses of four classes."""
    x, y = "parameters besides the embedding", "bits lost per visit, of values"
    world = rows[0]["config"]["world"]
    report.draw_panels(
        [Panel(x, y, FIGURE5["class_curves"](rows), "", "x")],
        path,
        f"Pan et al. 2025, figure 1a: {world['people']:,} people, a = 1.2",
    )
