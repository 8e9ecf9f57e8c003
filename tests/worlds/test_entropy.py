"""Bits of whole worlds: golden values, exact binomials, limits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.worlds import Counts, build_biod, build_bios
from kscale.worlds.entropy import log2_binomial

N0 = 400 * 400 * 1000
# N K C D L T, bits of values, then (name, diversity) of Proposition 2.3 and of its
# approximation, by an independent program in 50 digits.
NAMES = (154076.37283254386, 139657.84284662086)
BIOD = [
    (
        *((10_000, 6, 1, 200, 5, 40), 458631.3713864835),
        *((NAMES[0], 24459.283842710814), (NAMES[1], 22758.941141594507)),
    ),
    (
        *((10_000, 1, 1, 10, 1, 20), 33219.280948873624),
        *((NAMES[0], 17.495261691472315), (NAMES[1], 10.000000000000004)),
    ),
    (
        *((20_000, 50, 50, 10, 50, 20), 166096404.7443681),
        (288159.31354707957, 106958.64931644824),
        (259315.68569324174, 106387.23832474038),
    ),
]


@pytest.mark.parametrize(("sizes", "value", "exact", "approximate"), BIOD)
def test_biod_golden(sizes, value, exact, approximate):
    world = build_biod(*sizes)
    for wanted, is_exact in ((exact, True), (approximate, False)):
        bits = world.bits_max(exact=is_exact)
        assert (bits.name, bits.diversity) == pytest.approx(wanted, rel=1e-9)
        assert bits.value == pytest.approx(value, rel=1e-9)
        assert bits.total == pytest.approx(value + sum(wanted), rel=1e-9)


def test_bios_constants():
    world = build_bios(10)
    sizes = {
        **{"pronoun": 2, "birth_date": 12 * 28 * 200, "birth_city": 200},
        **{"university": 300, "major": 100, "employer": 263},
    }
    bits = {a.name: a.bits for a in world.attributes}
    wanted = {name: math.log2(size) for name, size in sizes.items()}
    assert bits == pytest.approx(wanted, rel=1e-12)
    assert world.counts.value_bits == pytest.approx(47.59162367189112, rel=1e-12)
    assert 2**world.counts.value_bits == pytest.approx(212083200000000, rel=1e-12)
    assert math.log2(world.name_space) == pytest.approx(27.253496664211536, rel=1e-12)
    assert world.counts.attributes == 6
    assert world.counts.diversity == world.counts.chunks == 0


@pytest.mark.parametrize(
    ("people", "total", "exact_name_bits_per_person"),
    [
        (10_000, 615574.079565532, 15.407637283254386),
        (100_000, 5823547.986166584, 12.086003993317254),
        (20_000_000, 1011832473.4378225, 4.348514877788089),
    ],
)
def test_bios_golden(people, total, exact_name_bits_per_person):
    world = build_bios(people)
    assert world.bits_max().total == pytest.approx(total, rel=1e-10)
    name = world.bits_max(exact=True).name / people
    assert name == pytest.approx(exact_name_bits_per_person, rel=1e-10)


@given(st.integers(1, 3000) | st.integers(36, 120).map(lambda b: 2**b), st.data())
def test_binomials_are_exact(n, data):
    k = data.draw(st.integers(0, min(n, 3000)))
    exact = math.log2(math.comb(n, k))
    assert log2_binomial(math.log(n), k) == pytest.approx(exact, rel=1e-10, abs=1e-9)


@given(st.integers(1, N0), st.integers(1, 10**6))
def test_exact_is_larger_by_less_than_log2_e_each(people, diversity):
    counts = Counts(people, N0, 3, 7.0, diversity, 1, string_bits=40.0)
    exact, approximate = counts.bits_max(exact=True), counts.bits_max()
    slack = 1e-7 * people  # of rounding: the numbers are millions of bits
    assert -1e-3 <= exact.name - approximate.name <= people / math.log(2) + slack
    gain = exact.diversity - approximate.diversity
    assert -1e-3 <= gain <= 3 * diversity / math.log(2) + slack + 1
    assert exact.value == approximate.value == people * 7.0


def test_everybody_exists():
    """If every possible name exists, names carry no bits."""
    assert Counts(1000, 1000, 1, 1.0).bits_max().name == 0
    assert Counts(1000, 1000, 1, 1.0).bits_max(exact=True).name == pytest.approx(0)
