import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.scores import (
    bits_from_losses,
    irreducible_text_bits,
    lower_bound_bits,
    no_error_bits,
    partial_memorizer,
)
from kscale.worlds import Counts


def biod(people, attributes, chunks, diversity, string_bits, name_space=10**6):
    value_bits = attributes * chunks * math.log2(diversity)
    return Counts(
        people, name_space, attributes, value_bits, diversity, chunks, string_bits
    )


worlds = st.builds(
    biod,
    people=st.integers(1, 10**5),
    attributes=st.integers(1, 9),
    chunks=st.integers(1, 60),
    diversity=st.integers(2, 5000),
    string_bits=st.floats(13, 2000),
)
share = st.floats(0, 1)


def parts(bits):
    return np.array([bits.name, bits.value, bits.diversity])


@given(worlds)
def test_no_error_is_the_maximum(counts):
    most = bits_from_losses(counts, math.log(counts.people), 0.0, 0.0)
    np.testing.assert_allclose(parts(most), parts(counts.bits_max()), rtol=1e-9)
    rounding = 1e-9 * np.abs(parts(most))
    assert (parts(no_error_bits(counts)) <= parts(most) + rounding).all()


@given(worlds, share, share, st.floats(0, 0.99))
def test_a_memorizer_never_exceeds_the_maximum(counts, q_name, q_value, delta):
    losses = partial_memorizer(counts, q_name, q_value, delta)
    assert losses[0] >= math.log(counts.people) - 1e-12
    assert -1e-12 <= losses[2] <= losses[1] + 1e-9
    most = parts(counts.bits_max())
    held = parts(bits_from_losses(counts, *losses))
    assert (held <= most + 1e-9 * np.abs(most) + 1e-9).all()


def test_a_memorizer_of_nothing_guesses():
    counts = biod(100, 2, 3, 8, 12.0)
    losses = partial_memorizer(counts, 0, 0, 0)
    assert losses == pytest.approx((math.log(10**6), 3 * math.log(8), math.log(8)))
    assert bits_from_losses(counts, *losses).value == pytest.approx(0, abs=1e-9)


@given(worlds)
def test_the_mean_of_people_is_the_bits_of_the_mean(counts):
    losses = np.random.default_rng(0).exponential(3.0, (3, 20))
    each = bits_from_losses(counts, *losses)
    mean = bits_from_losses(counts, *losses.mean(axis=1))
    scale = 1e-9 * (1 + abs(counts.bits_max().total))
    for part in ("name", "value", "diversity"):
        expected = getattr(mean, part)
        assert np.mean(getattr(each, part)) == pytest.approx(expected, abs=scale)


def test_the_theorem_is_silent_where_everything_is_used():
    bits = lower_bound_bits(biod(10, 1, 2, 64, 6.0, name_space=10), 3.0, 0.0, 0.0)
    assert bits.name == -math.inf
    assert bits.diversity == -math.inf
    assert bits.value == 10 * 2 * 6


def test_given_lists_have_no_diversity_part():
    counts = Counts(100, 1000, 3, value_bits=9.0)
    assert lower_bound_bits(counts, 5.0, 1.0).diversity == 0
    # p2 is per person here, per attribute in bioD.
    assert bits_from_losses(counts, 5.0, 9 * math.log(2)).value == pytest.approx(0)
    assert bits_from_losses(biod(100, 3, 1, 8, 9.0), 5.0, math.log(8)).value == (
        pytest.approx(0)
    )


def test_text_bits():
    assert irreducible_text_bits([2, 4], people=8).total == 1 + 2 + 1 + 3
    assert irreducible_text_bits([]).total == 0
    with pytest.raises(ValueError, match="must be at least 1"):
        irreducible_text_bits([50, 0])


@pytest.mark.parametrize(
    ("counts", "arguments", "message"),
    [
        (Counts(10, 100, 2, 5.0), (0.5, 0.5, 0.1), "give the counts of a bioD world"),
        (biod(10, 1, 1, 4, 9.0), (1.5, 0.5, 0.1), "q_name=1.5"),
        (biod(10, 1, 1, 4, 9.0), (0.5, -1, 0.1), "q_value=-1"),
        (biod(10, 1, 1, 4, 9.0), (0.5, 0.5, 1.0), r"delta in \[0, 1\)"),
        (biod(10, 1, 1, 1, 9.0), (0.5, 0.5, 0.1), "give delta=0"),
    ],
)
def test_memorizer_errors(counts, arguments, message):
    with pytest.raises(ValueError, match=message):
        partial_memorizer(counts, *arguments)
