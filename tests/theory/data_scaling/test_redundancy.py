"""The data scaling law against plain sums, published asymptotics and its bounds."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from blocks import distinct, power_law
from scipy import stats

from kscale import theory
from kscale.theory.data_scaling import redundancy as ds
from kscale.theory.model_scaling import zipf_frequencies

ALPHAS = np.array([0.05, 0.3, 0.5, 0.8, 0.95])


def plain_sum(draws, p, loss):
    t = np.arange(draws + 1)
    return p @ (stats.binom.pmf(t[None, :], draws, p[:, None]) @ loss(t))


def infinite_sum(draws, alpha, seen):
    """Euler and Maclaurin in twenty digits: 400 terms, an integral and its end."""
    with mpmath.workdps(20):
        s, start = 1 / mpmath.mpf(alpha), mpmath.mpf(400)
        scale = mpmath.zeta(s)

        def term(k):
            return seen(k**-s / scale, mpmath.mpf(draws))

        head = mpmath.fsum(term(mpmath.mpf(k)) for k in range(1, 400))
        top = 30 / (s - 1) + max(0, mpmath.log(draws)) / s
        integral = mpmath.quad(
            lambda y: term(start * mpmath.exp(y)) * start * mpmath.exp(y),
            mpmath.linspace(0, top, 14),
        )
        # beyond, a cluster is seen at most once
        rest = (start * mpmath.exp(top)) ** (1 - s) / (s - 1) / scale
        t = mpmath.taylor(term, start, 5)
        ends = t[0] / 2 - t[1] / 12 + t[3] / 120 - t[5] / 252
        return float(head + integral + rest + ends)


@pytest.mark.parametrize("draws", [1, 1000, 10**12])
def test_the_infinite_sum_in_twenty_digits(draws):
    inverse = power_law(draws, ALPHAS)
    unseen = power_law(draws, ALPHAS, loss="unseen")

    def seen(p, n):
        return -mpmath.expm1((n + 1) * mpmath.log1p(-p)) / (n + 1)

    def missed(p, n):
        return p * mpmath.exp(n * mpmath.log1p(-p))

    for i in (1, 2, 3):
        exact = [infinite_sum(draws, ALPHAS[i], f) for f in (seen, missed)]
        np.testing.assert_allclose([inverse[i], unseen[i]], exact, rtol=1e-12)


def test_by_hand_and_uniform_clusters():
    # two equal clusters: 3/2 distinct in two draws; the next one is new half the time
    got = ds.data_redundancy([0, 1], [0.5, 0.5])
    np.testing.assert_allclose(got, [1, 0.75], rtol=1e-15)
    assert ds.data_redundancy(1, [0.5, 0.5], loss="unseen") == pytest.approx(0.5)
    # two draws are the same by the sum of squares
    same = float(mpmath.zeta(4) / mpmath.zeta(2) ** 2)
    np.testing.assert_allclose(distinct([1, 2], 0.5), [1, 2 - same], rtol=1e-13)
    # one cluster is drawn again and again
    assert ds.data_redundancy_uniform(9, 1) == pytest.approx(0.1, rel=1e-15)
    draws = np.array([0, 1, 1000, 10**9])
    exact = ds.data_redundancy(draws, np.full(1000, 1e-3))
    np.testing.assert_allclose(ds.data_redundancy_uniform(draws, 1000), exact, 1e-12)


def test_a_finite_law_is_the_plain_sum():
    table = np.array([3.0, 1.0, 0.5, 0.8])

    def constant(t):
        return table[np.minimum(t, 3)]

    def inverse(t):
        return np.where(t < 4, constant(t), table[-1] * 4 / (t + 1))

    losses = {"inverse": lambda t: 1 / (t + 1), "unseen": lambda t: t == 0}
    for p in (np.full(60, 1 / 60), zipf_frequencies(60, 1.2, 10), np.eye(60)[0]):
        for loss, f in losses.items():
            got, exact = ds.data_redundancy(80, p, loss), plain_sum(80, p, f)
            assert got == pytest.approx(exact, rel=1e-12, abs=1e-300), loss
        for tail, f in (("constant", constant), ("inverse", inverse)):
            got = ds.data_redundancy_of_table(80, p, table, tail)
            assert got == pytest.approx(plain_sum(80, p, f), rel=1e-12), tail


def test_any_loss():
    p, table = zipf_frequencies(40, 1.3, 2), np.exp(-0.3 * np.arange(31.0))
    exact = plain_sum(30, p, lambda t: np.exp(-0.3 * t))
    got = ds.data_redundancy_of_table(30, p, table)
    assert got == pytest.approx(exact, rel=1e-12)
    table = 1 / np.arange(1.0, 41)
    many = ds.data_redundancy_of_table(10**6, p, table, tail="inverse")
    assert many == pytest.approx(ds.data_redundancy(10**6, p), rel=1e-12)


@pytest.mark.parametrize("draws", [7, 10**4, 10**12])
def test_tables_of_the_built_in_losses_over_the_power_law(draws):
    for loss, table, tail in (
        ("inverse", 1 / np.arange(1.0, 41), "inverse"),
        ("unseen", np.eye(40)[0], "constant"),
    ):
        got = ds.data_redundancy_power_law_of_table(draws, 0.6, table, tail)
        assert got == pytest.approx(power_law(draws, 0.6, loss=loss), rel=1e-11)


def test_the_constant_is_the_limit():
    for loss, factor in (("inverse", 1.0), ("unseen", ALPHAS[1:4])):
        red = power_law(1e12, ALPHAS[1:4], loss=loss)
        limit = ds.data_redundancy_constant(ALPHAS[1:4]) * factor
        limit = limit * 1e12 ** (ALPHAS[1:4] - 1)
        np.testing.assert_allclose(red, limit, rtol=1e-3)


def test_bounds_hold_and_what_must_fall_falls():
    draws = np.logspace(0, 12, 60)
    for alpha in (0.2, 0.5, 0.9):
        red, unseen = (power_law(draws, alpha, loss=loss) for loss in ds.LOSSES)
        bounds = ds.data_redundancy_bounds(draws, alpha)
        assert np.all(bounds.lower <= unseen)
        assert np.all(unseen < red)
        assert np.all(red <= bounds.upper)
        assert np.all(np.diff(red) < 0)
        # both of the order of the truth, once N is not small
        assert np.all(bounds.upper[15:] < 30 / alpha * bounds.lower[15:])
        scaled = ds.data_redundancy_bounds(draws, alpha, 0.5, 3.0)
        np.testing.assert_allclose(scaled.lower, bounds.lower / 2, rtol=1e-15)
        np.testing.assert_allclose(scaled.upper, bounds.upper * 3, rtol=1e-15)


@pytest.mark.parametrize("alpha", [1e-6, 5e-4, 1.5e-3, 5e-3])
def test_steep_laws_have_one_cluster(alpha):
    assert power_law(10, alpha) == pytest.approx(1 / 11)
    assert distinct(10, alpha) == pytest.approx(1)
    table = np.append([1.0, 0.5], 0.6 / np.arange(3, 41))
    lost = ds.data_redundancy_power_law_of_table(3, alpha, table)
    assert lost == pytest.approx(0.2 * 3 / 4)
    with theory.float64():
        grad = jax.grad(lambda a: ds.data_redundancy_power_law(10.0, a))(alpha)
    assert 0 <= float(grad) < 1e-50


def test_slopes_at_the_ends():
    p, in_draws = [0.6, 0.4, 0.0], 0.6 * np.log(0.4) + 0.4 * np.log(0.6)
    # p (1-p)^N at p = 0 and 1, and p times the mean of 1/(t+1)
    for function, at, exact in (
        (lambda p: ds.data_redundancy(10.0, p, loss="inverse"), [1.0, 0.0], [0, 1]),
        (lambda p: ds.data_redundancy(10.0, p, loss="unseen"), [1.0, 0.0], [0, 1]),
        (lambda n: ds.data_redundancy(n, p, loss="unseen"), 0.0, in_draws),
        (lambda m: ds.data_redundancy_uniform(10.0, m), 1.0, 1 / 11),
    ):
        with theory.float64():
            got = jax.grad(function)(jnp.asarray(at))
        np.testing.assert_allclose(got, exact, rtol=1e-12)
