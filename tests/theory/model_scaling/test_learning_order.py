"""Thresholds of frequency, their inverse, and losses by class."""

import jax
import numpy as np

from kscale import theory
from kscale.theory import model_scaling as ms

P = np.array([0.5, 0.25, 0.15, 0.1])


def test_onsets_by_hand():
    # Bits: log2(p_j/f) summed over the clusters that are more frequent than f.
    expected = [0.0, 1.0, np.log2(5 / 1.5) + np.log2(2.5 / 1.5)]
    np.testing.assert_allclose(ms.onset_capacity([0.5, 0.25, 0.15], P), expected)
    assert ms.onset_capacity(0.9, P) == 0.0
    assert ms.onset_capacity(0.0, P) == np.inf
    with theory.float64():  # in any order, and of many populations at once
        every = jax.vmap(lambda p: ms.onset_capacity(0.15, p))
        many = np.asarray(every(np.stack([P, P[::-1]])))
    np.testing.assert_allclose(many, expected[2])
    # Without memory the first cluster is the threshold; one that costs twice as much is
    # served at half the frequency.
    np.testing.assert_allclose(ms.threshold_frequency(0.0, P), 0.5, rtol=1e-15)
    np.testing.assert_allclose(ms.threshold_frequency(0.0, P, of_a=2.0), 0.25)


def test_threshold_and_onset_are_inverse():
    rng = np.random.default_rng(1)
    p = ms.zipf_frequencies(500, 1.2, 3.0)
    a, b = rng.uniform(0.5, 2, 500), rng.uniform(1.5, 4, 500)
    capacity = np.geomspace(0.1, 1e5, 40)
    frequency = ms.threshold_frequency(capacity, p, a, b, of_a=0.7, of_b=3.0)
    assert (np.diff(frequency) < 0).all()
    again = ms.onset_capacity(np.minimum(frequency, 1.0), p, a, b, of_a=0.7, of_b=3.0)
    reached = frequency < 1
    np.testing.assert_allclose(again[reached], capacity[reached], rtol=1e-11)


def test_the_threshold_says_which_are_served():
    p, capacity = ms.zipf_frequencies(1000, 1.2, 10.0), np.array([3.0, 100.0, 2000.0])
    served = ms.allocate(capacity, p).memory > 0
    assert np.array_equal(served, p > ms.threshold_frequency(capacity, p)[:, None])


def test_classes_sum_to_the_whole():
    p = ms.zipf_frequencies(300, 1.3, 5.0)
    a = np.linspace(2.0, 1.0, 300)
    capacity = np.array([0.0, 10.0, 300.0, 5000.0])
    whole = ms.water_level(capacity, p, a).redundancy
    for labels in (ms.frequency_classes(p), np.arange(300) % 3, np.zeros(300)):
        got = ms.class_losses(capacity, p, labels, a)
        np.testing.assert_allclose(got.contribution.sum(axis=1), whole, rtol=1e-12)
        np.testing.assert_allclose(got.mass.sum(), 1.0)
        assert not (np.diff(got.mean_loss, axis=0) > 1e-15).any()


def test_frequent_classes_fall_first_to_the_irreducible_part():
    p = ms.zipf_frequencies(400, 1.2, 10.0)
    floor = np.linspace(0.1, 0.3, 400)
    labels = ms.frequency_classes(p)
    got = ms.class_losses([0.0, 50.0, 1e5], p, labels, irreducible=floor)
    assert got.contribution[1, 0] < 0.8 * got.contribution[0, 0]
    assert got.contribution[1, 3] == got.contribution[0, 3]
    fixed = [(p * floor)[labels == j].sum() for j in range(4)]
    np.testing.assert_allclose(got.irreducible, fixed)
    np.testing.assert_allclose(got.mean_loss[2], got.irreducible / got.mass)
    np.testing.assert_allclose(got.mean_loss[0], 1 + got.irreducible / got.mass)
    empty = ms.class_losses(1.0, P, [0, 0, 2, 2], classes=3)  # class 1
    assert np.isnan(empty.mean_loss[1])
    assert empty.contribution[1] == 0
