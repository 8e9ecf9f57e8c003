"""Power laws of the Pitman-Yor process against the exact curves they stand for."""

import mpmath
import numpy as np
import pytest

from kscale.theory.pitman_yor import moments, sampling, tails

PROCESSES = [(0.5, 1.0), (0.8, 0.0), (0.3, -0.2)]


def test_constants_are_the_limits():
    (alpha, beta), n = np.transpose(PROCESSES), 1e10
    constants = tails.power_law_constants(alpha, beta)
    sticks = moments.stick_remainder(n, alpha, beta) * n ** (1 / alpha - 1)
    np.testing.assert_allclose(sticks, constants.stick, rtol=1e-8)
    tables = moments.expected_tables(n, alpha, beta) + beta / alpha
    np.testing.assert_allclose(tables / n**alpha, constants.tables, rtol=1e-8)
    atoms = tails.expected_atoms_above(1e-10, 0.5, 1.0)
    assert atoms == pytest.approx(constants.tables[0] / np.sqrt(np.pi) * 1e5, rel=1e-4)


def test_ranked_constant_in_closed_form():
    # Gamma(1/2)^-2 Gamma(5)/(2 Gamma(3)) = 6/pi
    constants = tails.power_law_constants(0.5, 1.0)
    assert constants.ranked == pytest.approx(6 / np.pi, rel=1e-13)
    assert tails.zipf_curve(100, 0.5, 1.0) == pytest.approx(6e-4 / np.pi, rel=1e-13)
    # there is no power law in a Dirichlet process
    assert np.isnan(tails.power_law_constants(0.0, 2.0)).all()
    assert np.isnan(tails.zipf_curve(10, 0.0, 2.0))


def test_zipf_curve_is_the_mean_of_ranked_samples():
    rng = np.random.default_rng(1)
    weights = sampling.stick_breaking(rng, 3000, 0.5, 1.0, (400,)).weights
    ranked = np.sort(weights, axis=1)[:, ::-1][:, 59]
    se = ranked.std(ddof=1) / 20
    # at rank 60 the curve is within 3 % of the mean
    assert abs(ranked.mean() - tails.zipf_curve(60, 0.5, 1.0)) < 4 * se + 3e-5


@pytest.mark.parametrize("process", [*PROCESSES, (0.0, 2.0), (0.5, 30.0)])
def test_atoms_above_is_the_integral_of_the_density(process):
    a, b = map(mpmath.mpf, process)
    scale = mpmath.gammaprod([1 + b], [1 - a, a + b])

    def over_logarithm(y):
        return mpmath.exp(-a * y) * (1 - mpmath.exp(y)) ** (a + b - 1)

    def from_above(v):  # of (1-p)^(a+b), in which the end at p = 1 is not singular
        return (1 - v ** (1 / (a + b))) ** (-1 - a) / (a + b)

    x = np.array([1e-6, 0.01, 0.3, 0.4, 0.9])
    got = tails.expected_atoms_above(x, *process)
    for i in (0, 1):
        ends = mpmath.linspace(mpmath.log(x[i]), mpmath.log(x[2]), 20)
        exact = float(scale * mpmath.quad(over_logarithm, ends))
        assert got[i] - got[2] == pytest.approx(exact, rel=1e-10), x[i]
    for i in (3, 4):
        ends = mpmath.linspace(0, (1 - mpmath.mpf(x[i])) ** (a + b), 9)
        exact = float(scale * mpmath.quad(from_above, ends))
        assert got[i] == pytest.approx(exact, rel=1e-10), x[i]


def test_sizes_are_a_law_and_the_limit():
    share = tails.table_size_law(np.arange(1.0, 1e6), 0.5)
    # what is left falls like n^-alpha/Gamma(1-alpha)
    assert share.sum() + 1e-3 / np.sqrt(np.pi) == pytest.approx(1, rel=1e-6)
    n = 1e11
    limit = moments.expected_tables_of_size(4, n, 0.5, 1.0)
    limit /= moments.expected_tables(n, 0.5, 1.0)
    assert share[3] == pytest.approx(limit, rel=1e-5)
