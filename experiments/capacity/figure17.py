"""Allen-Zhu & Li 2024, figure 17: experts a token and their room, 100 exposures.

Reproduces: (top-k, capacity factor) of (1, 2), (2, 1) and (2, 2) differ little; deep
models seem easier to train with (2, 2).

    kscale sweep capacity/figure17 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure17 --size=small    20 minutes on two cores (see --part)
    kscale sweep capacity/figure17 --size=paper    weeks of one GPU

Expect: R of 0.18 to 0.24 with two layers, 0.07 to 0.08 with four, 8 to 11 and 3 to 4 %
of R_max: not trained far enough.

Small: 8 experts, width 16, two and four layers, bioD worlds that fill them; besides,
one expert a token without any limit (dropless, capacity factor 0).
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
