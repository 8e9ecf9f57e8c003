"""Reference items of skills and codes: names of the file -> our public functions."""

import pathlib
import runpy

import numpy as np

from kscale.theory.coding import arithmetic, prefix_codes
from kscale.theory.skills import (
    emergence,
    tails,
    tasks,
)
from kscale.theory.skills import (
    levels as skills,
)
from kscale.theory.skills.levels import giant_component

KINDS = {
    "eq5": "literal",
    "eq28": "literal",
    "eq5mono": "monotone",
    "eq28_monotone": "monotone",
    "exact": "exact",
    "exact_ceil": "exact",
    "exact_factor2": "two_ways",
    "exact_ceil_factor2": "two_ways",
}
PAIR = {"R": "concepts", "T": "texts", "eta": "eta", "d": "d", "S": "skills"}
CURVE = {  # name in the file: name of our argument
    "c_ratio": "texts_per_concept",
    "d": "d",
    "S": "skills",
    "sigma": "sigma",
    "L": "levels",
    "eta": "eta",
    "prerequisites": "prerequisites",
}


def settings(inputs):
    found = inputs.some(**CURVE)
    inputs.idle("eps", "tau")
    if "levels" in found:
        found["levels"] = int(found["levels"])
    if "T" in inputs:
        found["texts_per_concept"] = inputs["T"] / concepts(inputs)
    return found


def parameters(inputs):
    """N, or R sigma."""
    size = inputs.get("sigma", 2e5)
    return inputs["N"] if "N" in inputs else inputs["R"] * size


def concepts(inputs):
    return inputs["R"] if "R" in inputs else inputs["N"] / inputs.get("sigma", 2e5)


def three_tasks(inputs):
    """The three tasks of figure 3 for the levels, weights and shares given."""
    levels = int(inputs.get("L", 100))
    weights = inputs.get("w", (0.4, 0.4, 0.2))
    shares = inputs.get("pi", (0.2, 0.6, 0.95))
    return np.stack(
        [
            tasks.homogeneous_task(10, levels),
            tasks.binomial_task(0.5, levels),
            tasks.mixture_task(weights, shares, levels),
        ]
    )


def pair_tail(inputs, wanted):
    given = inputs.some(**PAIR)
    inputs.idle("eps", "sigma", "tau")
    first = tails.pair_tail(**given, kind="exact")
    found = {"p_rr": first.p, "npairs": first.pairs, "mean": first.mean}
    for key in set(wanted) - set(found):
        found[key] = tails.pair_tail(**given, kind=KINDS[key]).tail
    return found


def accuracy(inputs, wanted):
    found = {}
    for tail in wanted:
        given = settings(inputs) | {"kind": KINDS[tail], "tasks": three_tasks(inputs)}
        curve = skills.accuracy_curve(parameters(inputs), **given)
        one = dict(
            zip(("acc_l10", "acc_binomial", "acc_mixture"), curve.accuracy, strict=True)
        )
        one |= {f"gamma{level}": g for level, g in enumerate(curve.gamma)}
        one |= {f"p{level}": p for level, p in enumerate(curve.p)}
        found[tail] = one | {"max_level": curve.top}
    return found


def crossing(inputs, wanted):
    given = settings(inputs) | {"kind": KINDS[inputs.get("tail", "eq5mono")]}
    name = str(inputs["task"])
    if name.startswith("l") and name[1:].isdigit():
        levels = int(inputs.get("L", 100))
        task = tasks.homogeneous_task(int(name[1:]), levels)
    else:
        task = three_tasks(inputs)[["binomial", "mixture"].index(name) + 1]
    return {"N": emergence.emergence_size(inputs["level"], task, **given)}


def plateaus(inputs, wanted):
    found = {"heights": tasks.plateau_heights(inputs["w"], inputs["pi"])}
    given = settings(inputs) | {"kind": KINDS[inputs.get("tail", "eq5mono")]}
    for key in wanted:
        if key.startswith("acc_at_"):
            N = float(key.removeprefix("acc_at_"))
            curve = skills.accuracy_curve(N, three_tasks(inputs), **given)
            found[key] = curve.accuracy[2]
    return found


def code(inputs, wanted):
    found = arithmetic.arithmetic_code(inputs["msg"], dict(inputs["probs"]))
    return {
        "lo": float(found.low),
        "hi": float(found.high),
        "point": found.point,
        "dyadic": found.dyadic,
        "ideal_bits": found.ideal_bits,
    }


def lengths(inputs, wanted):
    source = dict(inputs.get("probs", [["A", "1/2"], ["B", "3/10"], ["C", "1/5"]]))
    found = arithmetic.expected_lengths(source, int(inputs["n"]))
    return {
        "n": found.n,
        "E_point": found.point,
        "E_dyadic": found.dyadic,
        "nH": found.entropy,
        "max_over_point": found.overhead_point,
        "max_over_dyadic": found.overhead_dyadic,
        "kraft_point": found.kraft_point,
        "kraft_dyadic": found.kraft_dyadic,
    }


def structure(inputs, wanted):
    bits = inputs["model_bits"], inputs["data_bits"]
    found = prefix_codes.structure_function(*bits, **inputs.some("alpha", "slack"))
    return {
        "alpha": found.alpha,
        "h": found.h,
        "total": found.total,
        "best_total": found.best_total,
        "min_suff": found.minimal_sufficient,
        "slack": found.slack,
    }


NAMES = runpy.run_path(str(pathlib.Path(__file__).with_name("reference_names.py")))
ADAPTERS = NAMES["by_name"](
    {
        "nv.pair_tail": pair_tail,
        "nv.gcc_gamma": lambda inputs, wanted: {"gamma": giant_component(inputs["c"])},
        "nv.accuracy_vs_N": accuracy,
        "nv.emergence_crossing_N": crossing,
        "nv.plateau_heights": plateaus,
        "coding.example_A1": code,
        "coding.expected_lengths": lengths,
        "coding.structure_function": structure,
    }
)
