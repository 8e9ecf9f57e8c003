"""Water filling: by hand, against SciPy, its limits, its order, a million clusters."""

import time

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from kscale import theory
from kscale.theory.model_scaling.allocation import allocate, water_level
from kscale.theory.model_scaling.frequencies import zipf_frequencies

P = np.array([0.5, 0.25, 0.15, 0.1])


def population(seed, n):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n, 0.5)) + 1e-9
    return p / p.sum(), rng.uniform(0.2, 4.0, n), rng.uniform(1.2, 6.0, n)


def test_by_hand():
    # Gains 3/4 ln 2 and 1/4 ln 2: the second enters at log2(3) bits.
    bits = np.log2(3)
    got = allocate([1.0, bits, bits + 2], [0.75, 0.25]).memory
    np.testing.assert_allclose(got, [[1, 0], [bits, 0], [bits + 1, 1]], atol=1e-15)
    even = allocate(6.0, np.full(4, 0.25))
    np.testing.assert_allclose(even.memory, np.full(4, 1.5))
    np.testing.assert_allclose(even.level.redundancy, 2**-1.5, rtol=1e-15)
    assert even.level.active == 4
    none = allocate(0.0, P, a=[1.0, 2.0, 3.0, 4.0])
    assert none.level.active == 0
    assert not none.memory.any()
    np.testing.assert_allclose(none.level.redundancy, (P * [1, 2, 3, 4]).sum())
    np.testing.assert_allclose(none.level.price, 0.5 * np.log(2))
    full = water_level(1e12, P)
    assert full.redundancy == full.price == 0.0
    np.testing.assert_allclose(full.log_price, -1e12 * np.log(2) / 4, rtol=1e-10)
    assert all(np.isfinite(full.certificate))


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 8]), st.floats(0.05, 8.0))
@settings(max_examples=12)
def test_against_scipy(seed, n, capacity):
    p, a, b = population(seed, n)
    found = optimize.minimize(
        lambda m: (p * a * b**-m).sum(),
        np.full(n, capacity / n),
        jac=lambda m: -p * a * np.log(b) * b**-m,
        bounds=[(0, None)] * n,
        constraints={"type": "eq", "fun": lambda m: m.sum() - capacity},
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    ours = allocate(capacity, p, a, b)
    assert ours.level.redundancy <= found.fun * (1 + 1e-9)
    np.testing.assert_allclose(ours.level.redundancy, found.fun, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.contribution.sum(), ours.level.redundancy)
    np.testing.assert_allclose(ours.memory.sum(), capacity, rtol=1e-12)
    assert max(ours.level.certificate) < 1e-12


def test_slopes():
    (p, a, b), capacity = population(3, 9), np.array([0.5, 5.0, 20.0])
    with theory.float64():
        slope = jax.vmap(jax.grad(lambda c: water_level(c, p, a, b).redundancy))
        got = np.asarray(slope(capacity))
    np.testing.assert_allclose(got, -water_level(capacity, p, a, b).price, rtol=1e-12)
    # of a cluster that never occurs
    p, a = np.array([0.5, 0.5, 0.0]), np.array([1.0, 1.0, 7.0])
    with theory.float64():
        slopes = jax.grad(lambda p, b: water_level(3.0, p, a, b).redundancy, (0, 1))
        in_p, in_b = slopes(p, np.full(3, 2.0))
    np.testing.assert_allclose(in_p, [2**-1.5, 2**-1.5, 7.0])
    np.testing.assert_allclose(in_b, [-0.75 * 2**-2.5, -0.75 * 2**-2.5, 0.0])


def test_order_and_units_do_not_matter():
    p, a, b = population(5, 30)
    shuffle = np.random.default_rng(0).permutation(30)
    first = allocate(7.0, p, a, b)
    again = allocate(7.0, p[shuffle], a[shuffle], b[shuffle])
    np.testing.assert_allclose(first.memory[shuffle], again.memory, atol=1e-13)
    # Memory in another unit: b^2 with half the memory is the same problem.
    halves = allocate(3.5, p, a, b**2)
    np.testing.assert_allclose(2 * halves.memory, first.memory, atol=1e-13)
    np.testing.assert_allclose(halves.level.redundancy, first.level.redundancy)


def test_capacities_of_any_shape_and_many_populations():
    grid = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 1e6]])
    ours = allocate(grid, P)
    assert ours.memory.shape == (2, 3, 4)
    assert np.array_equal(ours.level.redundancy, water_level(grid, P).redundancy)
    # a cluster without frequency changes nothing
    more = allocate(grid, [*P, 0.0])
    np.testing.assert_allclose(more.memory[..., :4], ours.memory)
    assert not more.memory[..., 4].any()
    assert np.array_equal(more.level.active, ours.level.active)
    with theory.float64():
        every = jax.vmap(lambda p: water_level(2.0, p).redundancy)
        many = np.asarray(every(np.stack([P, P[::-1]])))
    np.testing.assert_allclose(many[0], many[1])


def test_a_million_clusters_and_many_capacities():
    p = zipf_frequencies(1_000_000)
    a, b = np.random.default_rng(0).uniform(1.5, 4.0, (2, p.size))
    level = water_level(np.logspace(2, 8, 4), p, a, b)
    assert max(x.max() for x in level.certificate) < 1e-12
    start = time.process_time()
    water_level(np.logspace(2.1, 8, 4), p, a, b)
    assert time.process_time() - start < 5
