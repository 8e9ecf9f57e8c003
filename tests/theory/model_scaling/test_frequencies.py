"""Frequencies of a biased power law, their entropy, their classes."""

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale import theory
from kscale.theory import model_scaling as ms


def test_zipf_by_hand_and_its_limits():
    exact = np.array([[36, 9, 4], [24, 16, 12]]) / [[49], [52]]
    got = ms.zipf_frequencies(3, [2.0, 1.0], [0.0, 1.0])
    np.testing.assert_allclose(got, exact, rtol=1e-15)
    assert np.array_equal(ms.zipf_frequencies(5, 0.0, 1000.0), np.full(5, 0.2))
    np.testing.assert_allclose(ms.zipf_frequencies(5, 1.5, 1e15), np.full(5, 0.2))
    steep = ms.zipf_frequencies(3, 2000.0, 0.0)  # 3^-2000 underflows, the law does not
    assert np.array_equal(steep, [1.0, 0.0, 0.0])


def test_entropy():
    np.testing.assert_allclose(ms.entropy_bits(np.full(8, 0.125)), 3.0, rtol=1e-15)
    np.testing.assert_allclose(ms.entropy_bits([0.5, 0.25, 0.25, 0.0]), 1.5, rtol=1e-15)
    with theory.float64():
        many = np.asarray(jax.vmap(ms.entropy_bits)(np.eye(3)))
    assert not many.any()
    assert not np.signbit(many).any()  # certainty has no bits and no sign


def test_top_mass():
    p = [0.1, 0.4, 0.2, 0.3]
    got = ms.top_mass([0.0, 0.25, 0.5, 0.74, 1.0], p)
    np.testing.assert_allclose(got, [0.0, 0.4, 0.7, 0.7, 1.0])
    # 0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996 in floats
    np.testing.assert_allclose(
        ms.top_mass([0.07, 0.29], np.full(100, 0.01)), [0.07, 0.29]
    )


def test_classes_of_uniform_frequencies_are_even():
    for by in ("count", "mass"):
        labels = ms.frequency_classes(np.full(400_000, 1 / 400_000), 4, by)
        assert np.bincount(labels).tolist() == [100_000] * 4


@given(st.sampled_from([(1, 4), (5, 7), (40, 1), (40, 7)]), st.integers(0, 2**32))
@settings(max_examples=25)
def test_classes_follow_the_order_of_frequency(sizes, seed):
    n, classes = sizes
    p = np.random.default_rng(seed).dirichlet(np.full(n, 0.3))
    mass = np.cumsum(np.sort(p)[::-1])
    ranked = {}
    for by in ("count", "mass"):
        labels = ms.frequency_classes(p, classes, by)
        ranked[by] = labels[np.argsort(-p, kind="stable")]
        assert (np.diff(ranked[by]) >= 0).all()
    sizes = np.bincount(ranked["count"], minlength=classes)
    assert sizes.max() - sizes.min() <= 1
    for j in range(classes - 1):  # the mass up to class j: as near as whole pieces go
        upto = mass[ranked["mass"] <= j]
        assert not upto.size or upto[-1] <= (j + 1) / classes + 1e-9
        after = mass[ranked["mass"] > j]
        assert not after.size or after[0] > (j + 1) / classes - 1e-9
