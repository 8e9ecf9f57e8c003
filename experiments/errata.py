"""The errata of the papers, each with a demonstration in numbers: writes errata.md.

    python experiments/errata.py > experiments/errata.md

The slips of each paper stand in errata.py of its folder. Every number in the
tables is computed by the library, none is typed in; a test compares the page with what
this prints.
"""

import functools
import pathlib
import runpy
import sys
from collections.abc import Callable
from typing import NamedTuple

Shown = dict[str, float | str]
HEAD = """# Errata of the papers, each shown in numbers

Slips found in Pan et al. 2025, Allen-Zhu & Li 2024 and Nayak & Varshney 2024 while
building on them. kscale computes the corrected quantity; where a printed figure needs
the printed slip, `as_published=True` gives it. `python experiments/errata.py`
writes this page: every number in its tables is computed, none is typed in.
"""


class Erratum(NamedTuple):
    """A slip.

    Attributes:
      place: paper, and section, equation or figure.
      printed: what stands there, and why it cannot be meant.
      holds: what holds instead.
      shown: computes the demonstration: what -> value.
    """

    place: str
    printed: str
    holds: str
    shown: Callable[[], Shown]


ERRATA = tuple(
    Erratum(*entry)
    for paper in ("emergence", "compression", "capacity")
    for entry in runpy.run_path(
        str(pathlib.Path(__file__).with_name(paper) / "errata.py")
    )["ERRATA"]
)


def text(value: float | str) -> str:
    """Four significant digits, which no version of a library moves."""
    return f"`{value}`" if isinstance(value, str) else f"{float(value):.4g}"


@functools.cache
def page() -> str:
    """The whole page, in Markdown."""
    out = [HEAD]
    for number, erratum in enumerate(ERRATA, 1):
        out += [f"## {number}. {erratum.place}", "", erratum.printed, ""]
        out += [f"**Holds:** {erratum.holds}", "", "| | |", "|---|---|"]
        out += [
            f"| {name} | {text(value)} |" for name, value in erratum.shown().items()
        ]
        out.append("")
    return "\n".join(out)


if __name__ == "__main__":
    sys.stdout.write(page())
