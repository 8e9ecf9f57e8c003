"""Allen-Zhu & Li 2024, figure 17: experts a token and their room, 100 exposures.

Reproduces: (top-k, capacity factor) of (1, 2), (2, 1) and (2, 2) differ little; deep
models seem easier to train with (2, 2). Adds to the rows of figure 3 (figure3.py).

    kscale sweep capacity/figure17 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure17 --size=small    6 runs of 2 minutes of a core after
                                                   figure 16
    kscale sweep capacity/figure17 --size=paper    weeks of one GPU

Expect: R of (1, 2) 0.85, (2, 1) 0.74, (2, 2) 0.95, dropless 0.93 of R_max 1.77, with
52, 44, 55 and 56 % of the values right; seeds differ by up to 0.19.

Small: 4 experts, width 16, two layers, a world of bindings of R_max = 1.77; besides,
one expert a token without any limit (dropless, capacity factor 0). After 1000
exposures, since after 100 nobody is known (figure4.py).
"""

import dataclasses
import pathlib

from kscale import report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

SETTINGS = {"(1, 2)": (1, 2.0), "(2, 1)": (2, 1.0), "(2, 2)": (2, 2.0)}
ROWS = "capacity/figure3"
NAMES = (
    *("4 experts", "4 experts, (2, 1)"),
    *("4 experts, (2, 2)", "4 experts, dropless"),
)
PAPER_PEOPLE = (  # Parameter 9
    *(50_000, 100_000, 200_000, 500_000),
    *(1_000_000, 2_000_000, 5_000_000),
)


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            dataclasses.replace(
                config,
                name=name,
                model=dataclasses.replace(
                    config.model, top_k=top_k, capacity_factor=factor
                ),
            )
            for name, (top_k, factor) in SETTINGS.items()
            for config in grids.published_grid(("GPT2_MoE",), PAPER_PEOPLE, 100)
        ]
    if size == "smoke":
        return grids.narrow_grid(4, NAMES[1::2], (4e-3,), (0,), 12)
    return grids.narrow_grid(1000, NAMES, (4e-3,), grids.SEEDS)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 17: (top-k, capacity factor)"
    report.draw_comparison(rows, path, title, "4 experts")
