"""Allen-Zhu & Li 2024, figure 3: other architectures beside GPT2, 1000 exposures.

Reproduces: with enough training the architecture hardly matters. GPT2_1/4 and even
GPT2_0 (no MLP) store as much as GPT2; LLaMA and Mistral too, a little less where they
are small, which tying their weights mends (result 5).

    kscale sweep capacity/figure3 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure3 --size=small    24 runs of 1 to 3 minutes of a core
    kscale sweep capacity/figure3 --size=paper    weeks of one GPU

Expect: R of GPT2 1.13, LLaMA 1.12, tied 1.39, Mistral 1.21 of R_max 1.77, with 67, 67,
85 and 74 % of the values right; GPT2_1/4 0.70 and GPT2_0 0.17 (41 and 17 %): not
trained far enough.

Small: models of one head of 16 and about 9,000 parameters, in which GPT2_1/4 has four
layers and GPT2_0 six where the others have two (Mistral and the untied LLaMA are
larger), each with a world of bindings (`demo_bindings`) of as many people as make
R_max = 1.77 (288 to 407). Every architecture gets the same two learning rates and two
seeds, and is judged at its best rate; heads are rotated whole in all of them.
"""

import pathlib

from kscale import report
from kscale.configs import grids
from kscale.configs.base import Config
from kscale.files import Row

PAPER_PEOPLE = (
    *(10_000, 20_000, 50_000, 100_000, 200_000, 500_000),
    *(1_000_000, 2_000_000, 5_000_000, 10_000_000),
)


def runs(size: str) -> list[Config]:
    """The runs of a size."""
    if size == "paper":
        names = tuple(grids.ARCHITECTURES)
        return grids.published_grid(names, PAPER_PEOPLE, 1000)
    if size == "smoke":
        return grids.narrow_grid(4, ("GPT2", "Mistral"), (2e-3, 4e-3), (0,), 12)
    return grids.narrow_grid(1000, grids.ARCHITECTURES, grids.RATES, grids.SEEDS)


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 3: architectures, 1000 exposures"
    report.draw_comparison(rows, path, title, "GPT2")
