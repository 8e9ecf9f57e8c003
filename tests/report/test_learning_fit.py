"""The fitted law of learning curves recovers what made the curves."""

import numpy as np
import pytest

from kscale.report import fit_learning

P = np.array([4.0, 3.0, 2.0, 1.0])  # in any unit
LABELS = np.array([0, 0, 1, 1])
VISITS = np.array([1.0, 10.0, 100.0, 1000.0])


def losses(half, floor, bits=20.0):
    """Person by person, as the docstring says it."""
    out = []
    for n in VISITS:
        row = []
        for k in (0, 1):
            mass = total = 0.0
            for weight, label in zip(P / 10, LABELS, strict=True):
                if label == k:
                    mass += weight
                    total += weight * bits * half / (half + n * weight)
            row.append(floor + total / mass)
        out.append(row)
    return out


@pytest.mark.parametrize(("half", "floor"), [(5.0, 0.5), (80.0, 2.0), (0.3, 0.01)])
def test_its_constants_are_recovered(half, floor):
    said = fit_learning(VISITS, losses(half, floor), P, LABELS, 20.0)
    assert said["half_visits"] == pytest.approx(half, rel=1e-3)
    assert said["irreducible_bits"] == pytest.approx(floor, rel=1e-3)
    assert said["residual"] < 1e-4


def test_one_person_has_lost_half_after_the_half_visits():
    said = fit_learning([1, 50, 500, 5000], [[9.8], [5], [0.9], [0.1]], [1], [0], 10.0)
    at = np.interp(said["half_visits"], said["visits"], np.ravel(said["loss_bits"]))
    assert at == pytest.approx(5.0 + said["irreducible_bits"], rel=0.02)


def test_what_is_lost_before_the_language_is_learnt_is_left_out():
    early = np.array(losses(5.0, 0.5))
    early[0] = 54.0, 27.0
    said = fit_learning(VISITS, early, P, LABELS, 20.0)
    assert said["half_visits"] == pytest.approx(5.0, rel=1e-3)
    assert said["irreducible_bits"] == pytest.approx(0.5, rel=1e-3)


def test_its_lines_fall_and_frequent_people_are_ahead():
    said = fit_learning(VISITS, losses(5.0, 0.5), P, LABELS, 20.0)
    lines = np.array(said["loss_bits"])
    assert (np.diff(lines, axis=0) < 0).all()
    assert (lines[:, 0] < lines[:, 1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": [[1.0, 1.0]]}, r"losses \(1, 2\)"),
        ({"visits": [0.0, 1.0, 2.0, 3.0]}, "must all be above 0"),
        ({"bits": 0.0}, "bits=0.0"),
        ({"bits": 0.6}, "0 losses lie below bits=0.6; 3 are needed"),
        ({"weights": [1.0, 1.0, 0.0, 0.0]}, "needs somebody who is met"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    given = {
        "visits": VISITS,
        "measured": losses(5.0, 0.5),
        "weights": P,
        "labels": LABELS,
        "bits": 20.0,
    }
    with pytest.raises(ValueError, match=message):
        fit_learning(**(given | change))
