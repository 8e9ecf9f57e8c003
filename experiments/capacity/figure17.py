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

from kscale import configs, report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

SETTINGS = {"(1, 2)": (1, 2.0), "(2, 1)": (2, 1.0), "(2, 2)": (2, 2.0)}
DROPLESS = {"(1, dropless)": (1, 0.0)}
PEOPLE = {2: 340, 4: 650}  # by layers: R_max = 2.1
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
    layers, rates, seeds, shown = (2, 4), (4e-3, 8e-3), (0, 1), SETTINGS | DROPLESS
    if size == "smoke":
        layers, rates, seeds = (2,), (4e-3,), (0,)
        shown = {name: shown[name] for name in ("(2, 1)", "(1, dropless)")}
    return [
        run
        for depth in layers
        for name, (top_k, factor) in shown.items()
        for run in grids.make_grid(
            configs.demo(12, 4) if size == "smoke" else _world(depth),
            {
                f"{depth} layers {name}": grids.narrow_model(
                    "GPT2_MoE",
                    depth,
                    8,
                    experts=8,
                    top_k=top_k,
                    capacity_factor=factor,
                )
            },
            rates,
            seeds,
        )
    ]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 17: (top-k, capacity factor), 100 exposures"
    report.draw_comparison(rows, path, title, "2 layers (1, 2)")


def _world(layers: int) -> Config:
    return configs.demo(PEOPLE[layers], 100, batch=2)
