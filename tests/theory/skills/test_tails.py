"""Tails of the pair count against enumeration, mpmath and the bounds' own logic."""

import math

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from kscale import theory
from kscale.theory.skills.tails import KINDS, binomial_tail, pair_tail


def summed_tail(n, p, k):
    """ln P(X >= k) by adding terms outward from k in 50 digits."""
    with mpmath.workdps(50):
        n, p, k = mpmath.mpf(n), mpmath.mpf(p), int(k)
        below = k < n * p
        j = k - 1 if below else k
        log_first = mpmath.loggamma(n + 1) - mpmath.loggamma(n - j + 1)
        log_first -= mpmath.loggamma(j + 1)
        log_first += j * mpmath.log(p) + (n - j) * mpmath.log1p(-p)
        term = total = mpmath.mpf(1)
        while term > total * mpmath.mpf(10) ** -30 and 0 <= j <= n:
            up = (n - j) * p / ((j + 1) * (1 - p))
            term *= j * (1 - p) / ((n - j + 1) * p) if below else up
            j += -1 if below else 1
            total += term
        part = mpmath.exp(log_first) * total
        return mpmath.log1p(-part) if below else log_first + mpmath.log(total)


@pytest.mark.parametrize("n", [6e4, 1e12, 4.9999999995e19])
@pytest.mark.parametrize("k", [1, 2, 17, 1097, 20000])
@pytest.mark.parametrize("share", [1e-6, 0.3, 0.99, 1.0, 1.01, 1.6])
def test_against_mpmath(n, k, share):
    p = share * k / n
    found, truth = binomial_tail(n, p, k), summed_tail(n, p, k)
    np.testing.assert_allclose(found.log_tail, float(truth), rtol=2e-12, atol=1e-13)
    if truth > -700:
        assert abs(float(found.tail) / mpmath.exp(truth) - 1) < 2e-12


def test_a_tail_of_ten_thousand_digits_and_a_million_successes():
    found, truth = binomial_tail(5e19, 1e-30, 2000), summed_tail(5e19, 1e-30, 2000)
    assert found.tail == 0
    assert truth < -50_000
    np.testing.assert_allclose(found.log_tail, float(truth), rtol=1e-14)
    # at a whole mean P(X < k) + P(X = k)/3 -> 1/2 (Ramanujan)
    for k in (1e6, 1e9):
        ramanujan = 0.5 + 1 / (3 * math.sqrt(2 * math.pi * k))
        tail = binomial_tail(1e19, k / 1e19, k).tail
        np.testing.assert_allclose(tail, ramanujan, 1e-7)


@settings(max_examples=40)
@given(st.integers(1, 400), st.floats(1e-6, 0.999), st.integers(1, 400))
def test_against_scipy_and_the_complement(n, p, k):
    ours, scipys = binomial_tail(n, p, k).tail, stats.binom.sf(k - 1, n, p)
    np.testing.assert_allclose(ours, scipys, rtol=1e-9, atol=1e-290)
    # failures are as binomial as successes
    other = binomial_tail(n, 1 - p, n - k + 1).tail
    np.testing.assert_allclose(ours + other, 1.0, rtol=1e-12)


@pytest.mark.parametrize("n", [1e3, 1e6, 1e8, 1e10])
@pytest.mark.parametrize("p", [0.5, 0.9, 0.9999, 1 - 1e-6])
def test_likely_successes(n, p):
    spread = math.sqrt(n * p * (1 - p))
    k = np.unique(np.clip(np.round(n * p + spread * np.linspace(-6, 6, 21)), 1, n))
    found, truth = binomial_tail(n, p, k), special.betainc(k, n - k + 1, p)
    np.testing.assert_allclose(found.tail, truth, rtol=1e-10)
    lacking = special.betainc(n - k + 1, k, 1 - p)
    np.testing.assert_allclose(-np.expm1(found.log_tail), lacking, rtol=1e-9)


@pytest.mark.parametrize("n", [1e12, 1e20])
@pytest.mark.parametrize("p", [1e-6, 0.5, 0.999])
def test_no_digits_are_lost_to_the_number_of_trials(n, p):
    k = round(n * p)
    with mpmath.workdps(40):
        a, b, q = mpmath.mpf(k), mpmath.mpf(n) - k + 1, mpmath.mpf(p)
        log_beta = mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)
        peak, width = (a - 1) / (a + b - 2), mpmath.sqrt(q * (1 - q) / (a + b))

        def density(s):  # of the beta law, in widths from its peak
            x = peak + s * width
            powers = (a - 1) * mpmath.log(x) + (b - 1) * mpmath.log1p(-x)
            return mpmath.exp(powers - log_beta) * width

        truth = mpmath.quad(density, mpmath.linspace(-14, (q - peak) / width, 15))
    np.testing.assert_allclose(binomial_tail(n, p, k).tail, float(truth), rtol=1e-12)


def test_edges():
    with theory.float64():  # what is no number stays none
        for given in ((math.nan, 0.5, 3.0), (9.0, math.nan, 3.0), (9.0, 1.5, 0.0)):
            tails = jax.jit(lambda n, p, k: tuple(binomial_tail(n, p, k)))(*given)
            assert np.isnan(tails).all()
        assert jax.jit(lambda p: binomial_tail(9.0, p, 9.0).tail)(1.0) == 1
    assert binomial_tail(10, 0.0, 1) == (0, -np.inf)
    ends = binomial_tail(10, 0.5, [0, 9.5, 10, 11]).tail
    np.testing.assert_allclose(ends, [1, 2.0**-10, 2.0**-10, 0], rtol=1e-14)
    np.testing.assert_allclose(binomial_tail(3, 0.3, [1, 2]).tail, [0.657, 0.216])


def test_the_derivative_is_the_beta_density():
    for n, p, k in ((1e6, 3e-5, 30.0), (1e3, 0.98, 985.0)):
        with theory.float64():
            slope = jax.grad(lambda p, n=n, k=k: binomial_tail(n, p, k).tail)(p)
        exact = stats.beta.pdf(p, k, n - k + 1)
        np.testing.assert_allclose(slope, exact, rtol=1e-9)


def test_the_chance_of_a_pair_of_concepts():
    found = pair_tail(1e10, 4.5e10, 30.0)
    with mpmath.workdps(40):
        T, square = mpmath.mpf(4.5e10), mpmath.mpf(36) / mpmath.mpf(1e20)
        truth = (1 - (1 - square) ** T) / 10**6
        assert abs(float(found.p) / truth - 1) < 1e-15
    assert found.pairs == 1e10 * (1e10 - 1) / 2
    np.testing.assert_allclose(found.mean, found.pairs * found.p)


def test_the_literal_tail_dips_where_the_mean_reaches_eta_and_monotone_does_not():
    T = np.geomspace(3e4, 3e6, 400)
    literal = pair_tail(20000, T, 5.0, kind="literal").tail
    monotone = pair_tail(20000, T, 5.0, kind="monotone").tail
    assert np.diff(literal).min() < -0.1
    assert np.diff(monotone).min() >= 0
    assert (monotone >= literal).all()
    assert monotone[-1] == literal[-1]


@settings(max_examples=30)
@given(st.floats(1.0, 1e3), st.floats(-3.0, 3.0))
def test_the_bound_holds_and_the_kinds_are_ordered(eta, shift):
    T = max(math.ceil(eta) + shift * math.sqrt(eta), 0.1) * 1e6 / 18 * 1e5 / (1e5 - 1)
    kinds = ("bound", "exact", "two_ways")
    tails = np.array([pair_tail(1e5, T, eta, kind=kind).tail for kind in kinds])
    assert (tails[:-1] <= tails[1:] * (1 + 1e-12)).all()


def test_two_ways_is_the_tail_of_twice_the_chance():
    once, twice = (pair_tail(3000, 13600, 4.0, kind=k) for k in ("exact", "two_ways"))
    assert twice.p == 2 * once.p
    direct = stats.binom.sf(3, float(once.pairs), 2 * float(once.p))
    np.testing.assert_allclose(twice.tail, direct, rtol=1e-10)


def test_as_published_has_bits_and_another_prefactor():
    n = 10000 * 9999 / 2
    for T, above in ((45330.0, False), (453300.0, True)):
        literal = pair_tail(10000, T, 2.0, kind="literal")
        found = pair_tail(10000, T, 2.0, as_published=True)
        w = math.sqrt(16 * (1 - 2 / n))
        nats = -math.log1p(-literal.tail) if above else -math.log(literal.tail * w)
        bits = nats / math.log(2)
        hand = -math.expm1(-bits) if above else math.exp(-bits) / math.sqrt(2 * n)
        np.testing.assert_allclose(found.tail, hand, rtol=1e-9)


def test_no_texts_and_too_few_pairs():
    for kind in KINDS.split(" | "):
        assert pair_tail(100, 0, 2.0, kind=kind).tail == 0
        assert pair_tail(6, 10, 16.0, kind=kind).tail == 0  # 15 pairs there are
