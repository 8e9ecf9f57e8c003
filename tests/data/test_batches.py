"""Batches by step: any number of processes, any place to resume, any number at once."""

import numpy as np
import pytest

from kscale.data import PAD, Batches


@pytest.fixture(scope="module")
def stream(made):
    return made("mini", 40).stream(3, 50)


def join(parts):
    return {x: np.concatenate([part[x] for part in parts]) for x in parts[0]}


def test_steps_are_windows_in_order(stream):
    batches = Batches(stream, batch=6, segments=True)
    assert len(batches) == -(-stream.num_windows // 6)
    everything = stream.windows(0, len(batches) * 6, segments=True)
    together = [batches[step] for step in range(len(batches))]
    assert together[0]["tokens"].shape == (6, 51)
    np.testing.assert_equal(join(together), everything)
    targets = sum((batch["labels"][:, 1:] != PAD).sum() for batch in together)
    assert targets == stream.total_tokens - 1


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
def test_any_number_of_processes_makes_the_same_global_batch(stream, processes):
    """They share the exposures of one run; none has a run of its own."""
    whole = Batches(stream, 6, segments=True)
    shares = [Batches(stream, 6, True, i, processes) for i in range(processes)]
    assert {len(share) for share in shares} == {len(whole)}
    for step in range(len(whole)):
        np.testing.assert_equal(join([share[step] for share in shares]), whole[step])
    starts = range(1, len(whole), 4)
    items = zip(*(share.iterate(1, 4) for share in shares), strict=True)
    for step, blocks in zip(starts, items, strict=True):
        first = [{x: array[0] for x, array in block.items()} for block in blocks]
        np.testing.assert_equal(join(first), whole[step])


@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize("steps", [1, 2, 1000])
def test_a_resumed_run_reads_what_it_would_have_read(stream, first, steps):
    batches = Batches(stream, 6, prefetch=1)
    blocks = list(batches.iterate(first, steps))
    assert {len(block["tokens"]) for block in blocks[:-1]} <= {steps}
    expected = [batches[step] for step in range(first, len(batches))]
    stacked = {x: np.stack([batch[x] for batch in expected]) for x in expected[0]}
    np.testing.assert_equal(join(blocks), stacked)
    assert list(batches.iterate(len(batches), steps)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch=0 and prefetch=2 must be at least 1"),
        ({"batch": 2, "prefetch": 0}, "prefetch=0 must"),
        ({"batch": 6, "processes": 4}, "batch=6 must be divisible by processes=4"),
        ({"batch": 6, "process": 2, "processes": 2}, "process=2 must be 0 to 1"),
    ],
)
def test_numbers_that_do_not_fit(stream, arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(stream, **arguments)
    batches = Batches(stream, 6)
    for step in (-1, len(batches)):
        with pytest.raises(IndexError, match=f"step={step} must be 0 to"):
            batches[step]
