"""Golden values computed by independent programs: every item, one public function.

The environment variable KSCALE_REFERENCE names another file of the same form.
"""

import json
import math
import os
import pathlib

import numpy as np
import pytest

from kscale.scores import (
    bits_from_losses,
    irreducible_text_bits,
    lower_bound_bits,
    no_error_bits,
    parameters_for,
    partial_memorizer,
)
from kscale.worlds import Counts, build_bios

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
        "P_at_2bits": parameters_for(total, 2.0),
    }


def _def43_bits(i):
    return {"bits": bits_from_losses(_bios_counts(i["N"]), i["p1"], i["p2"]).total}


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
    p1, p2, p3 = partial_memorizer(counts, i["q_name"], i["q_val"], i["delta"])
    return {
        "p1": p1,
        "p2": p2,
        "p3": p3,
        "def41": _parts(bits_from_losses(counts, p1, p2, p3)),
        "max": counts.bits_max().total,
    }


def _text(_):
    text = irreducible_text_bits([50] * 6, people=100_000)
    return {
        "template_bits": text.templates,
        "order_bits": text.order,
        "per_bio_given_person": text.given_person,
        "per_bio_including_person_N100k": text.total,
    }


FUNCTIONS = {
    "azl.constants": _constants,
    "azl.def43_max": _def43_max,
    "azl.def43_bits": _def43_bits,
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


def test_an_unknown_item_fails():
    with pytest.raises(AssertionError, match=r"no function is known for azl\.new/0"):
        test_reference({"id": "azl.new/0", "inputs": {}, "outputs": {}})
