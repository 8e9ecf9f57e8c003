"""Errata of Allen-Zhu & Li 2024, for the page that experiments/errata.py writes."""

import math

from kscale.worlds import Counts

Shown = dict[str, float | str]


def _long_counts() -> Shown:
    name_space, people = 160_000_000, 10_000
    exact = (
        math.lgamma(name_space + 1)
        - math.lgamma(people + 1)
        - math.lgamma(name_space - people + 1)
    ) / math.log(2)
    counts = Counts(people, name_space, 6, 47.59)
    approximate = people * math.log2(counts.name_space / people)
    return {
        "log2 C(N0, N), N = 10,000": exact,
        "N log2(N0/N), as printed": approximate,
        "N log2(e N0/N)": approximate + people * math.log2(math.e),
    }


# place, what is printed, what holds, what shows it
ERRATA = (
    (
        "Allen-Zhu & Li 2024, proposition 2.3",
        "log2 C(N0, N) is written as N log2(N0/N), which drops N log2 e.",
        "The exact count; definition 4.1 keeps the printed form, 1.44 bits a person"
        " less.",
        _long_counts,
    ),
)
