"""Streams: the brute-force stream of strings, cut into windows, from any place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.data import PAD, Stream
from kscale.data import stream as module


def windows_of(array, context, fill):
    """[number, T + 1]: cut by hand, the last one filled up."""
    number = -(-(len(array) - 1) // context)
    padded = np.concatenate([array, np.full(number * context + 1 - len(array), fill)])
    starts = range(0, number * context, context)
    return np.stack([padded[start : start + context + 1] for start in starts])


@pytest.mark.parametrize(("kind", "people"), [("mini", 40), ("biod", 64), ("bios", 9)])
@pytest.mark.parametrize("context", [2, 31, 512])
def test_windows_are_those_of_the_stream_of_strings(
    made, brute_force, kind, people, context
):
    m = made(kind, people)
    stream = Stream(m.corpus, m.pool, 3, context, seed=1)
    tokens, labels, ordinal = brute_force(stream, m.tokenizer)
    assert stream.total_tokens == len(tokens)
    assert stream.num_windows == -(-(len(tokens) - 1) // context)
    got = stream.windows(0, stream.num_windows, segments=True)
    assert np.array_equal(got["tokens"], windows_of(tokens, context, m.pool.eos))
    assert np.array_equal(got["labels"], windows_of(labels, context, PAD))
    cut = windows_of(ordinal, context, stream.visits + 1)
    assert np.array_equal(got["segments"], cut - cut[:, :1])
    assert [got[k].dtype for k in ("tokens", "labels", "segments")] == [
        *(np.int32, np.uint8, np.int32)
    ]


@given(st.integers(0, 60), st.integers(1, 9), st.booleans())
def test_random_access_is_sequential_access(made, first, count, segments):
    m = made("mini", 40)
    stream = Stream(m.corpus, m.pool, 2, 100)
    stream._starts  # noqa: B018 - counted once
    everything = stream.windows(0, 80, segments)
    some = stream.windows(first, count, segments)
    for name, array in some.items():
        assert np.array_equal(array, everything[name][first : first + count])


def test_everybody_is_met_exactly_e_times(made):
    m = made("biod", 64)
    stream = Stream(m.corpus, m.pool, 7, 16)
    people, exposures = stream.visit(np.arange(stream.visits))
    assert len({*zip(people.tolist(), exposures.tolist(), strict=True)}) == 64 * 7
    assert (np.bincount(people) == 7).all()
    assert (np.bincount(exposures) == 64).all()
    assert (np.diff(people) != 0).mean() > 0.9  # not one person after the other


def test_each_token_is_a_target_once(made, brute_force):
    m = made("mini", 40)
    stream = Stream(m.corpus, m.pool, 2, 50)
    tokens, _, _ = brute_force(stream, m.tokenizer)
    windows = stream.windows(0, stream.num_windows)
    counts = windows["labels"][:, 1:] != PAD
    assert np.array_equal(windows["tokens"][:, 1:][counts], tokens[1:])
    # Targets are the next window's inputs, and what does not count is at the end.
    assert np.array_equal(windows["tokens"][:-1, -1], windows["tokens"][1:, 0])
    assert (np.diff(counts.ravel().astype(int)) <= 0).all()


def test_past_the_end_is_padding(made):
    m = made("biod", 64)
    stream = Stream(m.corpus, m.pool, 1, 100)
    last = stream.windows(stream.num_windows, 2, segments=True)
    assert (last["labels"][:, 1:] == PAD).all()
    assert (last["tokens"] == m.pool.eos).all()
    assert (last["segments"] == 0).all()


def test_segments_by_hand(made):
    """bioD documents of 13 tokens, EOS first: windows of 14 inputs and one more."""
    m = made("biod", 64)
    stream = Stream(m.corpus, m.pool, 1, 14)
    segments = stream.windows(0, 3, segments=True)["segments"].tolist()
    assert segments[0] == [0] * 13 + [1] * 2
    assert segments[1] == [0] * 12 + [1] * 3
    assert segments[2] == [0] * 11 + [1] * 4
    tokens = stream.windows(0, 1)["tokens"][0]
    assert np.flatnonzero(tokens == m.pool.eos).tolist() == [0, 13]


def test_seeds_give_other_orders(made):
    m = made("biod", 64)
    one, same, other = (Stream(m.corpus, m.pool, 2, 20, seed) for seed in (0, 0, 1))
    first = one.windows(0, 20)["tokens"]
    assert np.array_equal(first, same.windows(0, 20)["tokens"])
    assert not np.array_equal(first, other.windows(0, 20)["tokens"])
    assert one.total_tokens == other.total_tokens


@pytest.mark.parametrize("blocks", [1, 3, 8])
def test_coarser_blocks_change_nothing(made, monkeypatch, blocks):
    """Few positions are kept of a long run; the windows are the same."""
    m = made("mini", 40)
    fine = Stream(m.corpus, m.pool, 9, 64)
    monkeypatch.setattr(module, "_MAX_BLOCKS", blocks)
    monkeypatch.setattr(module, "_SLICE", 32)
    monkeypatch.setattr(module, "_TASKS", 2)
    coarse = Stream(m.corpus, m.pool, 9, 64)
    assert coarse._block > fine._block
    assert coarse.total_tokens == fine.total_tokens
    for first in (0, 17, fine.num_windows - 2):
        pair = (s.windows(first, 3, segments=True) for s in (fine, coarse))
        for one, other in zip(*(x.values() for x in pair), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize(("exposures", "context"), [(0, 8), (1, 1)])
def test_numbers_out_of_range(made, exposures, context):
    m = made("biod", 64)
    with pytest.raises(ValueError, match=f"exposures={exposures} must be at least 1"):
        Stream(m.corpus, m.pool, exposures, context)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0)])
def test_no_such_window(made, first, count):
    m = made("biod", 64)
    with pytest.raises(ValueError, match=f"first={first} must be at least 0"):
        Stream(m.corpus, m.pool, 1, 8).windows(first, count)
