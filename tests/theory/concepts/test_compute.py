import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from blocks import compute_optimal, corrected_law, printed_law

from kscale.theory import float64
from kscale.theory.concepts import compute, poisson

pytestmark = pytest.mark.usefixtures("optimized")

MODES = ("paper", "iid", "de")
SWEEP = np.geomspace(1e18, 1e30, 200)


@pytest.fixture(scope="module")
def sweep():
    return {mode: compute_optimal(SWEEP, mode) for mode in MODES}


def test_chinchilla_and_slips_that_cost_few_concepts():
    best = compute_optimal(5.76e23)
    np.testing.assert_allclose(best.parameters, 70e9, rtol=0.03)
    np.testing.assert_allclose(best.tokens, 1.4e12, rtol=0.05)
    # a larger alpha asks for a wider margin from the threshold
    theirs = compute_optimal(5.76e23, as_published=True)
    assert 0.97 * best.concepts < theirs.concepts < best.concepts


def test_budget_is_spent_and_units_agree(sweep):
    for best in sweep.values():
        np.testing.assert_allclose(best.concepts * best.texts, best.budget, rtol=1e-14)
        np.testing.assert_allclose(6 * best.parameters * best.tokens, SWEEP, rtol=1e-14)
        np.testing.assert_allclose(best.learnt, best.fraction * best.concepts)
        assert (best.learnt <= np.minimum(best.concepts, best.texts)).all()


def test_it_is_a_maximum_and_the_first(sweep):
    for mode, law in (("paper", printed_law), ("iid", corrected_law)):
        best = sweep[mode]
        # up to the optimum the curve rises, just beyond it falls
        steps = np.linspace(0.3, 1.0, 60)[:, None]
        rising = law(steps * best.concepts, best.texts / steps).learnt
        assert (np.diff(rising, axis=0) > 0).all()
        width = 0.05 / np.sqrt(best.concepts)
        beyond = law(best.concepts * (1 + width), best.texts / (1 + width)).learnt
        assert (beyond < best.learnt).all()


@pytest.mark.parametrize(
    ("budget", "d"), [(1e6, 6.0), (1e12, 6.0), (1e20, 6.0), (1e8, 3.0), (1e8, 3.5)]
)
def test_corrected_optimum_against_extended_precision(budget, d):
    best = compute_optimal(budget * 6 * 2e5 * 8e5, "iid", d)
    _, c, _, z, sigma, kappa, _ = map(mpmath.mpf, map(float, poisson.transition(d)))
    with mpmath.workdps(50):

        def learnt(R):
            T = budget / R
            width = mpmath.sqrt(R) / sigma / mpmath.sqrt(2)
            margin = width * (T / R - c - kappa * R ** (-mpmath.mpf(2) / 3))
            stuck = mpmath.erfc(margin) / 2
            a = d * T / R
            low = mpmath.findroot(
                lambda t: t + a * mpmath.exp(-d * mpmath.exp(t)), (-a, -a * 0.99)
            )
            return R * (1 - stuck * z - (1 - stuck) * mpmath.exp(low))

        near = mpmath.mpf(float(best.concepts))
        exact = mpmath.findroot(
            lambda R: mpmath.diff(learnt, R), (near, near * (1 + mpmath.mpf(1e-9)))
        )
        np.testing.assert_allclose(best.concepts, float(exact), rtol=1e-11)
        np.testing.assert_allclose(best.learnt, float(learnt(exact)), rtol=1e-12)


def test_texts_per_concept_fall_to_the_threshold(sweep):
    c = poisson.transition(6.0).texts_per_concept
    for mode, best in sweep.items():
        assert (np.diff(best.texts_per_concept) < 0).all(), mode
        assert (best.texts_per_concept > c).all()
        np.testing.assert_allclose(best.texts_per_concept[-1], c, rtol=1e-3)
        assert (np.diff(best.learnt) > 0).all()
    # the threshold is the most that can be hoped for
    assert (sweep["paper"].concepts < sweep["iid"].concepts).all()
    assert (sweep["iid"].concepts < sweep["de"].concepts).all()
    law = printed_law(sweep["de"].concepts, sweep["de"].texts)
    np.testing.assert_allclose(law.eps_star, 0.5, rtol=1e-13)
    np.testing.assert_allclose(sweep["de"].fraction, 1.0, atol=1e-11)


def test_with_short_texts_the_floor_sets_the_optimum():
    best = compute_optimal([1e22, 1e26, 1e30], "iid", 3.0)
    c, z, d = best.texts_per_concept, 1 - best.fraction, 3.0
    assert (c > 1.03 * poisson.transition(d).texts_per_concept).all()
    np.testing.assert_allclose(z, np.exp(-c * d * np.exp(-d * z)), rtol=1e-12)
    # of R (1 - z(C'/R^2)): 1 - z + 2 c dz/dc = 0, whatever the compute
    fall = d * z * np.exp(-d * z) / (1 - c * d**2 * z * np.exp(-d * z))
    np.testing.assert_allclose(1 - z, 2 * c * fall, rtol=1e-9)


def test_exponents_are_near_one_half_and_add_up_to_one():
    sizes = np.geomspace(1e18, 1e26, 9)
    found, twice = map(compute.scaling_exponents, (sizes, [*sizes[1:], sizes[-1]]))
    np.testing.assert_allclose(found.parameters, 0.508, atol=5e-4)
    np.testing.assert_allclose(found.tokens, 0.492, atol=5e-4)
    np.testing.assert_allclose(found.parameters + found.tokens, 1.0, rtol=1e-14)
    assert 0.5 < found.parameters_at_end < found.parameters
    # a compute given twice does not spoil the end
    np.testing.assert_allclose(twice.parameters_at_end, found.parameters_at_end, 1e-12)


def test_slope_of_the_optimum_is_its_derivative():
    with float64():
        slope = jax.jacfwd(
            lambda x: jnp.log(compute.compute_optimal(jnp.exp(x), "iid").concepts)
        )(np.log(1e22))
    near = compute_optimal(1e22 * np.exp([-1e-4, 1e-4]), "iid").concepts
    np.testing.assert_allclose(slope, np.diff(np.log(near))[0] / 2e-4, rtol=1e-7)


def test_a_maximum_beyond_the_threshold_is_found():
    best = compute_optimal(1e24, d=25.0)  # of few concepts in long texts
    assert best.concepts > 1.05 * best.threshold_concepts
    sizes = np.linspace(26.0, 1.2 * best.concepts, 2000)
    learnt = printed_law(sizes, best.budget / sizes, 25.0).learnt
    first = np.argmax(np.diff(learnt) < 0)
    np.testing.assert_allclose(best.concepts, sizes[first], atol=sizes[1] - sizes[0])


def test_where_there_is_no_maximum_is_nan():
    assert np.isnan(compute_optimal(1e22, "iid", d=2.0).concepts)
    assert np.isnan(compute_optimal(1e10, "iid").concepts)
    assert np.isnan(compute_optimal([1e10, 1e12], "de").concepts).all()
    # astronomic compute, but for its limit
    found = [compute_optimal(1e80, mode) for mode in MODES]
    assert np.isnan([best.concepts for best in found[:2]]).all()
    ratio = poisson.transition(6.0).texts_per_concept
    np.testing.assert_allclose(found[2].texts_per_concept, ratio, rtol=1e-12)
