"""The order of documents: how often people are met up to which step."""

import numpy as np
import pytest
from support.mixtures import ASKED, JUNK, UNEVEN, count_names

from kscale.data.tokenized import PAD
from kscale.worlds import Law


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


def test_a_restaurant_has_the_frequencies_of_its_visits(made):
    order = made(world__law=Law("restaurant", discount=0.2)).order
    np.testing.assert_allclose(order.frequencies(), order.visits() / 96)
