"""Beside Allen-Zhu & Li 2024, figure 1: worlds in which bits are bindings.

A model at its limit of the demo's
world (values of eight chunks) holds 1.90 bits a parameter and has 4 % of the values
right: it knows which strings there are. Here a value is one of 64 strings, so what a
model holds is who has which. bioD(N, K=8, C=1, D=T=64, L=1), 48 bits a person besides
the name.

    kscale sweep capacity/bindings --size=smoke    seconds: does it run?
    kscale sweep capacity/bindings --size=small    half an hour on two cores
    kscale sweep capacity/bindings --size=paper    10K and 40K people: hours of one GPU

Expect: after 1000 exposures 1.53 bits a parameter of R_max 2.00 with 79 % of the values
right (N = 1200, 30K parameters, seeds within 0.02); 1.13 of 1.77 with 67 % (N = 300,
9K parameters, heads rotated whole, within 0.02) and 1.16 and 1.26 (a quarter
rotated); 0.95 and 0.65 of 3.47 with 27 and 20 % (N = 600). After 100 exposures nobody
knows anything: R is -0.22 to 0.06, not trained far enough.
"""

import dataclasses
import pathlib

from kscale import configs, report
from kscale.configs.base import Config
from kscale.files import Row

# People, heads of 16 in each of two layers, peak learning rate, share that is rotated
SMALL = (
    *((300, 1, 4e-3, 1.0), (300, 1, 4e-3, 0.25)),
    *((600, 1, 4e-3, 0.25), (1200, 2, 3e-3, 0.25)),
)
PAPER = ((10_000, 6, 1.5e-3, 0.25), (40_000, 12, 1e-3, 0.25))


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "smoke":
        return [_run(24, 1, 3e-3, 1.0, exposures=4, seed=0)]
    return [
        _run(*world, exposures, seed)
        for world in (PAPER if size == "paper" else SMALL)
        for exposures in (1000, 100)
        for seed in (0, 1)
    ]


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Bits that are bindings: bioD with K = 8, C = 1, D = 64"
    report.draw_capacity(rows, path, title, published=False)


def _run(
    people: int, heads: int, rate: float, rotary: float, exposures: int, seed: int
) -> Config:
    config = configs.demo_bindings(people, exposures, heads, rate, rotary)
    return dataclasses.replace(
        config,
        name="bindings",
        train=dataclasses.replace(config.train, seed=seed),
    )
