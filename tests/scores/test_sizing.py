"""Worlds sized by hand, and as the inverse of their bits."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.scores import model_for_world, people_for_bits, world_for_model
from kscale.worlds import Counts

BIOS = Counts(1, 160_000_000, 6, 47.59162367189112)


def world_bits(law, people):
    return dataclasses.replace(law, people=people).bits_max().total


def biod(name_space=10**6, attributes=2, chunks=3, diversity=8, string_bits=12.0):
    value_bits = attributes * chunks * math.log2(diversity)
    return Counts(1, name_space, attributes, value_bits, diversity, chunks, string_bits)


laws = st.one_of(
    st.builds(Counts, st.just(1), st.integers(2, 10**9), st.just(1), st.floats(0, 50)),
    st.builds(
        biod,
        name_space=st.integers(2, 10**9),
        attributes=st.integers(1, 5),
        diversity=st.integers(2, 1000),
        string_bits=st.floats(10, 100),
    ),
)


def test_people_by_hand():
    # 16 names and values of 3 bits: 1, 2, 4, 8 people have 4+3, 6+6, 8+12, 8+24 bits.
    law = Counts(1, 16, 1, 3.0)
    assert [world_bits(law, n) for n in (1, 2, 4, 8)] == [7, 12, 20, 32]
    assert [people_for_bits(law, b) for b in (7, 11.9, 12, 20, 31.9, 48)] == (
        [1, 1, 2, 4, 7, 16]
    )
    assert people_for_bits(BIOS, 5_823_548) == 100_000  # R_max of the published world
    # Strings of 2 attributes, 8 of 12 bits each: 2 x 8 x (12 - 3) bits whoever lives.
    assert world_bits(biod(), 1) == pytest.approx(math.log2(10**6) + 18 + 144)


@given(laws, st.floats(0, 1), st.floats(0, 1))
def test_the_largest_world_that_fits(law, a, b):
    # Wherever bits rise with people; N = N0/e 2^value_bits is where they cease to.
    most = min(law.name_space, math.floor(law.name_space * 2**law.value_bits / math.e))
    low, high = world_bits(law, 1), world_bits(law, max(1, most))
    fewer, more = sorted(low + x * (high - low) for x in (a, b))
    people = people_for_bits(law, fewer)
    assert world_bits(law, people) <= fewer <= high
    if people < most:
        assert world_bits(law, people + 1) > fewer
    assert people <= people_for_bits(law, more)


@given(st.integers(1, 10**6))
def test_people_of_the_bits_of_people(people):
    assert people_for_bits(BIOS, world_bits(BIOS, people)) == people


def test_every_number_of_people_of_a_small_law():
    # Without values the names alone count: N log2(20/N) rises up to 20/e, to N = 7.
    law = Counts(1, 20, 1, 0.0)
    bits = [world_bits(law, n) for n in range(1, 21)]
    assert max(range(20), key=bits.__getitem__) + 1 == 7
    assert [people_for_bits(law, b) for b in bits[:7]] == list(range(1, 8))
    with pytest.raises(ValueError, match=r"from 4.32193 \(1 person\) to 10.6.* \(7 pe"):
        people_for_bits(law, bits[6] + 0.1)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (50, r"bits=50, but .* from 74.8.* \(1 person\).*: take a larger model"),
        (1e12, r"\(160000000 people\): lengthen the lists of names or values"),
        (math.nan, "bits=nan"),
    ],
)
def test_bits_that_no_world_holds(bits, message):
    with pytest.raises(ValueError, match=message):
        people_for_bits(BIOS, bits)


@given(st.integers(1000, 10**8), st.floats(0.5, 4), st.sampled_from([0.5, 0.9, 1, 1.2]))
def test_a_world_takes_the_share_it_was_sized_for(parameters, ratio, share):
    people = world_for_model(BIOS, parameters, ratio, share)
    assert world_bits(BIOS, people) <= share * ratio * parameters * (1 + 1e-12)
    assert world_bits(BIOS, people + 1) > share * ratio * parameters


def test_shares_by_hand():
    law = Counts(1, 16, 1, 3.0)  # 4 people hold 20 bits
    assert world_for_model(law, parameters=5, bits_per_param=2, share=2) == 4
    # The published law, and a model of 29,000 parameters at 2 bits.
    people = [world_for_model(BIOS, 29_000, 2.0, share) for share in (0.5, 1.0, 1.2)]
    assert people == [438, 891, 1074]


@pytest.mark.parametrize("numbers", [(0, 2, 1), (10, -1, 1), (10, 2, math.inf)])
def test_sizes_out_of_range_are_refused(numbers):
    with pytest.raises(ValueError, match="must be finite and above 0"):
        world_for_model(BIOS, *numbers)


def test_the_smallest_model_that_a_world_fits_into():
    law = Counts(4, 16, 1, 3.0)  # 20 bits
    sizes = {"large": 30, "first": 10, "second": 10, "small": 9}
    assert model_for_world(law, sizes) == "first"
    assert model_for_world(law, sizes, share=0.5) == "large"
    with pytest.raises(ValueError, match=r"needs 40 parameters at share=0\.5"):
        model_for_world(law, sizes, bits_per_param=1, share=0.5)
