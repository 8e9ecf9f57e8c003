"""Allen-Zhu & Li 2024, section 8.1: where in a model its knowledge is stored.

Reproduces: a two-layer model of bioD without its last layer keeps less than half of its
bits, so layers do not each store their share (the section has no figure). Asked
besides: what is left with only the attention, the MLPs, the embedding or one layer
rounded to 3 or 4 bits?

    kscale sweep capacity/section8 --size=smoke    a minute: does it run?
    kscale sweep capacity/section8 --size=small    minutes after figure 6, whose models
                                                   they are (figure6.py)
    kscale sweep capacity/section8 --size=paper    minutes of one GPU after figure 6

Expect: nothing is left without either layer; at 4 bits the demo's model keeps 79 % with
its attention rounded, 66 % its MLPs, 79 % its embedding.

Bits are taken at the best temperature, as a damaged model is surer than it may be. The
paper trains a probe for what is left; nothing is trained here, so it is a lower bound.
"""

import pathlib
import runpy
from typing import Any

from kscale import report
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs.ablation import ablate_run
from kscale.runs.experiment import run_fingerprint

ROWS = "capacity/figure6"
BITS = (4, 3)


def runs(size: str) -> list[Config | dict[str, Any]]:
    """The models of figure 6, and how each is damaged."""
    file = pathlib.Path(__file__).with_name("figure6.py")
    listed = runpy.run_path(str(file))["runs"](size)
    bases = [run for run in listed if isinstance(run, Config) and not run.start]
    bases = [base for base in bases if not base.qat.bits]
    if size == "small":
        bases = bases[:4]  # one of each kind, and the wider one
    bits = BITS[:1] if size == "smoke" else BITS
    return [
        run
        for base in bases
        for start in [run_fingerprint(base)]
        for run in (
            base,
            *({"start": start, "of": base.name, "rounded_to": b} for b in bits),
        )
    ]


def compute(setting: dict[str, Any], folder: pathlib.Path) -> Row:
    """A trained model whole and with each of its parts removed or rounded."""
    return ablate_run(folder, setting["rounded_to"])


def draw(rows: list[Row], path: pathlib.Path) -> None:
    """The figure."""
    report.draw_ablation(rows, path, "Allen-Zhu & Li 2024, section 8.1: what is left")
