"""Thresholds by hand, by brute force, and of a known curve."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.scores import find_threshold
from kscale.scores.thresholds import rising_accuracy

people = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([0.0, 0.5, 1.0])),
    min_size=1,
    max_size=25,
)


def max_min(visits, right):
    """The rising function by its closed form, over all ranges of counts."""
    counts = sorted(set(visits))

    def mean(a, b):
        inside = [r for v, r in zip(visits, right, strict=True) if a <= v <= b]
        return sum(inside) / len(inside)

    return counts, [
        max(min(mean(a, b) for b in counts if b >= c) for a in counts if a <= c)
        for c in counts
    ]


def test_by_hand():
    visits = np.array([1, 1, 2, 2, 4, 8, 8, 16])
    right = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    counts, rising = rising_accuracy(visits, right)
    assert counts.tolist() == [1, 2, 4, 8, 16]
    assert rising == pytest.approx([0, 1 / 3, 1 / 3, 1, 1])  # 2 and 4 are pooled
    found = find_threshold(visits, right)
    assert (found["learnt"], found["guessed"], found["floor"]) == (8, 2, 0.05)
    assert find_threshold(visits, right, share=1 / 3)["learnt"] == 2
    assert find_threshold(visits, right, ignorant=0.3)["guessed"] == 8
    assert find_threshold(visits, right, ignorant=1.0)["guessed"] is None


def test_nobody_learns_and_everybody_knows():
    assert find_threshold([0, 3, 9], [0, 0, 0.4])["learnt"] is None
    assert find_threshold([0, 3, 9], [0, 0, 0])["guessed"] is None
    knows = find_threshold([2, 3, 9], [1, 1, 1])
    assert (knows["learnt"], knows["guessed"]) == (2, 2)


def test_the_curve_by_hand():
    # Bins are a 16th of ln 100 = 4.6 wide: 1 and 1.2 share one, 2 is two bins on.
    found = find_threshold([0, 0, 1, 1, 1.2, 2, 100], [0, 0, 0, 1, 1, 0.5, 1])
    assert found["visits"] == pytest.approx([0, 3.2 / 3, 2, 100])
    assert found["accuracy"] == pytest.approx([0, 2 / 3, 0.5, 1])
    assert found["people"] == [2, 3, 1, 1]
    # Half of Wilson's interval: nobody of 2, two of 3, and one of one.
    two_of_three = math.sqrt(2 / 9 / 3 + 1 / 36) * 3 / 4
    assert found["error"][:2] == pytest.approx([1 / 6, two_of_three])
    assert found["error"][3] == 0.25


@given(people)
def test_every_threshold_by_brute_force(met):
    visits, right = zip(*met, strict=True)
    counts, rising = max_min(visits, right)
    found = rising_accuracy(np.array(visits), np.array(right))
    assert found[0].tolist() == counts
    np.testing.assert_allclose(found[1], rising, atol=1e-12)
    for share in (0.25, 0.5, 0.9):
        said = find_threshold(visits, right, share, ignorant=share / 3)
        reach = [c for c, r in zip(counts, rising, strict=True) if r >= share - 1e-9]
        assert said["learnt"] == min(reach, default=None)
        floor = share / 3 + 0.05
        reach = [c for c, r in zip(counts, rising, strict=True) if r >= floor - 1e-9]
        assert said["guessed"] == min(reach, default=None)


@given(people)
def test_bins_hold_everybody_once(met):
    visits, right = map(np.array, zip(*met, strict=True))
    found = find_threshold(visits, right)
    n = np.array(found["people"])
    assert n.sum() == len(visits)
    assert (n > 0).all()
    assert len(n) <= 16 + 1
    assert (np.diff(found["visits"]) > 0).all()
    assert n @ found["visits"] == pytest.approx(visits.sum())
    assert n @ found["accuracy"] == pytest.approx(right.sum())


def test_a_known_sigmoid():
    # Accuracy 1/(1 + (40/v)^3): 0.5 at 40 visits, 0.05 at 40 x 19^(-1/3) = 15.
    rng = np.random.default_rng(0)
    visits = np.round(np.exp(rng.uniform(0, math.log(1000), 40_000)))
    chance = 1 / (1 + (40 / visits) ** 3)
    right = rng.random(len(visits)) < chance
    found = find_threshold(visits, right)
    # Steps are as wide as the noise: 7 % in the count here, by the cube-root law.
    assert found["learnt"] == pytest.approx(40, rel=0.15)
    assert found["guessed"] == pytest.approx(40 * 19 ** (-1 / 3), rel=0.15)
    for v, accuracy, error in zip(
        found["visits"], found["accuracy"], found["error"], strict=True
    ):
        # A bin is wide: its accuracy is that of a mean over its counts.
        assert accuracy == pytest.approx(
            1 / (1 + (40 / v) ** 3), abs=4 * max(error, 0.01)
        )


@pytest.mark.parametrize(
    ("visits", "right", "options", "message"),
    [
        ([], [], {}, "nobody was given"),
        ([1, 2], [1], {}, r"right has shape \(1,\); 2 people scored need \(2,\)"),
        ([1, -2], [1, 1], {}, r"visits\[1\]=-2.0; must be finite and at least 0"),
        ([1, 2], [1, math.nan], {}, r"right\[1\]=nan"),
        ([1, 2], [1, 3], {}, "right reaches 3.0"),
        ([1], [1], {"share": 0}, r"share=0, .* must lie in \(0, 1\]"),
        ([1], [1], {"ignorant": -0.1}, "ignorant=-0.1"),
    ],
)
def test_refused_arguments(visits, right, options, message):
    with pytest.raises(ValueError, match=message):
        find_threshold(visits, right, **options)
