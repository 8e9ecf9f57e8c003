"""What the domain of an argument says holds: inside, results; outside, a refusal."""

import inspect
import math
import re

import jax
import numpy as np
import pytest

from kscale import theory
from kscale.cli import theory_arguments
from kscale.cli.solvers import SOLVERS
from kscale.theory import checks

EDGES = {"concept": [0, 0, 1], "text": [0, 1, 1], "concepts": 2, "texts": 2}
POINTS = {
    "parameters": [1e8, 1e9, 1e10, 1e8, 1e9, 1e10],
    "tokens": [1e9, 1e9, 1e9, 1e10, 1e10, 1e11],
    "loss": [3.0, 2.8, 2.7, 2.6, 2.4, 2.2],
    "delta": 1e-3,
}
TWICE = {"tasks": np.full((101, 2), 0.01)}
SAME = POINTS | {"tokens": [1] * 6}
SHORT = {"sizes": [1, 2], "accuracy": [0, 1]}
SLIPS = {"mode": "iid", "as_published": True}
HUGE = {"concepts": 2**30, "texts": 2**30}
TIED = POINTS | {"parameters": range(1, 7), "tokens": range(20, 121, 20)}
PAIRS = POINTS | {"parameters": [1, 2, 3] * 2, "tokens": [1, 2, 3] * 2}
SHARES = {"weights": [0.5, 0.5], "shares": [0.2, 0.6]}
# Arguments of what the command line does not offer.
OTHERS = {
    "arithmetic_decode": {"word": "01", "length": 1, "source": {"A": 1}},
    "bootstrap_chinchilla": POINTS | {"fit": None, "resamples": 2, "confidence": 0.9},
    "concept_pairs": {"concepts": 10, "texts": 3, "d": 2.0},
    "dirichlet_mixture": {"concentrations": [1.0, 1.0]},
    "expected_lengths": {"source": {"A": 1}, "n": 1},
    "finite_game_regret": {"prior": [1.0], "laws": [[1.0]], "draws": 1, "player": [1]},
    "graph_from_edges": EDGES,
    "homogeneous_task": {"level": 1, "levels": 2, "skill_counts": [2]},
    "mixture_task": SHARES | {"levels": 3},
    "nearest_in_cover": {"p": [0.5, 0.5], "eps": 1.0},
    "paper_tasks": {"levels": 10},
    "profile_chinchilla": POINTS | {"fit": None, "confidence": 0.9},
    "sample_graph": {"concepts": 3, "texts": 3, "probability": 0.5},
    "task": {"levels": [0.5, 0.5], "skill_counts": [1]},
    "task_accuracy": {"gamma": [1.0, 0.5], "q": [[0.0, 0.0], [0.0, 1.0]]},
}
FUNCTIONS = {
    name: function
    for topic in map(theory.__dict__.get, theory.__all__)
    if inspect.ismodule(topic)
    for name, function in vars(topic).items()
    if inspect.isfunction(function) and hasattr(function, "domain")
}
BOUND = {"accuracy_curve", "emergence_size"}  # by more than domains say
SCALARS = [
    name
    for name, function in FUNCTIONS.items()
    if getattr(function, "scalars", ()) and name not in BOUND
]
QUICK = {"stick_weight", "infinite_onset_capacity", "training_error", "binomial_tail"}


def arguments_of(name):
    """One value for each argument, from the solver's example or the table above."""
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters
    given = {key: each.default for key, each in parameters.items()}
    if name in OTHERS:
        return given | OTHERS[name]
    texts = dict(word[2:].split("=") for word in SOLVERS[name].example)
    for key, value in theory_arguments.read(function, texts).items():
        shapes = function.domain[key].shapes if key in function.domain else ((),)
        given[key] = value if shapes else np.ravel(value)[0].item()
    return given


def ends_of(domain, arguments):
    """(closed, low, high, closed) of the intervals, their ends as numbers."""
    for opens, low, high, closes in domain.intervals:
        low, high = (float(np.max(checks.end_of(x, arguments))) for x in (low, high))
        yield opens == "[", low, high, closes == "]"


def outside(domain, arguments, value):
    """Values that do not lie in a domain: for an array, in its first element."""
    if domain.choices:
        return ["something else"]
    bad = [np.nan] if domain.intervals or domain.distribution else []
    for closed_low, low, high, closed_high in ends_of(domain, arguments):
        bad += [low - 1 if closed_low else low] * (low > -np.inf)
        bad += [high + 1 if closed_high else high] * (high < np.inf or not closed_high)
    bad += [-0.5, 2.0] if domain.distribution else []
    bad += [np.floor(np.max(value)) + 0.5] if domain.integer else []
    if not domain.shapes or np.ndim(value) == 0:
        return bad
    arrays = []
    for number in bad:
        arrays.append(np.array(value, float))
        arrays[-1].flat[0] = number
    if not any("..." in axes for axes in domain.shapes):
        arrays.append(np.ones((1, 1, 1, 1, 1)))
    return arrays


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_outside_is_refused(name):
    arguments, domain = arguments_of(name), FUNCTIONS[name].domain
    for key, allowed in domain.items():
        value = 0.0 if arguments[key] is None else arguments[key]
        for bad in outside(allowed, arguments, value):
            with pytest.raises(ValueError, match=rf"^(sum\()?{key}\b.* must be "):
                checks.check(domain, arguments | {key: bad})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_number_has_a_domain_that_the_docstring_shows(name):
    function = FUNCTIONS[name]
    parameters = set(inspect.signature(function).parameters)
    assert set(function.domain) <= parameters
    if hasattr(function, "static"):
        assert parameters <= set(function.domain) | set(function.static)
    for key, allowed in function.domain.items():
        assert f"\n  {key}: {allowed.text}\n" in function.__doc__


def inside(domain, arguments, value):
    """Four numbers of a domain: its closed ends, and others between."""
    if not domain.intervals:
        return np.full(4, value)
    points = []
    for closed_low, low, high, closed_high in ends_of(domain, arguments):
        least, most = max(low, -50.0), min(high, max(low, -50.0) + 50.0)
        points = least + (most - least) * np.array([0.02, 0.3, 0.6, 0.9])
        points[0] = low if closed_low and low > -np.inf else points[0]
        points[3] = high if closed_high and high < np.inf else points[3]
    return np.floor(points) if domain.integer else points


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SCALARS],
)
def test_inside_results_are_numbers_or_the_docstring_says_when_not(name):
    function, arguments = FUNCTIONS[name], arguments_of(name)
    for key in function.scalars:
        arguments[key] = inside(function.domain[key], arguments, arguments[key])
    result = function(**arguments)
    numbers = np.concatenate([np.ravel(x) for x in jax.tree.leaves(result)])
    assert "NaN" in function.__doc__ or not np.isnan(numbers).any()
    if np.isinf(numbers).any():
        assert "inf" in function.__doc__.partition("Returns:")[2]


REFUSED = [  # a function, what is changed of its arguments, what the refusal says
    (
        "data_redundancy_of_table",
        {"table": [1, math.nan]},
        "[1]=nan must be",
    ),
    ("log_partition_probability", {"counts": [0, 0]}, "sum(counts)=0.0 must be at"),
    ("table_allocation", {"memory": [0.5, 1, 2]}, "memory[0]=0.5 must be 0: begin"),
    ("table_allocation", {"memory": [0, 1, 1]}, "memory[1]=1.0 must increase"),
    ("table_allocation", {"loss": [1, 0.5, 0.6]}, "loss[1]=0.6 must not rise"),
    ("table_allocation", {"loss": [1, 0.9, 0]}, "loss[0]=0.9 must be convex in memory"),
    ("convex_minorant", {"memory": [0, 2, 1]}, "memory[1]=1.0 must increase"),
    ("fit_power_law", {"x": [1, 1, 2, 2, 2]}, "x=2 must be at least 3 distinct sizes:"),
    ("diagnose", {"x": [1, 2] * 4}, "x=2 must be at least 3 distinct sizes"),
    ("fit_chinchilla", SAME, "tokens=1 must be at least 3 distinct sizes"),
    (
        "fit_chinchilla",
        TIED,
        "the power 1, so a and b cannot be told apart: measure",
    ),
    ("fit_chinchilla", PAIRS, "(parameters, tokens)=3 must be at least 5 distinct"),
    ("compute_optimal", SLIPS, "mode='iid' must be 'paper' where as_published: drop"),
    ("scaling_exponents", {"compute": [1e20] * 2}, "compute=1 must be at least 2"),
    ("sample_graph", HUGE, f"concepts * texts={2**60} must be below 2^56: take fewer"),
    ("graph_from_edges", {"text": [1, 1, 1]}, "edge=(0, 1) must occur once: drop"),
    ("finite_game_regret", {"laws": [[0.5, 0.5]], "draws": 20}, "=1048576 must be"),
    ("accuracy_curve", {"d": 2.0}, "d=2.0 must be in (e, inf)"),
    ("accuracy_curve", {"parameters": 1e6}, "sigma=5.0 must be at least 2 and at"),
    ("accuracy_curve", {"levels": 5}, "levels=5 must be at least 10, or 11"),
    ("accuracy_curve", TWICE, "must be 1: divide tasks by its sum"),
    ("emergence_size", {"levels": 5}, "levels=5 must be at least 10, or 11"),
    ("simulate_skills", {"levels": 5}, "levels=5 must be at least 10, or 11"),
    ("paper_tasks", {"as_published": True}, "levels=10 must be at least 10, or 11"),
    ("phases", {"sizes": [1] * 8}, "sizes[0]=1.0 must grow: sort the curve"),
    ("phases", SHORT, "must be 0.5 decades at least: narrow the window"),
]


@pytest.mark.parametrize(("name", "change", "message"), REFUSED)
def test_what_no_domain_says_is_refused(name, change, message):
    arguments = arguments_of(name) | change
    if "rng" in arguments:
        arguments["rng"] = np.random.default_rng(0)
    with pytest.raises(ValueError, match=re.escape(message)):
        FUNCTIONS[name](**arguments)
