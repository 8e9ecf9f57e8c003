"""Moments of the Pitman-Yor process: products, recurrences, limits, fifty digits."""

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale import theory
from kscale.theory.pitman_yor import moments as py

PROCESSES = [(0.5, 1.0), (0.8, 0.0), (0.3, -0.2), (0.0, 2.0), (0.05, 300.0)]
TINY = [1e-300, 1e-15, 1e-12, 1e-9]


@pytest.fixture(autouse=True, scope="module")
def digits():
    with mpmath.workdps(60):
        yield


def stick_product(n, alpha, beta):
    i = np.arange(1, n + 1)
    return np.prod((beta + i * alpha) / (1 + beta + (i - 1) * alpha))


def tables_recurrence(n, alpha, beta):
    mean = 1.0
    for m in range(1, n):
        mean += (beta + alpha * mean) / (m + beta)
    return mean


@pytest.mark.parametrize("process", PROCESSES)
def test_sticks_are_the_product_and_leave_what_the_weights_do(process):
    left = [stick_product(n, *process) for n in (0, 1, 7, 300)]
    got = py.stick_remainder([0, 1, 7, 300], *process)
    np.testing.assert_allclose(got, left, rtol=1e-12)
    assert got[0] == 1
    weights = py.stick_weight(np.arange(1, 51), *process)
    total = weights.sum() + py.stick_remainder(50, *process)
    assert total == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize("process", PROCESSES)
def test_tables_follow_the_recurrence_and_their_sizes_sum_to_them(process):
    exact = [tables_recurrence(n, *process) for n in (1, 2, 40, 50)]
    got = py.expected_tables([1, 2, 40, 50], *process)
    np.testing.assert_allclose(got, exact, rtol=1e-13)
    seats = np.arange(1, 41)
    tables = py.expected_tables_of_size(seats, 40, *process)
    assert tables.sum() == pytest.approx(got[2], rel=1e-12)
    assert (seats * tables).sum() == pytest.approx(40, rel=1e-12)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (py.stick_remainder, (12,)),
        (py.stick_weight, (12,)),
        (py.expected_tables, (1e6,)),
        (py.expected_tables_of_size, (3, 1e6)),
        (py.expected_entropy, ()),
        (py.expected_square, ()),
    ],
)
def test_the_dirichlet_process_is_reached_smoothly(function, arguments):
    limit, *near = function(*arguments, [0.0, *TINY], 2.0)
    for alpha, value in zip(TINY, near, strict=True):
        # the slope in alpha is at most about ln(n)^2 times the value
        assert value == pytest.approx(limit, rel=1e-13 + 300 * alpha), alpha


@pytest.mark.parametrize("process", [(0.5, 1.0), (0.9, -0.4), (1e-6, 3.0), (0.2, 1e6)])
def test_a_million_million_customers(process):
    n, (a, b) = 10**12, map(mpmath.mpf, process)
    tables = mpmath.gammaprod([1 + b, n + a + b], [a + b, n + b]) / a - b / a
    assert py.expected_tables(n, *process) == pytest.approx(float(tables), rel=1e-12)
    left = mpmath.gammaprod([n + 1 + b / a, (1 + b) / a], [n + (1 + b) / a, 1 + b / a])
    # a stick of e^-1000 carries a thousand roundings of its logarithm
    assert py.stick_remainder(n, *process) == pytest.approx(float(left), rel=1e-11)
    for j in (1, 10, 10**6):
        size = mpmath.binomial(n, j) * mpmath.beta(j - a, n - j + a + b)
        size = float(size / mpmath.beta(1 - a, a + b))
        got = py.expected_tables_of_size(j, n, *process)
        assert got == pytest.approx(size, rel=1e-10, abs=1e-300), j


def test_entropy_and_square():
    assert py.expected_square(0.5, 1.0) == 0.25
    # of a process that is almost one atom: (alpha + beta) pi^2/6
    exact = [float(mpmath.psi(0, 1) - mpmath.psi(0, 0.2)), 2e-12 * np.pi**2 / 6]
    got = py.expected_entropy([0.8, 1e-12], [0.0, 1e-12])
    np.testing.assert_allclose(got, exact, rtol=1e-12)


@settings(max_examples=30)
@given(st.floats(0, 0.95), st.floats(0.01, 50), st.floats(1, 1e9))
def test_what_must_grow_grows(alpha, beta, n):
    sizes, alphas = [n, 2 * n, n + 1, n + 1], [alpha, alpha, alpha, alpha + 0.04]
    one, two, less, more = py.expected_tables(sizes, alphas, beta)
    assert one <= n * (1 + 1e-12)
    assert one < two
    assert less < more
    left = py.stick_remainder([n, n + 1], alpha, beta)
    assert left[1] <= left[0]


def tables_exactly(alpha, beta=1.0, n=10.0):
    grown = mpmath.gamma(1 + beta) * mpmath.gamma(n + alpha + beta)
    grown /= mpmath.gamma(1 + alpha + beta) * mpmath.gamma(n + beta)
    return grown + beta * (grown - 1) / alpha


def stick_exactly(alpha, beta=1.0, n=10):
    factors = ((beta + i * alpha) / (1 + beta + (i - 1) * alpha) for i in range(1, 11))
    return mpmath.fprod(factors)


@pytest.mark.parametrize(
    ("ours", "exactly"),
    [(py.expected_tables, tables_exactly), (py.stick_remainder, stick_exactly)],
)
def test_slopes_in_the_discount_down_to_0(ours, exactly):
    for alpha in (0.0, 1e-13, 1e-9, 1e-5, 0.00999, 0.01001, 0.3):
        with mpmath.workdps(80):
            step = mpmath.mpf(10) ** -30
            ends = [exactly(mpmath.mpf(alpha) + k * step) for k in (1, 3)]
            exact = float((ends[1] - ends[0]) / (2 * step))
        with theory.float64():
            got = jax.grad(lambda a: ours(10.0, a, 1.0))(alpha)
        assert got == pytest.approx(exact, rel=1e-10), alpha


def test_slopes_of_the_tables_of_one_size():
    # C(5,2) B(2-a, 3+a+b)/B(1-a, a+b) at b = 0 and at a = 0
    def size(alpha, beta):
        law = mpmath.beta(2 - alpha, 3 + alpha + beta)
        return 10 * law / mpmath.beta(1 - alpha, alpha + beta)

    slope = jax.grad(lambda *ab: py.expected_tables_of_size(2.0, 5.0, *ab), (0, 1))
    for at in ((0.0, 1.0), (0.5, 0.0)):
        exact = [float(mpmath.diff(size, at, order)) for order in ((1, 0), (0, 1))]
        with theory.float64():
            np.testing.assert_allclose(slope(*at), exact, rtol=1e-10)
