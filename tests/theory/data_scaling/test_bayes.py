"""Conjugate information against sums over all sequences, and its large-n limits."""

import itertools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import special

from kscale import theory
from kscale.theory.data_scaling import bayes


def by_sequences(draws, nature, player):
    """Sum over every sequence of the mean of ln P_theta(x) - ln Q(x)."""
    nature, player = np.asarray(nature, float), np.asarray(player, float)
    regret = 0.0
    for x in itertools.product(range(len(nature)), repeat=draws):
        s = np.bincount(x, minlength=len(nature))

        def log_marginal(a, s=s):
            rising = special.gammaln(a + s) - special.gammaln(a)
            total = special.gammaln(a.sum() + draws) - special.gammaln(a.sum())
            return rising.sum() - total

        # theta given x is Dirichlet(a + s): its mean of ln P_theta(x)
        after = nature + s
        known = s @ (special.digamma(after) - special.digamma(after.sum()))
        regret += math.exp(log_marginal(nature)) * (known - log_marginal(player))
    return regret


@pytest.mark.parametrize("nature", [[1.0, 1.0], [0.5, 2.0, 1.0], [1e-3, 3.0]])
def test_every_sequence_is_summed_and_no_player_beats_bayes(nature):
    for draws in (1, 5):
        exact = by_sequences(draws, nature, nature)
        best = bayes.dirichlet_information(draws, nature)
        assert best == pytest.approx(exact, rel=1e-11, abs=1e-14)
    player = [1.0, 2.0, 1.0][: len(nature)]
    regret = bayes.dirichlet_regret(5, nature, player)
    assert regret == pytest.approx(by_sequences(5, nature, player), rel=1e-11)
    assert regret > best


@pytest.mark.slow
def test_the_coin_is_the_conjugate_case_and_one_outcome_or_no_draws_tell_nothing():
    assert bayes.dirichlet_information(7, [2.0]) == 0
    assert bayes.dirichlet_information(0, [1.0, 1.0]) == 0
    assert bayes.coin_information(1) == pytest.approx(math.log(2) - 0.5, rel=1e-14)
    for draws in (1, 23, 24, 200):
        sums = bayes.dirichlet_information(draws, [1.0, 1.0])
        assert bayes.coin_information(draws) == pytest.approx(sums, rel=1e-12)


def test_the_coin_to_a_million_million_tosses():
    with mpmath.workdps(60):
        for t in (24, 1000, 10**12):
            z, log = mpmath.mpf(t + 1), mpmath.log
            barnes = log(mpmath.barnesg(z + 1)) if t < 100 else log_barnes(z)
            exact = log(z) + mpmath.loggamma(z) - 2 * barnes / z - mpmath.mpf(t) / 2
            got = bayes.coin_information(t)
            assert got == pytest.approx(float(exact), rel=1e-14), t


def log_barnes(z):
    """ln G(1+z) from the sum of (z-k) ln k, by Euler and Maclaurin's constants."""
    value = z**2 / 2 * mpmath.log(z) - 3 * z**2 / 4 + z / 2 * mpmath.log(2 * mpmath.pi)
    value += mpmath.zeta(-1, derivative=1) - mpmath.log(z) / 12
    for k in range(1, 9):
        value += mpmath.bernoulli(2 * k + 2) / (4 * k * (k + 1) * z ** (2 * k))
    return value


def test_more_draws_tell_more_but_ever_less_so_half_a_logarithm_for_each_dimension():
    # Clarke and Barron: (k-1)/2 ln(n/(2 pi e)) + ln of the integral of root Fisher,
    # which is pi^(k/2)/Gamma(k/2) for the prior of 1/2
    n = 20_000
    limit = math.log(n / (2 * math.pi * math.e) * math.pi**1.5 / math.gamma(1.5))
    got = bayes.dirichlet_information(n, [0.5, 0.5, 0.5])
    assert got == pytest.approx(limit, abs=0.01)
    curve = bayes.coin_information(np.arange(0, 300))
    assert np.all(np.diff(curve) > 0)
    assert np.all(np.diff(curve, 2) < 0)


def test_the_coins_slope_is_that_of_barness_function():
    with theory.float64():
        slope = jax.vmap(jax.grad(bayes.coin_information))
        got = np.asarray(slope(jnp.array([0.0, 1.0, 10.0, 23.0, 24.0, 100.0])))
        bend = jax.grad(jax.grad(bayes.coin_information))(10.0)

    def continued(t):
        z = mpmath.mpf(t) + 1
        barnes = mpmath.log(mpmath.barnesg(z + 1))
        return mpmath.log(z) + mpmath.loggamma(z) - 2 * barnes / z - (z - 1) / 2

    exact = [mpmath.diff(continued, t) for t in (0, 1, 10, 23, 24, 100)]
    np.testing.assert_allclose(got, [float(x) for x in exact], rtol=1e-10)
    assert bend == pytest.approx(float(mpmath.diff(continued, 10, 2)), rel=1e-8)
