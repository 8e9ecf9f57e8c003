"""Allen-Zhu & Li 2024, figure 9: models of one layer.

Reproduces: one layer holds a little less than two or more, above all after 100
exposures. Adds to the rows of figure 3 (figure3.py).

    kscale sweep capacity/figure9 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure9 --size=small    4 runs of a minute of a core after
                                                  figure 3
    kscale sweep capacity/figure9 --size=paper    weeks of one GPU

Expect: R of one layer 1.18, of two 1.13 after 1000 exposures, with 72 and 67 % of
the values right; seeds and rates differ by more.

Small: one layer of width 22 beside two of width 16, of about equal size, with 313 and
300 people that make R_max = 1.77, after 1000 exposures; after 100 neither knows anybody
(figure4.py).
"""

import pathlib

from kscale import report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

ROWS = "capacity/figure3"
NAMES = ("GPT2", "GPT2, one layer")
PAPER_SHAPES = ("1-1", "1-2", "1-4", "1-8", "1-12", "1-20")
_MANY = (50_000, 100_000, 200_000, 500_000, 1_000_000)
PAPER_PEOPLE = {1000: (10_000, 20_000, *_MANY), 100: _MANY}


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            config
            for exposures, people in PAPER_PEOPLE.items()
            for config in grids.published_grid(
                ("GPT2",), people, exposures, PAPER_SHAPES + grids.SHAPES
            )
        ]
    if size == "smoke":
        return grids.narrow_grid(4, NAMES, (2e-3,), (0,), 12)
    return grids.narrow_grid(1000, NAMES, grids.RATES, grids.SEEDS)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 9: one layer beside two"
    report.draw_comparison(rows, path, title, "GPT2")
