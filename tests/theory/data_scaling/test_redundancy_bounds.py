"""Theorem 5.2's terms, and covers of the simplex, the valid and the printed one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale.theory.data_scaling import redundancy_bounds as bounds


def divergence(p, q):
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def test_terms_by_hand():
    got = bounds.redundancy_bound(100, 0.5, 1.0, d_knw=4, d_syn=9, n_s=2)
    assert got.m == 10
    # E[Len_m] of alpha = 1/2, beta = 1 is 3/(m + 3)
    assert got.unseen == pytest.approx(100 * 3 / 13 * 20, rel=1e-13)
    assert got.cover == 3
    terms = [11 * math.log(1100), 40 * math.log(400), 18 * math.log(600)]
    np.testing.assert_allclose([got.simplex, got.knw, got.syn], terms, rtol=1e-13)
    assert got.total == pytest.approx(sum(got[1:6]), rel=1e-15)


def test_the_valid_cover_keeps_the_printed_bound_and_its_rate():
    draws, alpha = np.logspace(0, 12, 25), np.array([[0.0], [0.5], [0.9]])
    printed = bounds.redundancy_bound(draws, alpha, 1.0)
    valid = bounds.redundancy_bound(draws, alpha, 1.0, cover="valid")
    for name in ("simplex", "cover", "total"):
        assert np.all(getattr(valid, name) <= getattr(printed, name)), name
    assert np.array_equal(valid.knw, printed.knw)
    rate = printed.total[1, 12:] / draws[12:] ** 0.5 / np.log(draws[12:])
    assert 0.5 < rate[-1] / rate[0] < 1.1


@pytest.mark.parametrize(("outcomes", "eps"), [(2, 0.5), (3, 1.0), (4, 0.7)])
def test_the_valid_cover_by_enumeration(outcomes, eps):
    cover = bounds.simplex_cover(outcomes, eps)
    cells = int(cover.cells)
    assert cells == math.ceil(outcomes * (1 + 1 / eps))
    points = np.array(list(itertools.product(range(1, cells), repeat=outcomes)))
    grid = points[points.sum(axis=1) == cells] / cells
    assert cover.log_size == pytest.approx(math.log(len(grid)), rel=1e-12)
    rng = np.random.default_rng(0)
    for p in [np.eye(outcomes)[0], *rng.dirichlet(np.full(outcomes, 0.3), 100)]:
        nearest = min(divergence(p, q) for q in grid)
        assert nearest <= divergence(p, bounds.nearest_in_cover(p, eps)) + 1e-12
        assert nearest <= cover.radius


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(1e-3, 3))
def test_the_point_of_the_cover_is_near(weights, eps):
    p = np.array(weights) + 1e-12
    p /= p.sum()
    q = bounds.nearest_in_cover(p, eps)
    cells = float(bounds.simplex_cover(len(p), eps).cells)
    assert q.sum() == pytest.approx(1, rel=1e-12)
    assert np.all(q * cells >= 1 - 1e-9)
    assert divergence(p, q) <= math.log1p(eps) + 1e-12


@pytest.mark.parametrize(("outcomes", "eps"), [(3, 1.0), (4, 0.9), (5, 0.4), (20, 0.2)])
def test_the_printed_cover_fails(outcomes, eps):
    gap = bounds.published_cover_gap(outcomes, eps)
    assert gap > eps
    # the nearest point of the grid to a corner, found by trying all first shares
    cells = math.floor(outcomes / eps)
    first = np.arange(1, cells - outcomes + 2) / cells
    assert gap == pytest.approx(min(-np.log(first)), rel=1e-12)
    assert bounds.published_cover_gap(3, 1.6) == np.inf  # a grid without points
    assert bounds.published_cover_gap(1, 0.5) == 0
