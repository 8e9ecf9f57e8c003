"""Allen-Zhu & Li 2024, figure 16: mixtures of experts beside dense models.

Reproduces: a GPT2 whose MLPs are 32 experts (d -> d -> d, top-1, capacity factor 2)
holds 1.3 times less in each of its parameters than a dense one after 1000 exposures,
and 1.5 times less after 100, though a token uses an eleventh of them (result 9). Adds
to the rows of figure 3 (figure3.py).

    kscale sweep capacity/figure16 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure16 --size=small    8 runs of 1 to 2 minutes of a core
                                                   after figure 3
    kscale sweep capacity/figure16 --size=paper    weeks of one GPU

Expect: R of 4 experts 0.85 (52 % of the values right), of GPT2, which is as
large, 1.13 (67 %).

Small: 4 experts beside GPT2, which has as many parameters in all, and a dense model of
as many as a token uses (64 % of the mixture's), each with a world of bindings whose
R_max is 1.77, after 1000 exposures; after 100 nobody is known (figure4.py). The tokens
of a row of 64 compete for the same room.
"""

import pathlib

from kscale import report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

ROWS = "capacity/figure3"
NAMES = ("GPT2", "4 experts", "dense, equal active")
# Parameter 9
_MANY = (50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
PAPER_PEOPLE = {1000: (10_000, 20_000, *_MANY, 10_000_000), 100: _MANY}


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            config
            for exposures, people in PAPER_PEOPLE.items()
            for config in grids.published_grid(("GPT2", "GPT2_MoE"), people, exposures)
        ]
    if size == "smoke":
        return grids.narrow_grid(4, NAMES, (4e-3,), (0,), 12)
    return grids.narrow_grid(1000, NAMES, grids.RATES, grids.SEEDS)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 16: bits per parameter of all, experts"
    report.draw_comparison(rows, path, title, "GPT2")
