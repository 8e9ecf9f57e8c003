"""Answers of solvers as tables, JSON and curves."""

import numpy as np
import pytest

from kscale.cli import theory_answer
from kscale.theory.grid import Answer


def answer(n, **swept):
    """Of `total = n scale` and `each = n (0, 1, 2)`, over the arguments with axes."""
    swept = {name: np.asarray(x) for name, x in {"n": n, **swept}.items() if np.ndim(x)}
    n, scale = np.asarray(n, float), np.asarray(swept.get("scale", 2.0))
    total = np.multiply.outer(n, scale)
    each = np.multiply.outer(np.broadcast_to(n.T, total.T.shape).T, np.arange(3.0))
    result = {"total": total, "each": each}
    return Answer("law", {"n": n, **swept}, tuple(swept), result)


def test_a_point():
    assert theory_answer.table(answer(3)) == "total  6\neach [3]  0  3  6"
    assert theory_answer.as_json(answer(3)) == {
        "solver": "law",
        "arguments": {"n": 3},
        "result": {"total": 6.0, "each": [0.0, 3.0, 6.0]},
    }
    words = answer(3)._replace(result={"kind": "some", "is_large": np.bool_(True)})
    assert theory_answer.table(words) == "kind      some\nis_large  yes"
    bad = answer(3)._replace(result={"a": np.array([1.0, np.nan, np.inf])})
    assert theory_answer.as_json(bad)["result"] == {"a": [1.0, None, None]}


def test_a_line_for_each_point_of_a_grid():
    lines = theory_answer.table(answer([1.0, 2.0, 4.0], scale=[10.0, 20.0])).split("\n")
    assert lines[0].split() == ["n", "scale", "total"]
    assert [x.split() for x in lines[3:5]] == [["2", "10", "20"], ["2", "20", "40"]]
    assert lines[-1].startswith("each [3, 2, 3]  0  1  2")


def test_long_tables_are_thinned():
    lines = theory_answer.table(answer(np.arange(1000.0))).split("\n")
    assert len(lines) == 1 + theory_answer.LINES + 2
    assert lines[1].split() == ["0", "0"]
    assert lines[theory_answer.LINES].split() == ["999", "1998"]
    assert lines[theory_answer.LINES + 1] == "(25 of 1000 points; --json gives all)"


def test_a_panel_for_a_result_and_a_curve_for_a_family():
    (panel,) = theory_answer.panels(answer([1.0, 100.0], scale=[1.0, 2.0]))
    assert (panel.x, panel.y, panel.log) == ("n", "total", "xy")
    assert [curve.label for curve in panel.curves] == ["scale=1", "scale=2"]
    assert panel.curves[1].y.tolist() == [2, 200]


def test_a_vector_is_drawn_over_its_index_and_a_number_is_not():
    (panel,) = theory_answer.panels(answer(1.0))
    assert (panel.x, panel.y) == ("index", "each")
    assert panel.curves[0].y.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="there is no curve to draw"):
        theory_answer.panels(answer(1.0)._replace(result={"total": np.float64(1)}))
