"""Allen-Zhu & Li 2024, figure 1: its own points that a CPU can train.

Published lists, GPT-2 tokens, heads of 64; float32 for the 16 bits. The model is
GPT2-2-1, the smallest of figure 1. Rates and batches are the published ones, but for
100 exposures also 12 windows at rates that the paper does not print for so few people.

    kscale sweep capacity/published --size=smoke    a minute: does it run?
    kscale sweep capacity/published --size=small    100 exposures: six hours of a core
    kscale sweep capacity/published --size=paper    1000 exposures: 16 hours of a core

Expect: R near 1 after 100 exposures where R_max is larger, near 2 after 1000, and R_max
where it is below 1.8 (1000 exposures), says the paper. Here so far 0.05 of 1.85 after
100 exposures of 10K people, in batches of two windows: not trained far enough.
"""

import dataclasses
import pathlib
from typing import NamedTuple

from kscale import configs, report
from kscale.configs.base import Config
from kscale.files import Row


class Point(NamedTuple):
    """People, exposures; windows a step and peak rate where they are not published."""

    people: int
    exposures: int
    batch: int | None = None
    rate: float | None = None


# By size, the next first. The published table of 100 exposures begins at 50K people.
QUEUE = {
    "smoke": (Point(24, 4),),
    "small": (
        Point(10_000, 100),
        *(Point(10_000, 100, 12, rate) for rate in (1e-3, 4e-3)),
        Point(20_000, 100, 12, 2e-3),
    ),
    "paper": (Point(5_000, 1000), Point(10_000, 1000)),
}


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    return [_config(point) for point in QUEUE[size]]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    report.draw_capacity(rows, path, "Allen-Zhu & Li 2024, figure 1: GPT2-2-1, bioS(N)")


def _config(point: Point) -> Config:
    config = configs.bios(point.people, "GPT2-2-1", point.exposures, compute="float32")
    return dataclasses.replace(
        config,
        name="published",
        data=dataclasses.replace(config.data, batch=point.batch or config.data.batch),
        train=dataclasses.replace(
            config.train,
            learning_rate=point.rate or config.train.learning_rate,
        ),
    )
