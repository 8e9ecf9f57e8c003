"""Grids of arguments, and answers as tables, JSON and curves."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from kscale.cli import theory_grid
from kscale.theory.checks import check_domain
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


def answer(**arguments):
    return theory_grid.solve("law", law, arguments)


def test_a_point():
    got = answer(n=3)
    assert got.swept == ()
    assert got.result["total"] == 6
    assert theory_grid.table(got) == "total  6\neach [3]  0  3  6\n"
    assert theory_grid.as_json(got) == {
        "solver": "law",
        "arguments": {"n": 3},
        "result": {"total": 6.0, "each": [0.0, 3.0, 6.0]},
    }


def test_several_values_make_a_grid():
    got = answer(n=np.array([1.0, 2.0, 4.0]), scale=np.array([10.0, 20.0]))
    assert got.swept == ("n", "scale")
    np.testing.assert_array_equal(got.result["total"], [[10, 20], [20, 40], [40, 80]])
    lines = theory_grid.table(got).splitlines()
    assert lines[0].split() == ["n", "scale", "total"]
    assert [line.split() for line in lines[3:5]] == [
        ["2", "10", "20"],
        ["2", "20", "40"],
    ]
    assert lines[-1].startswith("each [3, 2, 3]  0  1  2")


def test_a_simulation_is_run_at_each_point():
    arguments = {"size": np.array([2.0, 3.0]), "share": 0.5, "seed": 4}
    got = theory_grid.solve("simulation", simulation, arguments)
    assert got.result["mean"].tolist() == [1.0, 1.5]
    assert got.result["inner.each"].shape == (2, 2)
    expected = np.random.default_rng(4).random(2)
    np.testing.assert_array_equal(got.result["inner.each"][1], expected)
    assert "some" in theory_grid.table(got)
    with pytest.raises(ValueError, match=r"size=2\.5 must be an integer"):
        theory_grid.solve("simulation", simulation, {"size": 2.5, "share": 1.0})


def test_results_of_several_shapes_are_refused():
    def steps(size: int):
        return np.arange(size)

    message = r"give one value to size: steps has \(2,\) numbers at one and \(3,\)"
    with pytest.raises(ValueError, match=message):
        theory_grid.solve("steps", steps, {"size": np.array([2.0, 3.0])})


def test_json_has_no_words_that_json_does_not_know():
    got = answer(n=1.0)._replace(result={"a": np.array([1.0, np.nan, np.inf])})
    assert theory_grid.as_json(got)["result"] == {"a": [1.0, None, None]}
    assert json.dumps(theory_grid.as_json(got), allow_nan=False)


def test_long_tables_are_thinned():
    lines = theory_grid.table(answer(n=np.arange(1000.0))).splitlines()
    assert len(lines) == 1 + theory_grid.LINES + 2
    assert lines[1].split() == ["0", "0"]
    assert lines[theory_grid.LINES].split() == ["999", "1998"]
    assert lines[theory_grid.LINES + 1] == "(25 of 1000 points; --json gives all)"


def test_a_panel_for_a_result_and_a_curve_for_a_family():
    (panel,) = theory_grid.panels(
        answer(n=np.array([1.0, 100.0]), scale=np.array([1.0, 2.0]))
    )
    assert (panel.x, panel.y, panel.log) == ("n", "total", "xy")
    assert [curve.label for curve in panel.curves] == ["scale=1", "scale=2"]
    assert panel.curves[1].y.tolist() == [2, 200]


def test_a_vector_is_drawn_over_its_index():
    (panel,) = theory_grid.panels(answer(n=1.0))
    assert (panel.x, panel.y) == ("index", "each")
    assert panel.curves[0].y.tolist() == [0, 1, 2]


def test_a_number_cannot_be_drawn():
    got = answer(n=1.0)._replace(result={"total": np.float64(1)})
    with pytest.raises(ValueError, match="there is no curve to draw"):
        theory_grid.panels(got)
