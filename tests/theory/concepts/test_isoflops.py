import numpy as np
import pytest
from blocks import (
    compute_optimal,
    corrected_law,
    density_evolution,
    isoflop,
    printed_law,
    spurious_optimum,
)


def test_curve_is_the_three_laws_along_the_budget():
    ratios = [0.3, 0.9, 0.98, 1.02, 1.5, 2.5]
    found = isoflop(1e20, ratios)
    law = printed_law(found.concepts, found.texts)
    np.testing.assert_allclose(found.learnt_paper, law.learnt, rtol=1e-14)
    np.testing.assert_allclose(found.eps_star, law.eps_star, rtol=1e-14)
    iid = corrected_law(found.concepts, found.texts).learnt
    np.testing.assert_allclose(found.learnt_iid, iid, rtol=1e-14)
    lost = density_evolution(found.concepts, found.texts)
    np.testing.assert_allclose(found.learnt_de, found.concepts * (1 - lost), rtol=1e-12)
    np.testing.assert_allclose(found.concepts * found.texts, 1e20 / 9.6e11, rtol=1e-14)
    assert np.isnan(isoflop(1e20, 4.0).learnt_paper)  # d T/R below e


@pytest.mark.slow
def test_peaks_lie_at_the_optimum():
    best = compute_optimal([1e19, 1e22])
    ratio = np.linspace(0.5, 1.0, 2001)
    curve = isoflop(np.array([[1e19], [1e22]]), ratio)
    top = curve.learnt_paper.argmax(axis=1)
    peak = np.take_along_axis(curve.concepts, top[:, None], 1)[:, 0]
    np.testing.assert_allclose(peak, best.concepts, rtol=1e-3)


@pytest.mark.parametrize("compute_budget", [1e18, 1e22, 1e30])
@pytest.mark.parametrize("eps", [0.1, 0.5])
def test_spurious_optimum_claims_more_than_texts_can_teach(compute_budget, eps):
    far = spurious_optimum(compute_budget, eps=eps)
    best = compute_optimal(compute_budget, eps=eps)
    np.testing.assert_allclose(6 * far.texts / far.concepts, np.e, rtol=0.05)
    assert far.learnt > 2 * best.learnt
    assert far.learnt_per_text > 1.8
    assert far.learnt_de < 0.05 * far.texts
    # equation (2) rises up to there, and ends
    share = 1 - np.geomspace(0.3, 1e-9, 40)
    law = printed_law(share * far.concepts, far.texts / share, eps=eps).learnt
    assert (np.diff(law) > 0).all()
    np.testing.assert_allclose(law[-1], far.learnt, rtol=2e-3)
    beyond = printed_law(1.0001 * far.concepts, far.texts / 1.0001)
    assert np.isnan(beyond.learnt)
