"""Power laws of the Pitman-Yor process against the exact curves they stand for."""

import mpmath
import numpy as np
import pytest

from kscale.theory.pitman_yor import moments, sampling, tails

PROCESSES = [(0.5, 1.0), (0.8, 0.0), (0.3, -0.2)]


@pytest.mark.parametrize("process", PROCESSES)
def test_constants_are_the_limits(process):
    alpha, n = process[0], 1e10
    constants = tails.power_law_constants(*process)
    sticks = moments.stick_remainder(n, *process) * n ** (1 / alpha - 1)
    assert sticks == pytest.approx(constants.stick, rel=1e-8)
    tables = moments.expected_tables(n, *process) + process[1] / alpha
    assert tables / n**alpha == pytest.approx(constants.tables, rel=1e-8)


def test_there_is_no_power_law_in_a_dirichlet_process():
    assert np.isnan(tails.power_law_constants(0.0, 2.0)).all()
    assert np.isnan(tails.zipf_curve(10, 0.0, 2.0))


def test_ranked_constant_in_closed_form():
    # Gamma(1/2)^-2 Gamma(5)/(2 Gamma(3)) = 6/pi
    constants = tails.power_law_constants(0.5, 1.0)
    assert constants.ranked == pytest.approx(6 / np.pi, rel=1e-13)
    assert tails.zipf_curve(100, 0.5, 1.0) == pytest.approx(6e-4 / np.pi, rel=1e-13)


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
    for x in (1e-6, 0.01, 0.4, 0.9):
        # with v = (1-p)^(a+b) the end at p = 1 is no longer singular
        exact = (
            mpmath.quad(
                lambda v: (1 - v ** (1 / (a + b))) ** (-1 - a),
                mpmath.linspace(0, (1 - mpmath.mpf(x)) ** (a + b), 9),
            )
            if x > 0.3
            else mpmath.quad(
                lambda y: (
                    (a + b) * mpmath.exp(-a * y) * (1 - mpmath.exp(y)) ** (a + b - 1)
                ),
                mpmath.linspace(mpmath.log(x), mpmath.log(0.3), 20),
            )
        )
        got = tails.expected_atoms_above(x, *process)
        if x <= 0.3:
            got = got - tails.expected_atoms_above(0.3, *process)
        assert got == pytest.approx(float(scale / (a + b) * exact), rel=1e-10), x


def test_atoms_above_far_down_is_the_power_law():
    constants = tails.power_law_constants(0.5, 1.0)
    x = 1e-10
    asymptote = constants.tables / np.sqrt(np.pi) * x**-0.5
    assert tails.expected_atoms_above(x, 0.5, 1.0) == pytest.approx(asymptote, rel=1e-4)


def test_sizes_are_a_law_and_the_limit():
    share = tails.table_size_law(np.arange(1.0, 1e6), 0.5)
    # what is left falls like n^-alpha/Gamma(1-alpha)
    assert share.sum() + 1e-3 / np.sqrt(np.pi) == pytest.approx(1, rel=1e-6)
    n = 1e11
    limit = moments.expected_tables_of_size(4, n, 0.5, 1.0)
    limit /= moments.expected_tables(n, 0.5, 1.0)
    assert share[3] == pytest.approx(limit, rel=1e-5)
