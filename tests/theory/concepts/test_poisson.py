import mpmath
import numpy as np
import pytest

from kscale.theory.concepts import poisson


@pytest.mark.parametrize("d", [2.72, 3.0, 6.0, 20.0, 300.0])
def test_transition_against_extended_precision(d):
    with mpmath.workdps(40):
        u = -1 / mpmath.lambertw(-1 / mpmath.mpf(d)).real
        a = mpmath.exp(u) / u
        c, z = a / d, u / d
        sigma = mpmath.sqrt(c**2 * (1 - z) / (z * mpmath.log(z) ** 2) - c)
        exact = [float(x) for x in (u, c, a, z, sigma)]
    found = poisson.transition(d)
    np.testing.assert_allclose(found[:5], exact, rtol=3e-13)
    if d == 6:  # as published
        np.testing.assert_allclose(found.texts_per_concept, 4.532990, rtol=1e-6)


def test_at_the_transition_the_upper_fixed_points_meet_and_eps_star_is_eps():
    at = poisson.transition(6.0)
    below = poisson.fixed_points(at.texts_of_a_concept * (1 - 1e-10))
    above = poisson.fixed_points(at.texts_of_a_concept * (1 + 1e-10))
    np.testing.assert_allclose(below.high, at.unlearnt, rtol=1e-4)
    assert np.isnan(above.high)
    assert above.low < 1e-11
    for eps in (0.05, 0.5, 0.95):
        star = poisson.poisson_threshold(at.texts_of_a_concept, 6.0, eps)
        np.testing.assert_allclose(star.eps_star, eps, rtol=1e-13)


@pytest.mark.parametrize("a", [1e-6, 1.0, 2.7, 2.72, 10.0, 24.0, 27.1, 30.0, 700.0])
@pytest.mark.parametrize("d", [0.5, 2.0, 6.0])
def test_fixed_points_are_the_limits_of_iteration(a, d):
    def settle(z):
        for _ in range(20_000):
            z, before = np.exp(-a * np.exp(-d * z)), z
            if z == before:
                break
        return z

    found = poisson.fixed_points(a, d)
    np.testing.assert_allclose(found.low, settle(0.0), rtol=1e-9)
    largest = found.low if np.isnan(found.high) else found.high
    np.testing.assert_allclose(largest, settle(1.0), rtol=1e-9)


def test_texts_overflow_and_a_threshold_rises_with_them_and_is_none_below_e():
    found = poisson.transition(1e4)
    assert found.texts_per_concept == found.sigma == found.shift == np.inf
    assert 0.9998 < found.unlearnt < 1
    assert np.isfinite(poisson.transition(700.0)).all()
    found = poisson.poisson_threshold(np.geomspace(2.72, 1e10, 200))
    assert (np.diff(found.eps_star) > 0).all()
    assert not np.isnan(found).any()
    assert np.isnan(poisson.poisson_threshold(2.7)).all()
    assert np.isnan(poisson.transition([1.0, 2.7])).all()
