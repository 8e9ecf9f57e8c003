import jax
import mpmath
import numpy as np
import pytest
from blocks import density_evolution, matching_bound, threshold
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.theory import float64
from kscale.theory.concepts import density, poisson


def literal(concepts, texts, d=6.0, eps=0.5):
    """eps(x), its slope and the unlearnt fraction, as printed, in many digits."""
    R, T, d, eps = map(mpmath.mpf, (concepts, texts, d, eps))
    p = d / R

    def rho(x):
        return (1 - p + p * x) ** (R / eps - 1)

    def f(x):
        return x / (1 - p + p * (1 - rho(1 - x))) ** (T - 1)

    return f, lambda x: (1 - p + p * (1 - rho(1 - x))) ** T


@pytest.mark.parametrize(
    ("concepts", "texts", "d", "eps"),
    [
        (1e10, 4.6e10, 6.0, 0.5),
        (1e10, 6e9, 6.0, 0.5),
        (20.0, 90.0, 4.0, 0.3),
        (3e7, 1.5e9, 10.0, 0.9),
        (1e10, 1e10, 2.7182822, 0.5),  # where the critical points all but meet
    ],
)
def test_threshold_against_extended_precision(concepts, texts, d, eps):
    found = threshold(concepts, texts, d, eps)
    with mpmath.workdps(50):
        f, node = literal(concepts, texts, d, eps)

        def slope(x):
            return mpmath.diff(lambda t: mpmath.log(f(mpmath.exp(t))), mpmath.log(x))

        for ours in (found.x_star, found.x_minus):
            exact = mpmath.findroot(slope, (ours, ours * (1 + mpmath.mpf(1e-6))))
            np.testing.assert_allclose(ours, float(exact), rtol=2e-12)
        # both values are stationary, so that of our x is as good as that of the exact
        star = f(mpmath.mpf(float(found.x_star)))
        nu = star * node(mpmath.mpf(float(found.x_star)))
        top = f(mpmath.mpf(float(found.x_minus)))
    np.testing.assert_allclose(found.eps_star, float(star), rtol=2e-14)
    np.testing.assert_allclose(found.nu_star, float(nu), rtol=2e-14)
    np.testing.assert_allclose(found.eps_local_max, float(top), rtol=2e-13)


def test_threshold_is_a_minimum_between_a_maximum_and_the_end():
    found = threshold(500.0, 2400.0)
    f, _ = literal(500, 2400)
    x = np.linspace(float(found.x_minus), 0.95, 4001)
    grid = np.array([float(f(value)) for value in x])
    np.testing.assert_allclose(grid.min(), found.eps_star, rtol=1e-6)
    np.testing.assert_allclose(grid.max(), found.eps_local_max, rtol=1e-10)


def test_large_graphs_reach_the_poisson_limit():
    d, c = 6.0, 4.6
    limit = poisson.poisson_threshold(c * d, d)
    errors = [
        abs(threshold(R, c * R, d).eps_star / limit.eps_star - 1)
        for R in (1e4, 1e6, 1e8)
    ]
    np.testing.assert_allclose(np.divide(errors[:2], errors[1:]), 100.0, rtol=0.05)
    stuck = density_evolution(1e10, 3e10, d)
    np.testing.assert_allclose(stuck, poisson.fixed_points(3 * d, d).high, rtol=1e-8)


@pytest.mark.parametrize("texts", [1.0, 200.0, 3000.0, 4700.0, 6000.0])
@pytest.mark.parametrize("eps", [0.2, 0.8])
def test_density_evolution_is_the_limit_of_its_iteration(texts, eps):
    p, x = 6.0 / 1000, eps
    for _ in range(5000):
        gap = np.exp((1000 / eps - 1) * np.log1p(-p * x))
        x = eps * np.exp((texts - 1) * np.log1p(-p * gap))
    ours = density_evolution(1000.0, texts, 6.0, eps)
    gap = np.exp((1000 / eps - 1) * np.log1p(-p * x))
    np.testing.assert_allclose(ours, np.exp(texts * np.log1p(-p * gap)), rtol=1e-9)


@settings(max_examples=15)
@given(st.floats(2.0, 8.0), st.floats(50.0, 1e9), st.floats(0.05, 0.95))
def test_more_texts_help(d, concepts, eps):
    texts = concepts * np.geomspace(0.05, 40.0, 60)
    unlearnt = density_evolution(concepts, texts, d, eps)
    assert (np.diff(unlearnt) <= 1e-13).all()
    star = threshold(concepts, texts, d, eps).eps_star
    has = ~np.isnan(star)
    assert (np.diff(has.astype(int)) >= 0).all()
    assert (np.diff(star[has]) > 0).all()
    bound = matching_bound(concepts, texts, d, eps)
    real = has & (star < 1)  # beyond 1 it is a formal continuation
    assert (star[real] <= bound[real] * (1 + 1e-9)).all()


def test_derivative_of_the_threshold_is_that_at_fixed_x():
    with float64():
        slope = jax.grad(lambda T: density.threshold(1e4, T).eps_star)(4.8e4)
    near = threshold(1e4, [4.8e4 - 1, 4.8e4 + 1]).eps_star
    np.testing.assert_allclose(slope, np.diff(near)[0] / 2, rtol=1e-8)
