"""Allen-Zhu & Li 2024, figure 15: bioD models rounded to few bits.

Reproduces: result 8 on bioD data: 8 bits cost nothing, 4 bits more than half. From the
rows of figure 6 (figure6.py).

    kscale sweep capacity/figure15 --size=smoke    a minute: does it run?
    kscale sweep capacity/figure15 --size=small    minutes, or seconds after figure 6
    kscale sweep capacity/figure15 --size=paper    days of one GPU, or nothing as above

Expect: 50 % are left at 4 bits of the model at its limit (1.90 bits a parameter, 4 % of
the values right).
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
    """Those of figure 6 whose people are written as bioD."""
    return _FIGURE_6["of_kind"](_FIGURE_6["runs"](size), "biod")


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    title = "Allen-Zhu & Li 2024, figure 15: bioD, rounded weights"
    report.draw_quantization(rows, path, title)
