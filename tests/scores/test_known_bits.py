"""Formulas of bits: golden values of independent programs, properties, limits.

The golden values are in tests/reference.json: every item, one public function. The
environment variable KSCALE_REFERENCE names another file of the same form.
"""

import json
import math
import os
import pathlib

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
from kscale.worlds import Counts, build_bios


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
    assert irreducible_text_bits([2, 4], people=8) == (1 + 2, 1, 3)
    assert irreducible_text_bits([]) == (0, 0, 0)
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


N0 = 400 * 400 * 1000
S0 = 2 * (12 * 28 * 200) * 200 * 300 * 100 * 263


def _items():
    own = pathlib.Path(__file__).parents[1] / "reference.json"
    path = os.environ.get("KSCALE_REFERENCE") or own
    items = json.loads(pathlib.Path(path).read_text())["public"]
    return [item for item in items if item["id"].startswith("azl.")]


def _bios_counts(people):
    return Counts(people, N0, 6, math.log2(S0))


def _biod_counts(i):
    return Counts(
        people=i["N"],
        name_space=N0,
        attributes=i["K"],
        value_bits=i["K"] * i["C"] * math.log2(i["D"]),
        diversity=i["D"],
        chunks=i["C"],
        string_bits=i["L"] * math.log2(i["T"]),
    )


def _parts(bits):
    return [bits.total, [bits.name, bits.value, bits.diversity]]


def _constants(_):
    world = build_bios(10_000)
    bits = {attribute.name: attribute.bits for attribute in world.attributes}
    bits["gender"] = bits.pop("pronoun")
    counts = world.counts
    return {
        "S0": math.prod(len(column.strings) for column in world.columns),
        "log2_S0": counts.value_bits,
        "log2_N0": math.log2(counts.name_space),
        "field_bits": bits,
        "log2_S0_without_gender": counts.value_bits - bits["gender"],
    }


def _def43_max(i):
    counts = _bios_counts(i["N"])
    total = counts.bits_max().total
    return {
        "Rmax_bits": total,
        "per_person": total / i["N"],
        "exact_name_bits_per_person": counts.bits_max(exact=True).name / i["N"],
        "P_at_2bits": total / 2,
    }


def _biod(i):
    counts, losses = _biod_counts(i), (i["p1"], i["p2"], i["p3"])
    return {
        "prop23_exact": _parts(counts.bits_max(exact=True)),
        "prop23_approx": _parts(counts.bits_max()),
        "thm32": _parts(lower_bound_bits(counts, *losses)),
        "cor33": _parts(no_error_bits(counts)),
        "def41_bits": _parts(bits_from_losses(counts, *losses)),
        "def41_max": _parts(counts.bits_max()),
    }


def _memorizer(i):
    counts = _biod_counts(i)
    losses = partial_memorizer(counts, i["q_name"], i["q_val"], i["delta"])
    return dict(zip(("p1", "p2", "p3"), losses, strict=True)) | {
        "def41": _parts(bits_from_losses(counts, *losses)),
        "max": counts.bits_max().total,
    }


def _text(_):
    text = irreducible_text_bits([50] * 6, people=100_000)
    return {
        "template_bits": text.templates,
        "order_bits": text.order,
        "per_bio_given_person": text.given_person,
        "per_bio_including_person_N100k": sum(text),
    }


FUNCTIONS = {
    "azl.constants": _constants,
    "azl.def43_max": _def43_max,
    "azl.def43_bits": lambda i: {
        "bits": bits_from_losses(_bios_counts(i["N"]), i["p1"], i["p2"]).total
    },
    "azl.bioD": _biod,
    "azl.toy_partial_memoriser": _memorizer,
    "azl.bioS_irreducible_bits": _text,
}


def _flat(value):
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in _flat(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in _flat(item)]
    return [float(value)]


@pytest.mark.parametrize("item", _items(), ids=lambda item: item["id"])
def test_reference(item):
    prefix = item["id"].split("/")[0]
    assert prefix in FUNCTIONS, f"no function is known for {item['id']}"
    ours = FUNCTIONS[prefix](item["inputs"])
    assert sorted(ours) == sorted(item["outputs"])
    for key, expected in item["outputs"].items():
        # A part may be the rounding residue of a total of 1e5: atol scales with it.
        numbers = np.array(_flat(expected))
        atol = item["atol"] + 1e-13 * np.abs(numbers).max()
        np.testing.assert_allclose(
            _flat(ours[key]), numbers, rtol=item["rtol"], atol=atol, err_msg=key
        )


def test_every_function_is_asked():
    assert {item["id"].split("/")[0] for item in _items()} <= set(FUNCTIONS)
    assert os.environ.get("KSCALE_REFERENCE") or len(_items()) == 12
