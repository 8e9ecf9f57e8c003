import mpmath
import numpy as np
from scipy import stats

from kscale.theory.concepts import finite_length
from kscale.theory.concepts.polynomial_ensemble import polynomial_threshold


def test_regular_three_six_is_the_published_ensemble_to_every_digit():
    found = polynomial_threshold([0, 0, 1], [0, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(found.eps_star, 0.42944, rtol=1e-5)
    np.testing.assert_allclose(found.alpha, 0.560355, rtol=1e-5)
    with mpmath.workdps(40):
        x = mpmath.findroot(  # of eps'(x) = 0: y(x) = 2 x y'(x), y = 1 - (1-x)^5
            lambda x: 1 - (1 - x) ** 5 - 10 * x * (1 - x) ** 4, (0.2, 0.3)
        )
        y = 1 - (1 - x) ** 5
        exact = [float(v) for v in (x / y**2, x, y, x / y**2 * y**3)]
    np.testing.assert_allclose(found[:4], exact, rtol=1e-14)


def test_stable_ensembles_end_at_zero_or_one():
    # degree 2 symbols: eps* = 1/(lambda'(0) rho'(1)) and no jump
    found = polynomial_threshold([0, 1], [0, 0, 0, 1])
    np.testing.assert_allclose([found.eps_star, found.x_star], [1 / 3, 0], atol=1e-15)
    assert np.isnan(found.alpha)
    # checks of degree 2 decode only what is decoded already: up to everything erased
    found = polynomial_threshold([0, 0, 0, 1], [0, 1])
    np.testing.assert_allclose([found.eps_star, found.x_star], 1.0)
    # symbols of degree 1 and no minimum: no threshold
    assert np.isnan(polynomial_threshold([0.2, 0.8], [0, 0, 0, 1]).eps_star)


def test_irregular_threshold_is_the_least_on_a_grid():
    lam, rho = [0, 0.3, 0.3, 0, 0.4], [0, 0, 0, 0, 0.5, 0.5]
    found = polynomial_threshold(lam, rho)
    x = np.linspace(1e-6, 1, 200_001)
    y = 1 - np.polyval(rho[::-1], 1 - x)
    np.testing.assert_allclose((x / np.polyval(lam[::-1], y)).min(), found.eps_star)


def test_binomial_degrees_written_out_give_the_binomial_solver():
    concepts, texts, d, eps = 20, 60, 5.0, 0.5
    lam = stats.binom.pmf(np.arange(texts), texts - 1, d / concepts)
    rho = stats.binom.pmf(np.arange(40), 39, d / concepts)
    ours = polynomial_threshold(lam, rho)
    law = finite_length.printed_law(concepts, texts, d, eps)
    np.testing.assert_allclose(ours.eps_star, law.eps_star, rtol=1e-12)
    np.testing.assert_allclose(ours.alpha, law.alpha, rtol=1e-6)
    # L has no constant term here: L(1) - L(0) is all that lambda tells
    assert ours.nu_star < law.nu_star
