"""Mixtures too large to be dealt out are refused before anything is counted."""

import dataclasses
import time

import pytest

from kscale.configs.base import PartConfig
from kscale.runs.task import prepare

JUNK = PartConfig(people=40, weight=7.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": 1e12}, r"part 'junk': weight=1e\+12 makes \d\.?\d*e\+13 windows"),
        ({"weight": 1e308}, r"weight=1e\+308 makes \S+ windows, and a mixture holds"),
        (
            {"weight": 0.0, "exposures": 10**13},
            r"exposures=10000000000000 of people=40 makes \S+e\+1\d windows, .* fewer",
        ),
        (
            {"kind": "questions", "weight": 0.0, "exposures": 10**13},
            r"ask for less of it",
        ),
    ],
)
def test_a_part_of_more_windows_than_a_mixture_holds_is_refused(
    little, changes, message
):
    task = prepare(little([dataclasses.replace(JUNK, **changes)]))
    started = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        _ = task.order.stream
    assert time.perf_counter() - started < 10


def test_parts_that_are_too_many_together_are_refused(little):
    (one,) = prepare(little([JUNK])).order.part_windows
    half = dataclasses.replace(JUNK, weight=7.0 * 2**39 / one)
    # The second is refused before the first, which alone would do, is counted.
    other = dataclasses.replace(half, name="more")
    with pytest.raises(ValueError, match="part 'more': weight="):
        _ = prepare(little([half, other])).order.stream
