"""Hashes and permutations by address: bijections, uniform, the same everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kscale.worlds import KeyedPermutation, derive_key, keyed_hash, scale_to_range
from kscale.worlds.counter_rng import mix64

SIZES = st.one_of(st.integers(1, 5000), st.integers(2, 2**62))
KEYS = st.integers(0, 2**64 - 1)


def test_mix64_is_splitmix64():
    """The first outputs of SplitMix64 from seed 0, as published by Vigna."""
    states = np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert mix64(states).tolist() == expected


def test_every_small_permutation_is_a_bijection():
    for n in (*range(1, 200), 255, 256, 257, 1000, 4097):
        image = KeyedPermutation(n, key=n)(np.arange(n))
        assert np.array_equal(np.sort(image), np.arange(n)), n


@given(SIZES, KEYS, st.lists(st.integers(0, 2**62), min_size=1, max_size=50))
def test_any_permutation_stays_in_range_and_never_repeats(n, key, places):
    index = np.unique(np.array(places) % n)
    image = KeyedPermutation(n, key)(index)
    assert image.dtype == np.int64
    assert 0 <= image.min() <= image.max() < n
    assert len(np.unique(image)) == len(index)


def test_all_orders_of_a_small_set_are_equally_likely():
    images = [tuple(KeyedPermutation(4, key)(np.arange(4))) for key in range(4800)]
    _, counts = np.unique(images, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("n", [1_000_003, 2**20, 2**40 + 1, 2**62])
def test_where_neighbors_go_is_uniform(n):
    """Positions, steps between neighbors and low digits of a run of indices."""
    image = KeyedPermutation(n, key=5)(np.arange(50_000))
    for values in (image, (image[1:] - image[:-1]) % n):
        counts = np.histogram(values.astype(float) / n, bins=100, range=(0, 1))[0]
        assert stats.chisquare(counts).pvalue > 1e-4
    assert stats.chisquare(np.bincount(image % 7)).pvalue > 1e-4


def test_words_are_uniform_in_every_counter():
    people, exposures = np.arange(200)[:, None], np.arange(300)
    words = keyed_hash(3, people, exposures)
    pairs = scale_to_range(words[1:], 10) * 10 + scale_to_range(words[:-1], 10)
    for numbers in (pairs, *(scale_to_range(words, n) for n in (2, 7, 720))):
        assert stats.chisquare(np.bincount(numbers.ravel())).pvalue > 1e-4


@given(st.integers(1, 40), st.integers(0, 39))
def test_a_batch_is_its_elements(n, at):
    index = np.arange(n)
    permutation = KeyedPermutation(n, 9)
    one = at % n
    assert permutation(one) == permutation(index)[one]
    assert permutation(index.reshape(1, -1)).shape == (1, n)
    assert keyed_hash(1, one, 2) == keyed_hash(1, index, 2)[one]
    words = keyed_hash(1, index[:, None], np.arange(3))
    assert words.shape == (n, 3)
    assert np.array_equal(words[one], keyed_hash(1, one, np.arange(3)))


def test_below_is_a_share_of_the_upper_half():
    words = np.array([0, 2**31, 2**32, 2**63, 2**64 - 1], np.uint64)
    assert scale_to_range(words, 10).tolist() == [0, 0, 0, 5, 9]
    assert scale_to_range(words, np.array([1, 2, 3, 4, 5])).tolist() == [0, 0, 0, 2, 4]
    assert scale_to_range(words, 2**32).max() == 2**32 - 1


def test_keys_depend_on_words_not_on_their_types():
    assert derive_key(*np.array([3]), "a") == derive_key(3, "a")
    keys = [derive_key(*w) for w in [(1,), (2,), ("1",), (1, 1), (-1,), (), (2**80,)]]
    assert len(set(keys)) == len(keys)
    with pytest.raises(TypeError):
        derive_key(*np.array([1.5]))


def test_sizes_and_indices_out_of_range():
    for n in (0, -1, 2**62 + 1):
        with pytest.raises(ValueError, match=r"must be 1 to 2\^62"):
            KeyedPermutation(n, 0)
    for index in (-1, 5, [0, 5]):
        with pytest.raises(ValueError, match=r"outside the permutation's range 0\.\.4"):
            KeyedPermutation(5, 0)(np.array(index))
