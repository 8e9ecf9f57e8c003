"""Allen-Zhu & Li 2024, figure 7: mixtures of experts against all their parameters.

Reproduces: result 9, from the rows of figure 16 (figure16.py).

    kscale sweep capacity/figure7 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure7 --size=small    12 runs of 1 to 2 minutes of a core,
                                                  or seconds after figure 16
    kscale sweep capacity/figure7 --size=paper    weeks of one GPU, or nothing as above

Expect: dots of 4 experts a quarter below those of dense models of equal size, with 52 %
of the values right against 67 %.
"""

import pathlib
import runpy

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row

ROWS = "capacity/figure3"


def runs(size: str) -> list[Config]:
    """Those of figure 16."""
    file = pathlib.Path(__file__).with_name("figure16.py")
    return runpy.run_path(str(file))["runs"](size)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 7: mixtures of experts (every rate and seed)"
    named = [row | {"model": f"{row['name']}, {row['model']}"} for row in rows]
    report.draw_capacity(named, path, title, published=False)
