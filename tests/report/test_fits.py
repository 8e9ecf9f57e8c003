"""Laws fitted to measurements give back the constants that made them."""

import json
import math

import numpy as np
import pytest

from kscale import theory
from kscale.report import fit_allocation, fit_learning, fit_line, predict_threshold

BITS = 47.591624
BASE = math.exp(1 / BITS)
P = theory.model_scaling.zipf_frequencies(2000, exponent=1.2, bias=20.0)
CLASSES = theory.model_scaling.frequency_classes(P, classes=4).astype(int)
SIZES = np.geomspace(2e3, 2e5, 7)


def theirs(ratio, floor, sizes=SIZES, base=BASE):
    """Losses of the theory itself, [m, 4]."""
    return theory.model_scaling.class_losses(
        ratio * sizes, P, CLASSES, BITS, base, floor
    ).mean_loss


@pytest.mark.parametrize(("ratio", "floor"), [(2.0, 1.2), (0.3, 0.1), (0.05, 4.0)])
def test_the_theorys_own_losses_give_its_constants(ratio, floor):
    fit = fit_allocation(SIZES, theirs(ratio, floor), P, CLASSES, BITS)
    assert fit["bits_per_param"] == pytest.approx(ratio, rel=1e-4)
    assert fit["irreducible_bits"] == pytest.approx(floor, rel=1e-4)
    assert fit["residual"] < 1e-5
    assert fit["bits_per_param_error"] < 1e-3 * ratio
    lines, drawn = np.array(fit["loss_bits"]), np.array(fit["parameters"])
    assert (drawn[0], drawn[-1]) == pytest.approx((SIZES[0], SIZES[-1]))
    np.testing.assert_allclose(lines, theirs(ratio, floor, drawn), rtol=1e-4)
    # Four classes in order, each falling with the size, from a + h to h.
    assert (np.diff(lines, axis=0) <= 1e-9).all()
    assert (np.diff(lines, axis=1) >= -1e-9).all()
    assert lines.max() <= BITS + floor + 1e-3
    assert lines.min() >= floor
    assert json.loads(json.dumps(fit, allow_nan=False)) == fit


def test_weights_have_any_unit_and_people_any_order():
    measured = theirs(1.0, 1.0)
    order = np.random.default_rng(0).permutation(len(P))
    one = fit_allocation(SIZES, measured, P, CLASSES, BITS)
    other = fit_allocation(SIZES, measured, 1e7 * P[order], CLASSES[order], BITS)
    assert other["bits_per_param"] == pytest.approx(one["bits_per_param"], rel=1e-6)
    np.testing.assert_allclose(other["loss_bits"], one["loss_bits"], rtol=1e-6)


def test_noise_moves_the_constants_as_far_as_the_errors_say():
    rng, found = np.random.default_rng(0), []
    for _ in range(12):
        measured = theirs(1.0, 1.5) * np.exp(0.03 * rng.normal(size=(7, 4)))
        fit = fit_allocation(SIZES, measured, P, CLASSES, BITS)
        assert fit["residual"] == pytest.approx(0.03, rel=0.5)
        assert fit["bits_per_param"] == pytest.approx(1.0, rel=0.1)
        off = fit["bits_per_param"] - 1.0, fit["irreducible_bits"] - 1.5
        found.append(off[0] / fit["bits_per_param_error"])
        found.append(off[1] / fit["irreducible_bits_error"])
    assert 0.4 < np.std(found) < 1.8


def test_another_base_is_another_ratio():
    # Only R ln b matters: a memory whose bits halve the loss needs fewer of them.
    fit = fit_allocation(SIZES, theirs(0.02, 1.0, base=2.0), P, CLASSES, BITS)
    ratio = 0.02 * BITS * math.log(2)
    assert fit["bits_per_param"] == pytest.approx(ratio, rel=1e-4)


def test_models_that_learnt_nothing_tell_no_ratio():
    fit = fit_allocation(SIZES, np.full((7, 4), BITS + 1), P, CLASSES, BITS)
    assert fit["residual"] < 1e-3
    assert fit["bits_per_param_error"] == math.inf  # all is floor, or all is ignorance


def test_thresholds_are_where_the_theory_begins_to_learn():
    # People seen more often have a loss below a; seen twice as often, below a/2.
    counts = predict_threshold(SIZES, P, BITS, 1.0, visits=1e6)
    halves = predict_threshold(SIZES, 7 * P, BITS, 1.0, visits=1e6, left=0.5)
    assert (np.diff(counts) < 0).all()
    for size, count, half in zip(SIZES, counts, halves, strict=True):
        memory = theory.model_scaling.allocate(size, P, BITS, BASE).memory
        assert ((count * (1 + 1e-9) < 1e6 * P) == (memory > 0)).all()
        known = BITS * np.exp(-np.asarray(memory) / BITS) <= BITS / 2
        assert (known == (half <= 1e6 * P)).mean() > 0.999
    for wrong, left in ((1.0, 0), (0.0, 1)):
        message = rf"bits_per_param={wrong}.* left={left}; all must be above 0"
        with pytest.raises(ValueError, match=message):
            predict_threshold(SIZES, P, BITS, wrong, left=left)


VISITS = np.array([1.0, 10.0, 100.0, 1000.0])
FEW = {"weights": np.array([4.0, 3.0, 2.0, 1.0]), "classes": np.array([0, 0, 1, 1])}


def losses(half, floor):
    """Of classes of 20 bits, person by person, as the docstring says it."""
    p, out = FEW["weights"] / 10, []
    for n in VISITS:
        lost = p * 20.0 * half / (half + n * p)
        means = [lost[of].sum() / p[of].sum() for of in ([0, 1], [2, 3])]
        out.append([floor + mean for mean in means])
    return out


@pytest.mark.parametrize(("half", "floor"), [(5.0, 0.5), (80.0, 2.0), (0.3, 0.01)])
def test_the_law_of_data_is_recovered(half, floor):
    fit = fit_learning(VISITS, losses(half, floor), **FEW, bits=20.0)
    assert fit["half_visits"] == pytest.approx(half, rel=1e-3)
    assert fit["irreducible_bits"] == pytest.approx(floor, rel=1e-3)
    assert fit["residual"] < 1e-4
    lines = np.array(fit["loss_bits"])
    assert (np.diff(lines, axis=0) < 0).all()
    assert (lines[:, 0] < lines[:, 1]).all()  # frequent people are ahead


def test_one_person_has_lost_half_after_the_half_visits():
    fit = fit_learning([1, 50, 500, 5000], [[9.8], [5], [0.9], [0.1]], [1], [0], 10.0)
    at = np.interp(fit["half_visits"], fit["visits"], np.ravel(fit["loss_bits"]))
    assert at == pytest.approx(5.0 + fit["irreducible_bits"], rel=0.02)


def test_what_is_lost_before_the_language_is_learnt_is_left_out():
    early = [[54.0, 27.0], *losses(5.0, 0.5)[1:]]
    fit = fit_learning(VISITS, early, **FEW, bits=20.0)
    assert fit["half_visits"] == pytest.approx(5.0, rel=1e-3)
    assert fit["irreducible_bits"] == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("fit", [fit_allocation, fit_learning])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": np.ones(4)}, r"visits \(4,\), losses \(4,\), weights \(4,\)"),
        ({"measured": np.ones((5, 2))}, r"\(4,\), losses \(5, 2\)"),
        ({"weights": np.ones(9)}, r"weights \(9,\), classes \(4,\)"),
        ({"measured": np.zeros((4, 2))}, "must be finite and above 0"),
        ({"measured": np.full((4, 2), math.nan)}, "must be finite and above 0"),
        ({"x": [0.0, 1.0, 2.0, 3.0]}, "must be finite and above 0"),
        ({"bits": 0.0}, r"bits=0\.0"),
        ({"weights": -FEW["weights"]}, "weights must be finite and at least 0"),
        ({"classes": np.zeros(4)}, r"of the classes \[0.0\], the losses of 0 to 1"),
        ({"weights": [1.0, 1.0, 0.0, 0.0]}, r"of the classes \[0\], the losses of 0"),
    ],
)
def test_refused_arguments(fit, change, message):
    given = {"x": VISITS, "measured": losses(5.0, 0.5), **FEW, "bits": 20.0} | change
    with pytest.raises(ValueError, match=f"{fit.__name__}: .*{message}"):
        fit(given.pop("x"), **given)


def test_two_losses_do_not_determine_two_constants():
    with pytest.raises(ValueError, match="fit_allocation: 2 losses; give 3 or more"):
        fit_allocation(VISITS[:1], [[1.0, 1.0]], **FEW, bits=20.0)
    message = "fit_learning: 0 losses lie below bits=0.6; 3 are needed"
    with pytest.raises(ValueError, match=message):
        fit_learning(VISITS, np.ones((4, 2)), **FEW, bits=0.6)


def test_a_line():
    x = 2.0 ** np.arange(8)
    line = fit_line(x, 1 / x + 1)
    assert (line["alpha"], line["x0"], line["eps"]) == pytest.approx((1, 1, 1))
    assert line["is_power_law"] is True
    assert line["r_squared"] == pytest.approx(1)
    assert line["largest"] < 1e-6
    bent = fit_line(x, np.array([2.0, 2, 2, 2, 2, 0.2, 0.1, 0.1]))
    assert bent["is_power_law"] is False
    assert bent["r_squared"] < 0.95
    assert bent["largest"] > 0.2
    few = fit_line(x[:5], 1 / x[:5] + 1)
    assert few["is_power_law"] is None
    assert few["alpha"] == pytest.approx(1)
    assert json.loads(json.dumps(few)) == few
