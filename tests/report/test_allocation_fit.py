"""Theory beside measurement: its own data give its constants back."""

import json
import math

import numpy as np
import pytest

from kscale import theory
from kscale.report import fit_allocation, predict_threshold

BITS = 47.591624
BASE = math.exp(1 / BITS)
P = theory.model_scaling.zipf_frequencies(2000, exponent=1.2, bias=20.0)
CLASSES = theory.model_scaling.frequency_classes(P, classes=4).astype(int)
SIZES = np.geomspace(2e3, 2e5, 7)


def theirs(ratio, floor, sizes=SIZES):
    """Losses of the theory itself, [m, 4]."""
    return theory.model_scaling.class_losses(
        ratio * sizes, P, CLASSES, BITS, BASE, floor
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
        found.append(
            (
                (fit["bits_per_param"] - 1.0) / fit["bits_per_param_error"],
                (fit["irreducible_bits"] - 1.5) / fit["irreducible_bits_error"],
            )
        )
        assert fit["bits_per_param"] == pytest.approx(1.0, rel=0.1)
    assert 0.4 < np.std(found) < 1.8


def test_another_base_is_another_ratio():
    # Only R ln b matters: a memory whose bits halve the loss needs fewer of them.
    halves = theory.model_scaling.class_losses(
        0.02 * SIZES, P, CLASSES, BITS, 2.0, 1.0
    ).mean_loss
    fit = fit_allocation(SIZES, halves, P, CLASSES, BITS)
    ratio = 0.02 * BITS * math.log(2)
    assert fit["bits_per_param"] == pytest.approx(ratio, rel=1e-4)


def test_models_that_learnt_nothing_tell_no_ratio():
    fit = fit_allocation(SIZES, np.full((7, 4), BITS + 1), P, CLASSES, BITS)
    assert fit["residual"] < 1e-3
    assert fit["bits_per_param_error"] == math.inf  # all is floor, or all is ignorance


def test_a_row_is_plain():
    fit = fit_allocation(SIZES, theirs(1.0, 1.0), P, CLASSES, BITS)
    assert json.loads(json.dumps(fit, allow_nan=False)) == fit


def test_thresholds_are_where_the_theory_begins_to_learn():
    # At each size the people met more often than that have a loss below a.
    counts = predict_threshold(SIZES, P, BITS, 1.0, visits=1e6)
    assert (np.diff(counts) < 0).all()
    for size, count in zip(SIZES, counts, strict=True):
        memory = theory.model_scaling.allocate(size, P, BITS, BASE).memory
        assert ((count * (1 + 1e-9) < 1e6 * P) == (memory > 0)).all()


def test_half_is_known_of_whom_one_meets_twice_as_often():
    counts = predict_threshold(SIZES, 7 * P, BITS, 1.0, visits=1e6, left=0.5)
    loss = BITS * np.exp(
        -np.array(
            [theory.model_scaling.allocate(s, P, BITS, BASE).memory for s in SIZES]
        )
        / BITS
    )
    for of_size, count in zip(loss, counts, strict=True):
        known = of_size <= BITS / 2
        assert (known == (count <= 1e6 * P)).mean() > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": np.ones(7)}, r"losses of shape \(7,\); m sizes need"),
        ({"parameters": SIZES[:3]}, r"\(3,\) sizes and losses of shape \(7, 4\)"),
        ({"measured": np.zeros((7, 4))}, "must be finite and above 0"),
        ({"measured": np.full((7, 4), math.nan)}, "must be finite and above 0"),
        ({"bits": 0.0}, r"bits=0.0 of knowledge"),
        ({"weights": P[:9]}, r"weights of shape \(9,\), classes of shape \(2000,\)"),
        ({"weights": -P}, "one weight of at least 0"),
        (
            {"classes": np.zeros(2000, int)},
            r"of the classes \[0\], the losses of 0 to 3",
        ),
        ({"weights": np.where(CLASSES == 3, 0, P)}, r"classes \[0, 1, 2\]"),
    ],
)
def test_refused_arguments(change, message):
    given = {
        "parameters": SIZES,
        "measured": np.ones((7, 4)),
        "weights": P,
        "classes": CLASSES,
        "bits": BITS,
    }
    with pytest.raises(ValueError, match=f"fit_allocation: .*{message}"):
        fit_allocation(**given | change)


def test_thresholds_out_of_range_are_refused():
    with pytest.raises(ValueError, match="left=0; all must be above 0"):
        predict_threshold(SIZES, P, BITS, 1.0, left=0)
    with pytest.raises(ValueError, match=r"bits_per_param=0\.0"):
        predict_threshold(SIZES, P, BITS, 0.0)
