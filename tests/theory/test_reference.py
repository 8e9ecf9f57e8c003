"""Golden values computed by independent programs: every item, one public function.

The environment variable KSCALE_REFERENCE names another file of the same form. The
adapters, which only rename, are the table of reference.py beside this file. The `azl.*`
items are those of tests/scores/test_reference.py.
"""

import json
import math
import os
import pathlib
import runpy

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
FUNCTIONS = runpy.run_path(str(HERE / "reference.py"))["FUNCTIONS"]
MANY_SE = 4.0  # Monte Carlo items: combined standard errors
# What the file's own arithmetic leaves open, beyond the tolerance of the item:
# a sum cut near t = 1e5, 5e-8 to 3e-7 short of mpmath's value for alpha <= 0.5 ...
CUT_SUMS = {("pan.MI_known_weights_beta11", "const"): 1e-6}
# ... and 1 - (...) in float64, whose rounding P_e near 1e-11 feels: ours is mpmath's.
ROUNDED = {"nv.train_error": 4 * np.finfo(float).eps}


OWN = HERE.parent / "reference.json"


def items(path=None):
    chosen = path or os.environ.get("KSCALE_REFERENCE") or OWN
    every = json.loads(pathlib.Path(chosen).read_text())["public"]
    return [item for item in every if not item["id"].startswith("azl.")]


def absent(value):
    if value is None or value == "nan":
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def assert_same(ours, theirs, rtol, atol, place):
    """Compare trees of numbers and words; the message says where they part."""
    if absent(theirs):
        assert absent(ours), f"{place}: {ours} where nothing should be"
    elif isinstance(theirs, dict):
        for key, value in theirs.items():
            assert key in ours, f"{place}: no {key}"
            assert_same(ours[key], value, rtol, atol, f"{place}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), f"{place}: {len(ours)} of {len(theirs)}"
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, rtol, atol, f"{place}[{i}]")
    elif isinstance(theirs, str):
        assert ours == theirs, f"{place}: {ours} is not {theirs}"
    else:
        error = abs(float(ours) - theirs)
        assert error <= atol + rtol * abs(theirs), f"{place}: {ours} is not {theirs}"


def assert_within_errors(ours, theirs, place):
    """Two simulations agree within their errors; a law in closed form to 1e-6."""
    se = math.hypot(ours["se"], theirs["se"])
    error = abs(ours["mean_unlearnt_frac"] - theirs["mean_unlearnt_frac"])
    assert error <= MANY_SE * se, f"{place}: {error} is {error / se:.1f} errors"
    if "P_stuck" in theirs:
        p, n = theirs["P_stuck"], ours["n"]
        se = math.sqrt(max(p * (1 - p), 1 / n) * 2 / n)
        assert abs(ours["P_stuck"] - p) <= MANY_SE * se, f"{place}.P_stuck"
    for law in theirs.keys() & {"iid_law", "eq2"}:
        assert_same(ours[law], theirs[law], 1e-6, 0.0, f"{place}.{law}")


def assert_fitted(ours, theirs, rtol, place):
    """A fit agrees when the exponent lies in the interval of the other's profile."""
    assert_same(ours["y"], theirs["y"], 1e-9, 0.0, f"{place}.y")
    for loss in theirs.keys() - {"y"}:
        low, high = theirs[loss]["alpha_profile"]
        exponent = ours[loss]["alpha"]
        assert low <= exponent <= high, f"{place}.{loss}: {exponent}"
        for key in ("x0", "eps"):
            assert_same(ours[loss][key], theirs[loss][key], rtol, 0.0, f"{place}.{key}")


@pytest.mark.parametrize("item", items(), ids=lambda item: item["id"])
def test_reference(item):
    prefix = item["id"].split("/")[0]
    assert prefix in FUNCTIONS, f"no function is known for {item['id']}"
    theirs = item["outputs"]
    ours = FUNCTIONS[prefix](item["inputs"], theirs)
    if item["kind"] == "mc":
        assert_within_errors(ours, theirs, item["id"])
    elif item["kind"] == "fit":
        assert_fitted(ours, theirs, item["rtol"], item["id"])
    else:
        for key, value in theirs.items():
            rtol = item["rtol"] + CUT_SUMS.get((prefix, key), 0.0)
            if prefix in ROUNDED:
                rtol += 2 * ROUNDED[prefix] / abs(theirs["small"])
            place = f"{item['id']}.{key}"
            assert key in ours, f"{place}: not among ours"
            assert_same(ours[key], value, rtol, item["atol"], place)


def test_every_function_is_asked():
    asked = {item["id"].split("/")[0] for item in items()}
    assert asked <= set(FUNCTIONS)
    assert os.environ.get("KSCALE_REFERENCE") or asked == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("prefix", "inputs", "names", "value"),
    [
        ("nv.peeling_exact_dp", {"R": 10, "T": 30}, ("d", "d_t"), 4.0),
        ("nv.pair_tail", {"R": 1e3, "T": 4533, "eta": 2.0}, ("d", "d_t"), 4.0),
        ("nv.accuracy_vs_N", {"N": 1e9}, ("sigma", "varsigma"), 4e5),
        ("nv.accuracy_vs_N", {"N": 1e9}, ("c_ratio", "T_over_R"), 4.0),
        ("nv.poisson_eps_star", {"a": 30.0}, ("eps", "epsilon"), 0.25),
    ],
)
def test_the_papers_names_are_read(prefix, inputs, names, value):
    def call(**more):
        return str(FUNCTIONS[prefix](inputs | more, {"exact": 0}))

    one, other = (call(**{name: value}) for name in names)
    assert call() != one == other


@pytest.mark.parametrize(
    "prefix", ["nv.poisson_constants", "pan.waterfill_finite", "coding.example_A1"]
)
def test_a_name_that_no_adapter_reads_fails(prefix):
    item = next(item for item in items(OWN) if item["id"].startswith(prefix))
    with pytest.raises(AssertionError, match="no adapter reads zeta_9"):
        FUNCTIONS[prefix](item["inputs"] | {"zeta_9": 1.0}, item["outputs"])


def test_an_unknown_item_and_one_parameter_by_two_names_fail():
    with pytest.raises(AssertionError, match=r"no function is known for nv\.new/0"):
        test_reference({"id": "nv.new/0", "inputs": {}, "outputs": {}})
    with pytest.raises(AssertionError, match="by two names"):
        FUNCTIONS["nv.poisson_constants"]({"d": 6.0, "d_t": 6.0}, {})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(1.1, 1.0), ([1.0], [1.0, 2.0]), ({}, {"a": 1}), (1.0, None), ("a", "b")],
)
def test_a_difference_is_seen(ours, theirs):
    with pytest.raises(AssertionError, match="place"):
        assert_same(ours, theirs, 1e-3, 0.0, "place")
