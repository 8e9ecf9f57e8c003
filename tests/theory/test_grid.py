"""Solvers and simulators over grids of arguments."""

from typing import NamedTuple

import numpy as np
import pytest

from kscale.theory.checks import check_domain
from kscale.theory.grid import evaluate
from kscale.theory.solver import solver


class Law(NamedTuple):
    total: float
    each: np.ndarray


@solver(domain={"n": "[0, inf)", "scale": "number"})
def law(n, scale=2.0):
    """A formula."""
    return Law(n * scale, n * np.arange(3.0))


@check_domain({"size": "integer [1, inf)", "share": "number"})
def simulation(size: int, share: float, rng: np.random.Generator):
    """A simulation."""
    return {"mean": size * share, "inner": Law(1.0, rng.random(2)), "kind": "some"}


def test_several_values_make_a_grid():
    assert evaluate(law, {"n": 3})[:3] == ("law", {"n": 3}, ())
    got = evaluate(law, {"n": np.array([1.0, 2.0, 4.0]), "scale": np.array([10, 20])})
    assert got.swept == ("n", "scale")
    np.testing.assert_array_equal(got.mesh["scale"], 3 * [[10, 20]])
    np.testing.assert_array_equal(got.result["total"], [[10, 20], [20, 40], [40, 80]])
    assert got.result["each"].shape == (3, 2, 3)


def test_a_simulation_is_run_at_each_point():
    got = evaluate(simulation, {"size": np.array([2.0, 3.0]), "share": 0.5, "seed": 4})
    assert got.result["mean"].tolist() == [1.0, 1.5]
    assert got.result["kind"].tolist() == ["some", "some"]
    drawn = np.random.default_rng(4).random(2)
    np.testing.assert_array_equal(got.result["inner.each"], [drawn, drawn])
    with pytest.raises(ValueError, match=r"size=2\.5 must be an integer"):
        evaluate(simulation, {"size": 2.5, "share": 1.0})


def test_results_of_several_shapes_are_refused():
    def steps(size: int):
        return np.arange(size)

    message = r"give one value to size: steps has \(2,\) numbers at one and \(3,\)"
    with pytest.raises(ValueError, match=message):
        evaluate(steps, {"size": np.array([2.0, 3.0])})
