"""Information about coins of known frequency: plain sums, seams, the power law."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blocks import known_weights as power_law
from scipy import stats

from kscale import theory
from kscale.theory.data_scaling import bayes, redundancy
from kscale.theory.data_scaling import known_weights as kw
from kscale.theory.data_scaling.redundancy_bounds import redundancy_bound

pytestmark = pytest.mark.usefixtures("optimized")


def plain(draws, p):
    t = np.arange(draws + 1)
    law = stats.binom.pmf(t[None, :], draws, p[:, None])
    return (law @ bayes.coin_information(t)).sum()


def test_plain_sums_on_both_sides_of_the_expansion():
    p = np.array([0.6, 0.25, 0.1, 0.05])
    for draws in (0, 1, 50, 10_000):
        got = kw.known_weights_information(draws, p)
        assert got == pytest.approx(plain(draws, p), rel=1e-10), draws
    one = kw.known_weights_information(1000, [1.0, 0.0, 0.0, 0.0])
    assert one == pytest.approx(bayes.coin_information(1000), rel=1e-12)


def test_one_draw_tells_the_same_of_any_law():
    got = power_law(1, [0.3, 0.5, 0.9])
    np.testing.assert_allclose(got, np.log(2) - 0.5, rtol=1e-12)


def test_the_power_law_is_a_redundancy_of_a_table():
    # E I(t) = N p E f(t'), t' ~ Binomial(N-1, p), with f(t) = I(t+1)/(t+1)
    t = np.arange(1, 401)
    table = bayes.coin_information(t) / t
    red = redundancy.data_redundancy_power_law_of_table(399, 0.5, table)
    got = power_law(400, 0.5)
    assert got == pytest.approx(400 * red, rel=1e-9)


def test_the_constant_is_the_limit_and_growth_is_monotone():
    draws = np.logspace(0, 12, 13).round()
    curve = power_law(draws, 0.5)
    assert np.all(np.diff(curve) > 0)
    # less than all that theorem 5.2 must pay for
    assert np.all(curve < redundancy_bound(draws, 0.5, 1.0, d_knw=1).total)
    constant = kw.known_weights_constant(0.5)
    # the first correction is -E I of the head over 2, of order ln N
    assert curve[-1] / 1e6 == pytest.approx(constant, rel=2e-5)
    # by thirty digits of the sum over counts
    assert constant == pytest.approx(0.786956947741401963, rel=1e-13)


@pytest.mark.parametrize("p", [[0.7, 0.3], [1.0, 0.0]])
def test_slopes_in_the_frequencies(p):
    # E I(t) is a polynomial in p: its derivatives by Bernstein's differences
    draws = 6
    with theory.float64():
        got = jax.grad(lambda p: kw.known_weights_information(6.0, p))(jnp.asarray(p))
    rise = np.diff(bayes.coin_information(np.arange(draws + 1)))
    law = stats.binom.pmf(np.arange(draws)[None, :], draws - 1, np.array(p)[:, None])
    np.testing.assert_allclose(got, draws * law @ rise, rtol=1e-12)


@pytest.mark.slow
def test_slopes_on_both_sides_of_the_expansion():
    with theory.float64():
        for p in (0.2, 0.9):
            step = 1e-5
            slope = jax.grad(lambda q: kw._binomial_information(2000.0, q))(p)
            ends = [kw._binomial_information(2000.0, p + e) for e in (step, -step)]
            quotient = float(ends[0] - ends[1]) / (2 * step)
            assert slope == pytest.approx(quotient, rel=1e-6)
        few = jax.grad(lambda n: kw.known_weights_information(n, jnp.array([1.0])))
        assert np.isnan(few(10.0))
        assert few(1e4) == pytest.approx(0.5e-4, rel=1e-2)
