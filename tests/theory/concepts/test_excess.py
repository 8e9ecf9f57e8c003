import mpmath
import numpy as np
import pytest
from scipy import stats

from kscale.theory.concepts import excess, finite_length


@pytest.mark.parametrize("unlearnt", [1e-9, 1e-3, 0.1, 0.815, 1.0])
@pytest.mark.parametrize("concepts", [7.0, 1e3, 1e10])
def test_errors_against_extended_precision(unlearnt, concepts):
    found = excess.training_error(unlearnt, concepts)
    with mpmath.workdps(60):
        R, m = mpmath.mpf(concepts), 6 * mpmath.mpf(unlearnt)
        q = m / R
        exact = 1 - (1 - q) ** R - m * (1 - q) ** (R - 1)
        printed = 1 - (1 - q) ** (R - 1) - m * (1 - q) ** (R - 1)
    np.testing.assert_allclose(found.exact, float(exact), rtol=3e-14)
    np.testing.assert_allclose(found.printed, float(printed), rtol=3e-14)


def test_error_is_the_sum_26_over_the_degrees_of_a_text():
    concepts, lost, d = 40, 0.2, 6.0
    degree = np.arange(concepts + 1)
    at_degree = stats.binom.sf(1, degree, lost)  # two or more of k concepts unlearnt
    total = stats.binom.pmf(degree, concepts, d / concepts) @ at_degree
    found = excess.training_error(lost, concepts, d)
    np.testing.assert_allclose(found.exact, total, rtol=1e-12)
    assert found.printed < found.exact


def test_error_rises_with_the_unlearnt_from_its_leading_term():
    error = excess.training_error(np.geomspace(1e-12, 1, 200), 1e6)
    assert (np.diff(error.exact) > 0).all()
    np.testing.assert_allclose(error.exact[0], error.small[0], rtol=1e-5)
    np.testing.assert_allclose(error.paper / error.small, 8.0)
    assert error.printed[0] < 0 < error.printed[-1]
    none = excess.training_error(0.0, 1e6)
    assert none.exact == 0
    assert not np.signbit(none).any()


def test_bounds_hold_for_every_pair_of_distributions_and_one_is_tight():
    q = np.linspace(0.01, 0.49, 30)  # P = (1/2, 1/2), Q = (q, 1-q)
    distance = 0.5 - q  # total variation
    divergence = -0.5 * np.log(4 * q * (1 - q))
    bound = excess.excess_entropy(distance)
    assert (bound.total_variation <= divergence).all()
    np.testing.assert_allclose(bound.half * 4, bound.total_variation)
    np.testing.assert_allclose(bound.total_variation[-1], divergence[-1], rtol=1e-3)


def test_mean_over_graphs_is_linear_in_sticking():
    found = excess.bimodal_error(4483.0, 23235.0)
    law = finite_length.corrected_law(4483.0, 23235.0)
    stuck = excess.training_error(law.unlearnt_if_stuck, 4483.0).exact
    freed = excess.training_error(law.floor, 4483.0).exact
    expected = law.stuck * stuck + (1 - law.stuck) * freed
    np.testing.assert_allclose(found.error, expected, rtol=1e-13)
    of_mean = excess.training_error(found.unlearnt, 4483.0).exact
    assert found.error > 1000 * of_mean
    assert found.half > excess.excess_entropy(found.error).half  # Jensen
    np.testing.assert_allclose(found.total_variation, 4 * found.half)
