"""Convex tables: by hand, against a linear program, the smooth problem as a limit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, spatial

from kscale.theory.model_scaling import convex_minorant, table_allocation, water_level

X, D = [0.0, 1.0, 2.0], [1.0, 0.3, 0.1]


def tables(seed, n, entries):
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.2, 2.0, (n, entries - 1))
    slope = -np.sort(-rng.exponential(size=(n, entries - 1)), axis=1)
    x = np.concatenate([np.zeros((n, 1)), width.cumsum(axis=1)], axis=1)
    drop = np.concatenate([np.zeros((n, 1)), (slope * width).cumsum(axis=1)], axis=1)
    return rng.dirichlet(np.ones(n)), x, drop[:, -1:] - drop + 0.1


def test_by_hand():
    # Gains per unit: 0.42, 0.12 for the first cluster and 0.28, 0.08 for the second.
    got = table_allocation([0.0, 0.5, 1.0, 2.5, 4.0, 9.0], [0.6, 0.4], X, D)
    memory = [[0, 0], [0.5, 0], [1, 0], [1.5, 1], [2, 2], [2, 2]]
    np.testing.assert_allclose(got.memory, memory)
    np.testing.assert_allclose(got.price, [0.42, 0.42, 0.28, 0.12, 0, 0], atol=1e-16)
    np.testing.assert_allclose(got.redundancy, [1, 0.79, 0.58, 0.24, 0.1, 0.1])
    np.testing.assert_allclose(got.gap, 0.0, atol=1e-15)
    # Memory stays unused where it saves nothing.
    got = table_allocation(5.0, [1.0], [0.0, 1.0, 9.0], [1.0, 0.2, 0.2])
    assert (got.memory, got.price) == (1.0, 0.0)
    # A convex table is its own minorant.
    np.testing.assert_allclose(convex_minorant(X, [D, D]), [D, D], rtol=1e-15)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20.0))
@settings(max_examples=15)
def test_against_a_linear_program(seed, capacity):
    p, x, d = tables(seed, 5, 4)
    saved = -np.diff(d) / np.diff(x) * p[:, None]
    program = optimize.linprog(
        -saved.ravel(),
        A_ub=np.ones((1, saved.size)),
        b_ub=[capacity],
        bounds=np.stack([np.zeros(saved.size), np.diff(x).ravel()], axis=1),
    )
    got = table_allocation(capacity, p, x, d)
    best = (p * d[:, 0]).sum() + program.fun
    np.testing.assert_allclose(got.redundancy, best, rtol=1e-9)
    assert abs(got.gap) < 1e-14
    np.testing.assert_allclose(got.contribution.sum(), got.redundancy)
    assert got.memory.sum() <= capacity * (1 + 1e-14)


def test_fine_tables_of_the_exponential_law():
    p, capacity = np.array([0.5, 0.3, 0.2]), np.array([0.5, 2.0, 9.0])
    grid = np.linspace(0, 12, 4001)
    got = table_allocation(capacity, p, grid, 2.0**-grid)
    smooth = water_level(capacity, p).redundancy
    np.testing.assert_allclose(got.redundancy, smooth, rtol=2e-6)
    assert (got.redundancy >= smooth * (1 - 1e-12)).all()  # a table lies above


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_the_minorant_is_the_lower_hull(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate([[0.0], rng.uniform(0.1, 1.0, 6).cumsum()])
    d = rng.uniform(0, 1, 7)
    ours = convex_minorant(x, d)
    least = np.minimum.accumulate(d)
    points = np.stack([[*x, x[0], x[-1]], [*least, 9.0, 9.0]], axis=1)
    corners = np.sort(spatial.ConvexHull(points).vertices)[:-2]  # not those above
    np.testing.assert_allclose(ours, np.interp(x, x[corners], least[corners]))
    table_allocation(1.0, [1.0], x, ours)  # accepted
