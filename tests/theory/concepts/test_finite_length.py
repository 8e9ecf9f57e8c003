import jax
import mpmath
import numpy as np
import pytest
from blocks import corrected_law, density_evolution, printed_law

from kscale import theory
from kscale.theory.concepts import finite_length, poisson


def literal_alpha(concepts, texts, d, eps, x):
    """The summands of (22)-(23) as printed, in many digits."""
    R, T, d, eps = map(mpmath.mpf, (concepts, texts, d, eps))
    p = d / R
    n = R / eps

    def rho(s):
        return (1 - p + p * s) ** (n - 1)

    def lam(s):
        return (1 - p + p * s) ** (T - 1)

    def slope(law, exponent, s):
        return exponent * p * law(s) / (1 - p + p * s)

    z = 1 - x
    y = 1 - rho(z)
    star, steep = x / lam(y), slope(rho, n - 1, z)
    first = rho(z) ** 2 - rho(z**2) + steep * (1 - 2 * x * rho(z))
    first -= z**2 * slope(rho, n - 1, z**2)
    second = lam(y) ** 2 - lam(y**2) - y**2 * slope(lam, T - 1, y**2)
    scale = T * p * lam(y) ** 2
    return first / (scale * steep**2), star**2 * second / scale, star


@pytest.mark.parametrize(
    ("concepts", "texts", "d", "eps"),
    [(1e10, 4.5331e10, 6.0, 0.5), (1e10, 7e9, 6.0, 0.9), (50.0, 300.0, 4.0, 0.1)],
)
def test_printed_law_against_extended_precision(concepts, texts, d, eps):
    law = printed_law(concepts, texts, d, eps)
    with mpmath.workdps(60):
        x = mpmath.mpf(float(law.x_star))
        first, second, star = literal_alpha(concepts, texts, d, eps, x)
        alpha = mpmath.sqrt(first + second)
        margin = mpmath.sqrt(concepts / eps) * (star - mpmath.mpf(eps)) / alpha
        tail = mpmath.erfc(margin / mpmath.sqrt(2)) / 2
        unlearnt = float(mpmath.mpf(float(law.nu_star)) / eps * tail)
    np.testing.assert_allclose(law.text_term, float(first), rtol=1e-12)
    np.testing.assert_allclose(law.concept_term, float(second), rtol=1e-12)
    np.testing.assert_allclose(law.unlearnt, unlearnt, rtol=1e-9)
    np.testing.assert_allclose(law.learnt, concepts * (1 - unlearnt), rtol=1e-9)


def test_printed_law_depends_on_the_dummies_and_so_does_its_alpha():
    eps = np.array([0.05, 0.2, 0.5, 0.8, 0.95])
    law = printed_law(1e4, 4.8e4, 6.0, eps)
    assert law.unlearnt.max() > 40 * law.unlearnt.min()
    ours = finite_length.equivalent_alpha(6.0, eps)
    # with that alpha the law does not depend on eps: alpha ~ sqrt(eps)
    np.testing.assert_allclose(ours / np.sqrt(eps), ours[0] / np.sqrt(eps[0]))
    np.testing.assert_allclose(ours[2], 0.330, atol=5e-4)
    np.testing.assert_allclose(law.alpha[2], 0.590, atol=5e-4)


def test_equivalent_alpha_gives_the_slope_of_the_corrected_law():
    d, eps, c = 6.0, 0.5, np.array([4.5329896, 4.5329897])
    slope = (
        np.diff(poisson.poisson_threshold(c * d, d, eps).eps_star)[0] / np.diff(c)[0]
    )
    alpha = finite_length.equivalent_alpha(d, eps)
    ours = poisson.transition(d).sigma  # sqrt(R/eps) slope dc/alpha = sqrt(R) dc/sigma
    np.testing.assert_allclose(alpha * np.sqrt(eps) / slope, ours, rtol=1e-4)


def test_published_slips_one_by_one():
    ours = printed_law(3.6e5, 1.66e6)
    theirs = printed_law(3.6e5, 1.66e6, as_published=True)
    assert round(float(ours.alpha), 2) == 0.59
    assert round(float(theirs.alpha), 2) == 0.94
    assert theirs.eps_star == ours.eps_star
    # a concept without a text is left out of L: visible where there are few texts
    few = printed_law(1e4, 6e3, as_published=True)
    none = (1 - 6e-4) ** 6e3
    node = few.nu_star / few.eps_star
    literal = printed_law(1e4, 6e3)
    literal = literal.nu_star / literal.eps_star
    np.testing.assert_allclose(node, (literal - none) / (1 - none), rtol=1e-12)
    # no critical point, and still a threshold: that at the left end of their search
    absent = printed_law(1e4, 4e3, as_published=True)
    assert absent.x_star == 0.1
    assert np.isnan(printed_law(1e4, 4e3).eps_star)


def test_corrected_law_has_the_right_limits():
    law = corrected_law(1e6, [1e6, 3e6, 4.4e6, 4.7e6, 2e7])
    np.testing.assert_allclose(law.stuck, [1, 1, 1, 0, 0], atol=1e-9)
    evolved = density_evolution(1e6, [1e6, 3e6, 4.4e6, 4.7e6, 2e7])
    np.testing.assert_allclose(law.unlearnt, evolved, rtol=2e-4, atol=1e-11)
    np.testing.assert_allclose(law.learnt, 1e6 * (1 - law.unlearnt), rtol=1e-15)
    # without a jump it is density evolution
    law = corrected_law(1e9, [2e8, 1e9, 4e9], 2.0)
    assert np.isnan(law.stuck).all()
    evolved = density_evolution(1e9, [2e8, 1e9, 4e9], 2.0)
    np.testing.assert_allclose(law.unlearnt, evolved, rtol=1e-6)


@pytest.mark.parametrize("d", [1.5, 3.0, 4.0, 6.0])
def test_floor_is_where_density_evolution_from_all_learnt_ends(d):
    concepts, c = 1e5, np.array([0.5, 0.97, 1.0, 1.2, 1.6, 1.75, 4.0, 10.0])
    law = corrected_law(concepts, c * concepts, d)
    low, high = np.zeros(len(c)), np.ones(len(c))
    for _ in range(3000):
        low, high = (np.exp(-c * d * np.exp(-d * z)) for z in (low, high))
    np.testing.assert_allclose(law.floor, low, rtol=1e-10)
    below = ~(c > poisson.transition(d).texts_per_concept)
    np.testing.assert_allclose(law.unlearnt_if_stuck[below], high[below], rtol=1e-10)
    assert (np.diff(law.floor) < 0).all()
    assert (np.diff(law.unlearnt) < 0).all()
    # at least the concepts without a text, and those alone where texts abound
    isolated = np.exp(-c * d)
    assert (law.floor[:-1] > isolated[:-1]).all()
    np.testing.assert_allclose(law.floor[-1], isolated[-1], rtol=1e-3)


def test_floor_has_the_values_of_the_reference():
    law = corrected_law(2e4, [3.2e4, 3.5e4], 4.0)
    np.testing.assert_allclose(law.floor, [0.001737, 0.000936], atol=5e-7)
    np.testing.assert_allclose(law.unlearnt, law.floor, rtol=1e-9)


def test_corrected_law_falls_with_texts_and_sharpens_with_size():
    c, R = np.linspace(4.0, 5.5, 301), np.array([[1e3], [1e5], [1e7], [1e10]])
    law = corrected_law(R, c * R)
    assert (np.diff(law.unlearnt, axis=1) <= 1e-15).all()
    widths = ((law.stuck > 0.01) & (law.stuck < 0.99)).sum(axis=1)
    assert (np.diff(widths) <= 0).all()
    assert widths[-1] <= 1


@pytest.mark.parametrize("d", [1.5, 2.0, 3.0, 6.0])
def test_derivatives_of_the_corrected_law(d):
    def learnt(texts, d):
        return finite_length.corrected_law(1e4, texts, d).learnt

    texts, step = 2.1e4, 1e-4
    with theory.float64():
        slopes = np.array(jax.grad(learnt, (0, 1))(texts, d))
    up, down = texts * (1 + step), texts * (1 - step)
    along = (learnt(up, d) - learnt(down, d)) / (up - down)
    across = (learnt(texts, d + step) - learnt(texts, d - step)) / (2 * step)
    np.testing.assert_allclose(slopes, [along, across], rtol=1e-5)
