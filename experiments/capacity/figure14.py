"""Allen-Zhu & Li 2024, figure 14: bioS models rounded to few bits.

Reproduces: result 8 on bioS data: 8 bits cost nothing, 4 bits more than half. From the
rows of figure 6 (figure6.py).

    kscale sweep capacity/figure14 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure14 --size=small    minutes, or seconds after figure 6
    kscale sweep capacity/figure14 --size=paper    days of one GPU, or nothing as above

Expect: 90 % are left at 4 bits of the model that lacks exposures (R = 0.37 of R_max =
0.42); neither model is at the limit of what it can hold, as the paper's are.
"""

import pathlib
import runpy
from typing import Any

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row

ROWS = "capacity/figure6"
_FIGURE_6 = runpy.run_path(str(pathlib.Path(__file__).with_name("figure6.py")))
compute = _FIGURE_6["compute"]


def runs(size: str) -> list[Config | dict[str, Any]]:
    """Those of figure 6 whose people are written as bioS."""
    return _FIGURE_6["of_kind"](_FIGURE_6["runs"](size), "bios")


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 14: bioS, rounded weights"
    report.draw_quantization(rows, path, title)
