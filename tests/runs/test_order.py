"""The order of documents: visits up to a step, and mixtures too large to be counted."""

import dataclasses

import numpy as np
import pytest
from support.mixtures import ASKED, JUNK, UNEVEN, count_names

from kscale.data.tokenized import PAD
from kscale.runs import order


@pytest.mark.parametrize("mixed", [False, True])
def test_visits_up_to_a_step_are_those_begun_in_its_windows(made, mixed):
    task = made(*[JUNK, ASKED] * mixed, world__law=UNEVEN)
    stream = task.order.stream
    last = task.order.steps
    assert task.order.visits(0).sum() == 0
    assert task.order.visits(last).tolist() == task.order.visits().tolist()
    for step in (3, 4, last // 2, last - 1):
        count = min(step * task.config.data.batch, stream.num_windows)
        arrays = stream.windows(0, count)
        rows = np.ones(count, bool)
        if mixed:
            rows = stream.parts(0, count) == 0
        inputs = arrays["tokens"][rows, :-1].ravel()
        counted = arrays["labels"][rows, 1:].ravel() != PAD
        begun = task.order.visits(step)
        # A document's first token is predicted from the EOS that opens it.
        assert begun.sum() == ((inputs == task.pool.eos) & counted).sum()
        named = np.array(count_names(task, task.world, inputs))
        assert (begun >= named).all()
        assert (begun - named).sum() <= 1  # the one whose name is cut


MANY = {"weight": 0.0, "exposures": 10**6}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": 1e9}, r"part 'junk': weight=\S+ makes \S+ windows, and a mixture"),
        (MANY, r"exposures=1\d+ of people=40 makes \S+ windows, .* fewer"),
        ({"kind": "questions"} | MANY, "ask for less of it"),
    ],
)
def test_a_part_of_more_windows_than_a_mixture_holds_is_refused(
    made, changes, message, monkeypatch
):
    monkeypatch.setattr(order, "_MOST", 10_000)
    with pytest.raises(ValueError, match=message):
        _ = made(dataclasses.replace(JUNK, **changes)).order.stream


def test_parts_that_are_too_many_together_are_refused(made, monkeypatch):
    monkeypatch.setattr(order, "_MOST", 10_000)
    (one,) = made(JUNK).order.part_windows
    half = dataclasses.replace(JUNK, weight=7.0 * 5_000 / one)
    # The second is refused before the first, which alone would do, is counted.
    other = dataclasses.replace(half, name="more")
    with pytest.raises(ValueError, match="part 'more': weight="):
        _ = made(half, other).order.stream
