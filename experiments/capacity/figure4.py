"""Allen-Zhu & Li 2024, figure 4: other architectures beside GPT2, 100 exposures.

Reproduces: after 100 exposures LLaMA and Mistral hold 1.3 times less than GPT2,
GPT2_1/4 as much, GPT2_0 more than 1.5 times less (result 6).

    kscale sweep capacity/figure4 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure4 --size=small    12 runs of up to a minute of a core
    kscale sweep capacity/figure4 --size=paper    weeks of one GPU

Expect: R of GPT2 -0.20, -0.11, 0.09, 0.36, 0.71, 1.13 of R_max 1.77 after 100, 150,
200, 300, 500, 1000 exposures, with 3, 6, 13, 24, 43, 67 % of the values right. Seed 1
begins to learn later: -0.21, -0.20, -0.13, -0.05, 0.36, 1.12.

Small: GPT2 of figure3.py after several numbers of exposures, and no other architecture.
After 100 it knows nobody, so there is nothing to compare: 300 people are seen 30,000
times in all, five million times and more in the paper's worlds.
"""

import pathlib

from kscale import report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

FEW = (50_000, 100_000, 200_000, 500_000, 1_000_000)
ROWS = "capacity/figure3"
EXPOSURES = (100, 150, 200, 300, 500, 1000)
# Parameter 7: people by architecture
PAPER_PEOPLE = {
    ("GPT2", "LLaMA", "LLaMA_tied", "Mistral"): (
        *(*FEW, 2_000_000, 5_000_000),
        *(10_000_000, 20_000_000),
    ),
    ("GPT2_1/4", "GPT2_0"): FEW,
}


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            run
            for names, people in PAPER_PEOPLE.items()
            for run in grids.published_grid(names, people, 100)
        ]
    if size == "smoke":
        return grids.narrow_grid(4, ("GPT2", "Mistral"), (2e-3, 4e-3), (0,), 12)
    return [
        run
        for exposures in EXPOSURES
        for run in grids.narrow_grid(exposures, ("GPT2",), (4e-3,), grids.SEEDS)
    ]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure: architectures, or one of them after several numbers of exposures."""
    title = "Allen-Zhu & Li 2024, figure 4: "
    if len({row["name"] for row in rows}) > 1:
        title += "architectures, 100 exposures"
        return report.draw_comparison(rows, path, title, "GPT2")
    return report.draw_exposures(rows, path, f"{title}how many exposures GPT2 needs")
