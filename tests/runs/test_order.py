"""Orders of members: nothing is cut, and whose visits are told up to which step."""

import numpy as np
import pytest
from mixing import ASKED, JUNK, UNEVEN, met, read

from kscale import data
from kscale.configs.base import PartConfig
from kscale.data.tokenized import PAD
from kscale.worlds import Law


def targets(stream, kind=0):
    """What is predicted in the windows of one kind, without padding."""
    arrays = stream.windows(0, stream.num_windows)
    rows = np.ones(stream.num_windows, bool)
    if isinstance(stream, data.Mixture):
        rows = stream.kinds(0, stream.num_windows) == kind
    tokens, labels = arrays["tokens"][rows, 1:], arrays["labels"][rows, 1:]
    return tokens[labels != PAD]


@pytest.mark.parametrize("law", [UNEVEN, Law("restaurant", discount=0.0)])
def test_orders_of_their_own_are_read_to_their_end(made, law):
    own = {"world__law": law, "data__shared_order": False}
    seeds = tuple(range(6))
    new = PartConfig("new", people=5, exposures=40, law=Law("zipf"))
    for parts_ in ((), (JUNK, new)):
        task = made(*parts_, members__seeds=seeds, **own)
        alone = [made(*parts_, members__seeds=(seed,), **own) for seed in seeds]
        batch = task.config.data.batch
        longest = max(stream.num_windows for stream in task.streams)
        assert task.total_steps == task.source(1).num_steps == -(-longest // batch)
        assert task.total_steps >= max(each.total_steps for each in alone)
        totals = [x.total_tokens for x in task.streams]
        assert len(set(totals)) > 1  # the draws differ in length
        assert task.exact_tokens == max(totals) - 1
        for stream, each in zip(task.streams, alone, strict=True):
            for kind in {0, 2 * (len(parts_) // 2)}:
                found, wanted = targets(stream, kind), targets(each.streams[0], kind)
                np.testing.assert_array_equal(found, wanted)
        if parts_:  # windows of each kind: those of the longest, or by weight
            shares = np.array([each.streams[0].shares for each in alone])
            assert {x.shares for x in task.streams} == {tuple(shares.max(axis=0))}
            assert shares[:, 2].min() < shares[:, 2].max()


def test_members_are_met_as_in_their_own_order(made):
    own = {"world__law": UNEVEN, "data__shared_order": False, "members__seeds": (0, 1)}
    task = made(JUNK, **own)
    for member in (0, 1):
        tokens, _ = read(task, 0, stream=member)
        counts = task.visits_of(member)
        assert met(task, task.world, tokens) == counts.tolist()
        (alone,) = [made(JUNK, **(own | {"members__seeds": (member,)}))]
        assert alone.visits_of(0).tolist() == counts.tolist()
    assert task.visits_of(0).tolist() != task.visits_of(1).tolist()
    shared = made(JUNK, world__law=UNEVEN, members__seeds=(0, 1))
    assert shared.visits_of(1) is shared.visits_of(0)
    assert (task.orders, shared.orders) == (2, 1)


def test_members_of_a_restaurant_have_frequencies_of_their_own(made):
    own = {"world__law": Law("restaurant", discount=0.2), "data__shared_order": False}
    task = made(members__seeds=(0, 1), **own)
    one, other = (task.frequencies_of(member) for member in (0, 1))
    assert (one != other).any()
    np.testing.assert_allclose(other, task.visits_of(1) / 96)


@pytest.mark.parametrize("mixed", [False, True])
def test_visits_up_to_a_step_are_those_begun_in_its_windows(made, mixed):
    task = made(*[JUNK, ASKED] * mixed, world__law=UNEVEN)
    (stream,) = task.streams
    last = task.total_steps
    assert task.visits_of(0, 0).sum() == 0
    assert task.visits_of(0, last).tolist() == task.visits_of(0).tolist()
    for step in (3, 4, last // 2, last - 1):
        count = min(step * task.config.data.batch, stream.num_windows)
        arrays = stream.windows(0, count)
        rows = np.ones(count, bool)
        if mixed:
            rows = stream.kinds(0, count) == 0
        inputs = arrays["tokens"][rows, :-1].ravel()
        counted = arrays["labels"][rows, 1:].ravel() != PAD
        begun = task.visits_of(0, step)
        # A document's first token is predicted from the EOS that opens it.
        assert begun.sum() == ((inputs == task.pool.eos) & counted).sum()
        named = np.array(met(task, task.world, inputs))
        assert (begun >= named).all()
        assert (begun - named).sum() <= 1  # the one whose name is cut
