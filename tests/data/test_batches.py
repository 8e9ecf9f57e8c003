"""Batches by number: any process count, any place to resume, populations."""

import numpy as np
import pytest

from kscale.data import PAD, BatchSource, Stream, batches


@pytest.fixture
def stream(made):
    m = made("mini", 40)
    return Stream(m.corpus, m.pool, 3, 50)


def test_dispatches_are_windows_in_order(stream):
    source = BatchSource([stream], batch=6, steps_per_dispatch=4, segments=True)
    assert source.num_steps == -(-stream.num_windows // 6)
    assert len(source) == -(-source.num_steps // 4)
    everything = stream.windows(0, len(source) * 24, segments=True)
    chunks = [source[i] for i in range(len(source))]
    assert len(chunks) == len(source)
    for name, array in everything.items():
        assert chunks[0][name].shape == (4, 6, 51)
        together = np.concatenate([chunk[name] for chunk in chunks])
        assert np.array_equal(together.reshape(-1, 51), array)
    targets = sum((chunk["labels"][:, :, 1:] != PAD).sum() for chunk in chunks)
    assert targets == stream.total_tokens - 1


@pytest.mark.parametrize("processes", [1, 2, 3, 6])
@pytest.mark.parametrize("steps", [1, 4])
def test_any_process_count_gives_the_same_global_batch(stream, processes, steps):
    whole = BatchSource([stream], 6, steps, segments=True)
    shares = [
        BatchSource([stream], 6, steps, True, process, processes)
        for process in range(processes)
    ]
    for index in (0, 3, len(whole) - 1):
        for name, array in whole[index].items():
            parts = [share[index][name] for share in shares]
            assert np.array_equal(np.concatenate(parts, axis=1), array)


def test_populations_with_their_own_order(made):
    m = made("mini", 40)
    streams = [Stream(m.corpus, m.pool, 3, 50, seed) for seed in (0, 1)]
    both = BatchSource(streams, 6, 2)[1]
    for name, array in both.items():
        assert array.shape == (2, 2, 6, 51)
        for member, stream in enumerate(streams):
            alone = BatchSource([stream], 6, 2)[1][name]
            assert np.array_equal(array[:, member], alone)


@pytest.mark.parametrize("start", [0, 1, 5])
def test_a_resumed_run_sees_what_it_would_have_seen(stream, start):
    source = BatchSource([stream], 6, 2)
    chunks = list(batches(source, start))
    assert len(chunks) == len(source) - start
    for index, chunk in enumerate(chunks, start):
        for name, array in source[index].items():
            assert np.array_equal(chunk[name], array)


def test_a_part_of_a_run(stream):
    source = BatchSource([stream], 6, 2)
    (chunk,) = batches(source, 2, 3, prefetch=1)
    assert np.array_equal(chunk["tokens"], source[2]["tokens"])
    assert list(batches(source, 3, 3)) == []
    assert list(batches(source, len(source))) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch=0 and steps_per_dispatch=1 must be at least 1"),
        ({"batch": 2, "steps_per_dispatch": 0}, "steps_per_dispatch=0"),
        ({"batch": 6, "processes": 4}, "not divisible by the 4 processes"),
        ({"batch": 6, "process": 2, "processes": 2}, "process=2 must be 0 to 1"),
    ],
)
def test_numbers_that_do_not_fit(stream, arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchSource([stream], **arguments)
    with pytest.raises(ValueError, match="there must be a stream"):
        BatchSource([], batch=1)


def test_no_such_dispatch(stream):
    source = BatchSource([stream], 6)
    for index in (-1, len(source)):
        with pytest.raises(IndexError, match=f"dispatch {index} of a run"):
            source[index]
