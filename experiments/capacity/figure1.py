"""Allen-Zhu & Li 2024, figure 1: learnt bits against parameters, bioS(N).

Reproduces: peak bits per parameter of at least 2 after 1000 exposures (a) and of at
least 1 after 100 (b), whatever the depth and width; R near R_max where R_max <= 1.8.

    kscale sweep capacity/figure1 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure1 --size=small    an hour on two cores (see --part)
    kscale sweep capacity/figure1 --size=paper    weeks of one GPU

Expect: R = 0.52, 0.95, 1.01 of R_max = 0.55, 1.07, 1.08 after 1000 exposures, 0.16 to
0.24 after 100, 4 to 18 % of R_max: not trained far enough. The peaks of 2 and 1 need
larger models, or the demo's strings.

Small asks the same of shorter lists ("mini": 31.0 bits a person besides the name,
against 47.6), windows of 128 tokens, and models of 43 and 82 thousand parameters with
heads of 16, in float32. Paper: the N, rates and batches of Parameters 1 and 2, to 10M
people at 1000 exposures and 20M at 100, each in the models with R_max from 1/2 to 4
(one near 2 from 2M on at 1000); the text names 13 of the shapes, the smaller ones are
ours.
"""

import dataclasses
import pathlib

from kscale import configs, models, report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

_MANY = (50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)
PAPER_PEOPLE = {1000: (10_000, 20_000, *_MANY), 100: (*_MANY, 20_000_000)}
# (heads of 16, people, exposures), such that two parts take about equally long
SMALL = (
    (3, 2400, 1000),
    (2, 2400, 1000),
    (3, 4800, 100),
    (2, 1200, 1000),
    (2, 4800, 100),
    (2, 600, 1000),
    (2, 1200, 100),
    (2, 2400, 100),
)
RATES = {2: 3e-3, 3: 2e-3}  # by heads


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        return [
            run
            for exposures, people in PAPER_PEOPLE.items()
            for run in grids.published_grid(("GPT2",), people, exposures)
        ]
    if size == "smoke":
        return [_small(2, 24, exposures, warmup=10) for exposures in (8, 4)]
    return [_small(*run) for run in SMALL]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    report.draw_capacity(rows, path, "Allen-Zhu & Li 2024, figure 1: bioS(N), GPT2")


def _small(heads: int, people: int, exposures: int, warmup: int = 2500) -> Config:
    config = configs.mini(people, exposures, heads=heads)
    model = models.from_name(f"GPT2-2-{heads}", head_size=16, init_std=0.08)
    train = dataclasses.replace(
        config.train,
        learning_rate=RATES[heads],
        weight_decay=0.05,
        b2=0.99,
        clip=0.0,
        warmup_steps=warmup,
        final_ratio=0.01,
    )
    return dataclasses.replace(config, name="figure1", model=model, train=train)
