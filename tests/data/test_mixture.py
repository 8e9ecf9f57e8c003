"""Mixtures: exact shares in every prefix, whole windows of one kind, domain tokens."""

import dataclasses
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale import corpora, data, tokenizers, worlds
from kscale.data import PAD, Batches, Mixture, Stream
from kscale.data import mixture as module
from kscale.worlds import Law

OFFSET = 100
SHARES = st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any)


@pytest.fixture(scope="module")
def parts(made):
    stream = made("mini", 40).stream
    return [stream(2, 50), stream(3, 50, seed=1)]


@pytest.fixture(scope="session")
def mixed():
    """A skewed useful part with a domain token, and junk of other people without."""
    useful = worlds.build_biod(30, 2, 2, 5, 1, 5, (8, 8), law=Law("zipf", bias=2.0))
    junk = dataclasses.replace(useful, people=20, first=30, law=Law())
    both = [corpora.Biographies(world, style="bare") for world in (useful, junk)]
    texts = [span.text for c in both for piece in c.pieces for span in piece]
    tokenizer = tokenizers.Symbols(sorted({*" ".join(texts).split()}))
    pools = data.tokenize_all(both, tokenizer, ["useful", ""])
    pools[1] = pools[1].relabel(OFFSET)
    streams = [
        Stream(both[0], pools[0], 20, 32, epochs=2),
        Stream(both[1], pools[1], 60, 32, limit=1100),
    ]
    mixture = Mixture(streams, [stream.num_windows for stream in streams])
    return types.SimpleNamespace(
        streams=streams,
        mixture=mixture,
        windows=mixture.windows(0, mixture.num_windows, segments=True),
        tokenizer=tokenizer,
        kinds=mixture.parts(0, mixture.num_windows),
    )


def test_a_mixture_by_hand(parts):
    """Of w windows in eight, floor(7 w / 8) are of part 0: all but the first."""
    mixture = Mixture(parts, [7, 1])
    assert mixture.parts(0, 10).tolist() == [1, 0, 0, 0, 0, 0, 0, 0, -1, -1]
    assert mixture.num_windows == 8
    assert mixture.total_tokens == 8 * 50 + 1
    got = mixture.windows(0, 10, segments=True)
    one, other = parts[0].windows(0, 7, True), parts[1].windows(0, 1, True)
    for name, array in got.items():
        assert np.array_equal(array[:8], np.concatenate([other[name], one[name]]))
        assert array.dtype == one[name].dtype
    assert (got["labels"][8:] == PAD).all()
    assert (got["tokens"][8:] == parts[0].pool.eos).all()
    assert (got["segments"][8:] == 0).all()


@given(SHARES, st.integers(0, 250), st.integers(1, 60))
def test_every_prefix_has_its_shares(made, shares, first, count):
    """To within a window for two parts, and one more for each further part."""
    mixture = Mixture([made("mini", 40).stream(1, 50)] * len(shares), shares)
    whole = sum(shares)
    kinds, places = mixture._place(0, 320)
    assert (kinds[whole:] == -1).all()
    prefix = np.arange(1, whole + 1)
    for part, share in enumerate(shares):
        assert places[kinds == part].tolist() == list(range(share))
        seen = np.cumsum(kinds[:whole] == part)
        if len(shares) == 1:
            assert np.array_equal(seen, prefix)
        else:
            assert np.abs(seen - prefix * share / whole).max() < len(shares) - 1
        if len(shares) == 2 and part == 0:
            assert np.array_equal(seen, prefix * share // whole)
    some = mixture._place(first, count)
    assert np.array_equal(some[0], kinds[first : first + count])
    assert (some[1] == places[first : first + count])[some[0] >= 0].all()
    for windows in {0, 1, whole // 3, whole - 1, whole}:
        counts = np.bincount(kinds[:windows], minlength=len(shares))
        assert mixture.count_parts(windows) == tuple(counts)
    assert mixture.count_parts(whole + 5) == tuple(shares)


@given(*[st.integers(0, 2**40 - 1)] * 2, st.integers(1, 2**40 - 1))
def test_shares_of_large_numbers(window, part, whole):
    part, window = part % (whole + 1), window % (whole + 1)
    found = module._share(np.array([window]), part, whole)
    assert found.tolist() == [window * part // whole]


@given(st.integers(0, 40), st.integers(1, 30), st.booleans())
def test_random_access_is_sequential_access(mixed, first, count, segments):
    some = mixed.mixture.windows(first, count, segments)
    assert set(some) == {"tokens", "labels"} | ({"segments"} if segments else set())
    for name, array in some.items():
        assert np.array_equal(array, mixed.windows[name][first : first + count])


def test_each_part_is_whole_and_no_window_holds_two(mixed):
    """Junk's labels are apart by an offset, so each window's labels say its kind."""
    for kind, row in zip(mixed.kinds, mixed.windows["labels"], strict=True):
        assert ((row[row != PAD] >= OFFSET) == (kind == 1)).all()
    for kind, stream in enumerate(mixed.streams):
        alone = stream.windows(0, stream.num_windows, segments=True)
        for name, array in alone.items():
            assert np.array_equal(mixed.windows[name][mixed.kinds == kind], array)
    targets = (mixed.windows["labels"][:, 1:] != PAD).sum()
    assert mixed.mixture.total_tokens == targets + 1
    assert targets == sum(s.total_tokens - 1 for s in mixed.streams)


def flat(mixed, kind):
    """The tokens of one part's stream, put together again from its windows."""
    rows = mixed.windows["tokens"][mixed.kinds == kind]
    return np.append(rows[0, 0], rows[:, 1:].ravel())


def test_the_domain_token_opens_every_document_and_nothing_else(mixed):
    (eos, domain), (other,) = (s.pool.prefix for s in mixed.streams)
    assert eos == other
    assert domain == mixed.mixture.streams[0].pool.vocabulary.size - 1
    tokens = flat(mixed, 0)
    stop = mixed.streams[0].total_tokens
    opens = np.flatnonzero(tokens[: stop - 1] == eos)
    assert len(opens) == mixed.streams[0].visits
    assert np.array_equal(np.flatnonzero(tokens == domain), opens + 1)
    assert (tokens[stop - 1 :] == eos).all()  # the end, and padding
    assert not (flat(mixed, 1) == domain).any()


def test_exposures_are_counted_exactly(mixed):
    """The names are read from the tokens, document by document."""
    for kind, stream in enumerate(mixed.streams):
        tokens = flat(mixed, kind)[: stream.total_tokens - 1]
        skip = len(stream.pool.prefix)
        world = stream.corpus.world
        names = {world.person(i)["name"]: i for i in range(world.people)}
        counts = np.zeros(world.people, int)
        for document in np.split(tokens, np.flatnonzero(tokens == stream.pool.eos))[1:]:
            ids = stream.pool.vocabulary.to_original(document[skip : skip + 2])
            counts[names[mixed.tokenizer.decode(ids).strip()]] += 1
        assert np.array_equal(counts, stream.count_visits())
        assert counts.sum() == stream.visits
        # Of the first windows: documents whose first token after EOS is predicted.
        lengths = stream.pool.document_lengths(stream._plan(np.arange(stream.visits)))
        opens = np.cumsum(lengths) - lengths
        for windows in (0, 1, 2, 31, stream.num_windows - 1, stream.num_windows):
            begun = np.flatnonzero(opens + 1 <= windows * stream.context)
            people, _ = stream._draw(begun)
            found = stream.count_visits(windows)
            assert np.array_equal(found, np.bincount(people, minlength=len(found)))
        assert np.array_equal(found, counts)


def test_parts_that_are_too_short_or_have_no_windows(parts):
    number = parts[0].num_windows
    mixture = Mixture(parts, [number + 5, 4])
    windows = mixture.windows(0, mixture.num_windows)
    kinds = mixture.parts(0, mixture.num_windows)
    mine = {name: array[kinds == 0] for name, array in windows.items()}
    assert (mine["labels"][number:] == PAD).all()
    np.testing.assert_equal(mine, parts[0].windows(0, number + 5))
    assert mixture.total_tokens == parts[0].total_tokens + 4 * 50
    mixture = Mixture([parts[1], parts[0], parts[1]], [0, 9, 0])
    np.testing.assert_equal(mixture.windows(0, 9), parts[0].windows(0, 9))
    assert (mixture.parts(0, 9) == 1).all()


def test_batches_of_mixtures(mixed):
    """A mixture takes the place of a stream, in several processes too."""
    batches = Batches(mixed.mixture, 6, segments=True)
    assert len(batches) == -(-mixed.mixture.num_windows // 6)
    tokens = np.concatenate([batches[step]["tokens"] for step in range(len(batches))])
    rows = tokens[: mixed.mixture.num_windows]
    assert np.array_equal(rows, mixed.windows["tokens"])
    halves = [Batches(mixed.mixture, 6, True, i, 2)[1] for i in range(2)]
    for name, array in batches[1].items():
        assert np.array_equal(np.concatenate([h[name] for h in halves]), array)


def test_parts_that_do_not_fit(made, parts):
    longer, other = made("mini", 40).stream(1, 60), made("biod", 64).stream(1, 50)
    for streams, windows, message in (
        (parts, [3], "2 streams and 1 numbers of windows do not fit"),
        ([], [], "0 streams and 0 numbers"),
        (parts, [3, -1], r"windows=\[3, -1\] must be at least 0 each"),
        (parts, [0, 0], r"windows=\[0, 0\] must be at least 0 each"),
        (parts, [2**40, 1], r"windows=\[.*, 1\] must be at least 0 each"),
        ([parts[0], longer], [1, 1], "streams of context=50 and context=60"),
        ([parts[0], other], [1, 1], r"different vocabularies.* one `tokenize_all`"),
    ):
        with pytest.raises(ValueError, match=message):
            Mixture(streams, windows)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0)])
def test_no_such_window(parts, first, count):
    for windows in (parts[0].windows, Mixture(parts, [1, 1]).windows):
        with pytest.raises(ValueError, match=f"first={first} must be at least 0"):
            windows(first, count)
