"""Thresholds of frequency, their inverse, and losses by class."""

import jax
import numpy as np

from kscale import theory
from kscale.theory.model_scaling import (
    allocate,
    class_losses,
    frequency_classes,
    onset_capacity,
    threshold_frequency,
    water_level,
    zipf_frequencies,
)

P = np.array([0.5, 0.25, 0.15, 0.1])


def test_onsets_by_hand():
    # Bits: log2(p_j/f) summed over the clusters that are more frequent than f.
    expected = [0.0, 1.0, np.log2(5 / 1.5) + np.log2(2.5 / 1.5)]
    np.testing.assert_allclose(onset_capacity([0.5, 0.25, 0.15], P), expected)
    assert onset_capacity(0.9, P) == 0.0
    assert onset_capacity(0.0, P) == np.inf
    with theory.float64():  # in any order, and of many populations at once
        every = jax.vmap(lambda p: onset_capacity(0.15, p))
        many = np.asarray(every(np.stack([P, P[::-1]])))
    np.testing.assert_allclose(many, expected[2])
    # Without memory the first cluster is the threshold; one that costs twice as much is
    # served at half the frequency.
    np.testing.assert_allclose(threshold_frequency(0.0, P), 0.5, rtol=1e-15)
    np.testing.assert_allclose(threshold_frequency(0.0, P, of_a=2.0), 0.25)


def test_threshold_and_onset_are_inverse():
    rng = np.random.default_rng(1)
    p = zipf_frequencies(500, 1.2, 3.0)
    a, b = rng.uniform(0.5, 2, 500), rng.uniform(1.5, 4, 500)
    capacity = np.geomspace(0.1, 1e5, 40)
    frequency = threshold_frequency(capacity, p, a, b, of_a=0.7, of_b=3.0)
    assert (np.diff(frequency) < 0).all()
    again = onset_capacity(np.minimum(frequency, 1.0), p, a, b, of_a=0.7, of_b=3.0)
    reached = frequency < 1
    np.testing.assert_allclose(again[reached], capacity[reached], rtol=1e-11)


def test_the_threshold_says_which_are_served():
    p, capacity = zipf_frequencies(1000, 1.2, 10.0), np.array([3.0, 100.0, 2000.0])
    served = allocate(capacity, p).memory > 0
    assert np.array_equal(served, p > threshold_frequency(capacity, p)[:, None])


def test_onset_is_where_memory_begins():
    p, b = zipf_frequencies(50, 1.0, 0.0), np.linspace(2, 3, 50)
    onset = onset_capacity(p[20], p, 1.0, b, of_b=b[20])
    before, after = allocate(onset * np.array([1 - 1e-9, 1 + 1e-9]), p, 1.0, b).memory
    assert before[20] == 0 < after[20]


def test_classes_sum_to_the_whole():
    p = zipf_frequencies(300, 1.3, 5.0)
    a = np.linspace(2.0, 1.0, 300)
    capacity = np.array([0.0, 10.0, 300.0, 5000.0])
    whole = water_level(capacity, p, a).redundancy
    for classes, by in ((4, "count"), (3, "mass"), (1, "count")):
        labels = frequency_classes(p, classes, by)
        got = class_losses(capacity, p, labels, a, classes=classes)
        assert got.contribution.shape == (4, classes)
        np.testing.assert_allclose(got.contribution.sum(axis=1), whole, rtol=1e-12)
        np.testing.assert_allclose(got.mass.sum(), 1.0)
        assert (np.diff(got.mean_loss, axis=0) <= 1e-15).all()


def test_frequent_classes_fall_first_to_the_irreducible_part():
    p = zipf_frequencies(400, 1.2, 10.0)
    floor = np.linspace(0.1, 0.3, 400)
    labels = frequency_classes(p)
    got = class_losses([0.0, 50.0, 1e5], p, labels, irreducible=floor)
    assert got.contribution[1, 0] < 0.8 * got.contribution[0, 0]
    assert got.contribution[1, 3] == got.contribution[0, 3]
    fixed = [(p * floor)[labels == j].sum() for j in range(4)]
    np.testing.assert_allclose(got.irreducible, fixed)
    np.testing.assert_allclose(got.mean_loss[2], got.irreducible / got.mass)
    np.testing.assert_allclose(got.mean_loss[0], 1 + got.irreducible / got.mass)
    empty = class_losses(1.0, P, [0, 0, 2, 2], classes=3)  # class 1
    assert np.isnan(empty.mean_loss[1])
    assert empty.contribution[1] == 0
