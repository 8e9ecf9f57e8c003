"""Fitted laws of curves recover what made the curves."""

import json

import numpy as np
import pytest

from kscale.report import fit_learning, fit_line

P = np.array([4.0, 3.0, 2.0, 1.0])  # in any unit
CLASSES = np.array([0, 0, 1, 1])
VISITS = np.array([1.0, 10.0, 100.0, 1000.0])


def losses(half, floor, bits=20.0):
    """Person by person, as the docstring says it."""
    out = []
    for n in VISITS:
        row = []
        for k in (0, 1):
            mass = total = 0.0
            for weight, of in zip(P / 10, CLASSES, strict=True):
                if of == k:
                    mass += weight
                    total += weight * bits * half / (half + n * weight)
            row.append(floor + total / mass)
        out.append(row)
    return out


@pytest.mark.parametrize(("half", "floor"), [(5.0, 0.5), (80.0, 2.0), (0.3, 0.01)])
def test_its_constants_are_recovered(half, floor):
    fit = fit_learning(VISITS, losses(half, floor), P, CLASSES, 20.0)
    assert fit["half_visits"] == pytest.approx(half, rel=1e-3)
    assert fit["irreducible_bits"] == pytest.approx(floor, rel=1e-3)
    assert fit["residual"] < 1e-4


def test_one_person_has_lost_half_after_the_half_visits():
    fit = fit_learning([1, 50, 500, 5000], [[9.8], [5], [0.9], [0.1]], [1], [0], 10.0)
    at = np.interp(fit["half_visits"], fit["visits"], np.ravel(fit["loss_bits"]))
    assert at == pytest.approx(5.0 + fit["irreducible_bits"], rel=0.02)


def test_what_is_lost_before_the_language_is_learnt_is_left_out():
    early = np.array(losses(5.0, 0.5))
    early[0] = 54.0, 27.0
    fit = fit_learning(VISITS, early, P, CLASSES, 20.0)
    assert fit["half_visits"] == pytest.approx(5.0, rel=1e-3)
    assert fit["irreducible_bits"] == pytest.approx(0.5, rel=1e-3)


def test_its_lines_fall_and_frequent_people_are_ahead():
    fit = fit_learning(VISITS, losses(5.0, 0.5), P, CLASSES, 20.0)
    lines = np.array(fit["loss_bits"])
    assert (np.diff(lines, axis=0) < 0).all()
    assert (lines[:, 0] < lines[:, 1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": [[1.0, 1.0]]}, r"losses \(1, 2\)"),
        ({"visits": [0.0, 1.0, 2.0, 3.0]}, "must all be above 0"),
        ({"bits": 0.0}, "bits=0.0"),
        ({"bits": 0.6}, "0 losses lie below bits=0.6; 3 are needed"),
        ({"weights": [1.0, 1.0, 0.0, 0.0]}, "needs somebody who is seen"),
    ],
)
def test_refused_arguments(change, message):
    given = {
        "visits": VISITS,
        "measured": losses(5.0, 0.5),
        "weights": P,
        "classes": CLASSES,
        "bits": 20.0,
    }
    with pytest.raises(ValueError, match=message):
        fit_learning(**(given | change))


def test_a_line():
    x = 2.0 ** np.arange(8)
    line = fit_line(x, 1 / x + 1)
    assert (line["alpha"], line["x0"], line["eps"]) == pytest.approx((1, 1, 1))
    assert line["is_power_law"] is True
    assert line["r_squared"] == pytest.approx(1)
    assert line["largest"] < 1e-6
    drop = np.array([2.0, 2, 2, 2, 2, 0.2, 0.1, 0.1])
    bent = fit_line(x, drop)
    assert bent["is_power_law"] is False
    assert bent["r_squared"] < 0.95
    assert bent["largest"] > 0.2
    few = fit_line(x[:5], 1 / x[:5] + 1)
    assert few["is_power_law"] is None
    assert few["alpha"] == pytest.approx(1)
    assert json.loads(json.dumps(few)) == few
