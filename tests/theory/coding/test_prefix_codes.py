"""Word lengths against Kraft, the entropy and every code there is."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.theory import coding

distributions = st.lists(st.integers(1, 50), min_size=1, max_size=6).map(
    lambda counts: [Fraction(count, sum(counts)) for count in counts]
)


def entropy(shares):
    return -sum(float(p) * math.log2(p) for p in shares)


@given(distributions)
def test_lengths_obey_kraft_and_the_entropy(shares):
    optimal, shannon = coding.optimal_lengths(shares), coding.shannon_lengths(shares)
    assert coding.kraft_sum(shannon) <= 1
    # no word of an optimal code can be shortened
    assert coding.kraft_sum(optimal) == 1
    mean = [
        math.fsum(float(p) * k for p, k in zip(shares, lengths, strict=True))
        for lengths in (optimal, shannon)
    ]
    assert entropy(shares) - 1e-12 <= mean[0] <= mean[1] < entropy(shares) + 1 + 1e-12
    assert all(Fraction(1, 2**k) <= p for k, p in zip(shannon, shares, strict=True))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_huffman_is_the_best_prefix_code(counts):
    shares = [Fraction(count, sum(counts)) for count in counts]
    best = min(
        sum(p * k for p, k in zip(shares, lengths, strict=True))
        for lengths in itertools.product(range(1, 5), repeat=len(shares))
        if coding.kraft_sum(lengths) <= 1
    )
    lengths = coding.optimal_lengths(shares)
    assert sum(p * k for p, k in zip(shares, lengths, strict=True)) == best


def test_a_tiny_probability_is_not_rounded():
    tiny = Fraction(1, 2**200)
    assert coding.shannon_lengths([tiny, 1 - tiny]) == [200, 1]
    assert coding.kraft_sum([3, 3], radix=3) == 2 / 27
    assert coding.kraft_sum([0.5, np.inf]) == 2**-0.5


@pytest.mark.parametrize("bad", [math.nan, "a", "1/0", None, np.inf])
def test_what_is_no_probability_is_refused(bad):
    for lengths in (coding.shannon_lengths, coding.optimal_lengths):
        with pytest.raises(ValueError, match=r"probability=.* must be a number"):
            lengths([bad, 0.5])
    with pytest.raises(ValueError, match="probabilities must be above 0"):
        coding.shannon_lengths([1, 0])
