"""Sampled skill graphs: against union-find, enumeration and the formulas."""

import itertools
import math

import numpy as np
import pytest

from kscale.theory.skills import simulation
from kscale.theory.skills.levels import skill_levels
from kscale.theory.skills.tasks import homogeneous_task


def union_find(linked):
    """Roots of all nodes, by the textbook."""
    parent = list(range(len(linked)))

    def find(node):
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for a, b in zip(*np.nonzero(linked), strict=True):
        parent[find(a)] = find(b)
    return [find(node) for node in range(len(linked))]


def test_components_against_union_find():
    rng = np.random.default_rng(3)
    for c in (0.0, 0.7, 1.5, 6.0):
        linked = np.triu(rng.random((300, 300)) < c / 300, 1)
        labels, roots = simulation.component_labels(linked), union_find(linked)
        # the same partition: labels and roots determine each other
        assert len(set(zip(labels, roots, strict=True))) == len(set(labels))
        assert len(set(labels)) == len(set(roots))


def test_concept_pairs_are_as_many_as_independent_texts_give():
    R, T = 400, 300
    chance = 1 - (1 - 36 / R**2) ** T
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(60):
        pairs = simulation.concept_pairs(R, T, rng)
        assert (pairs[:, 0] < pairs[:, 1]).all()
        assert len(np.unique(pairs, axis=0)) == len(pairs)
        counts.append(len(pairs))
    error = np.std(counts, ddof=1) / math.sqrt(60)
    assert abs(np.mean(counts) - chance * R * (R - 1) / 2) < 4 * error


def test_every_pair_of_concepts_is_equally_likely():
    # a text of few concepts among few, where repeats must be drawn anew
    rng = np.random.default_rng(1)
    pairs = np.concatenate(
        [simulation.concept_pairs(9, 3, rng, d=2.0) for _ in range(3000)]
    )
    counts = np.bincount(pairs[:, 0] * 9 + pairs[:, 1], minlength=81).reshape(9, 9)
    counts = counts[np.triu_indices(9, 1)]
    chance = 1 - (1 - (2 / 9) ** 2) ** 3
    expected = 3000 * chance
    assert (abs(counts - expected) < 4.5 * math.sqrt(expected * (1 - chance))).all()
    assert len(simulation.concept_pairs(9, 0, rng)) == 0
    pairs = simulation.concept_pairs(5, 4, rng, d=5.0)  # texts that hold everything
    np.testing.assert_array_equal(pairs, list(itertools.combinations(range(5), 2)))


def test_two_skills_by_enumeration():
    # all 3 concepts meet; S = 2 skills are linked if they share at least 2 of 3 pairs:
    # 2 + 1 concepts give 2 pairs (6 of 8 ways), 3 + 0 give none
    rng = np.random.default_rng(4)
    task = homogeneous_task(1, levels=1, skill_counts=(2,))
    given = {"skills": 2, "d": 3.0, "levels": 1, "tasks": task, "graphs": 800}
    found = simulation.simulate_skills(3, 50, rng, [2.0], [0.0], **given)
    assert found.pairs == 3
    assert abs(found.p[1] - 0.75) < 4 * found.p_se[1]
    assert abs(found.accuracy - found.p[1]) < 1e-12
    np.testing.assert_allclose(found.gamma[1], 0.5 + found.p[1] / 2)


R, T = 3000, 13600


@pytest.mark.slow
def test_skills_with_few_concepts_lag_behind_the_formula():
    # with R/S = 3 one skill in exp(3) = 20 has no concept at all
    rng, task = np.random.default_rng(6), homogeneous_task(1, 1)
    found = simulation.simulate_skills(R, T, rng, levels=1, graphs=4, tasks=task)
    formula = skill_levels(R, T, levels=1, kind="two_ways", eta=[math.exp(0.07)])
    assert formula.gamma[1] > 0.9999
    limit = 1 - (1 - 1 / 1000) ** R
    assert found.gamma[1] <= limit + 4 * found.gamma_se[1]


def binomial_graphs(seed, *given):
    """Graphs of two levels with binomial counts; the formula, printed and mended."""
    rng, task = np.random.default_rng(seed), homogeneous_task(2, levels=2)
    how = {"levels": 2, "tasks": task, "graphs": 8, "counts": "binomial"}
    found = simulation.simulate_skills(R, T, rng, *given, **how)
    how = {"levels": 2, "kind": "two_ways"}
    ways = (skill_levels(R, T, *given, **how, thinned=x) for x in ("links", "skills"))
    return found, *ways


def test_binomial_counts_agree_with_the_formula():
    # level 1 far from its transition, level 2 without prerequisites near it
    found, formula, _ = binomial_graphs(5, [2.0, 4.0], [0.0, 0.0], [1000, 1000])
    assert (abs(found.p - formula.p) <= 4 * found.p_se + 1e-12).all()
    assert (abs(found.gamma - formula.gamma) <= 4 * found.gamma_se + 0.02).all()
    assert 0.3 < formula.gamma[2] < 0.8


def test_a_skill_without_prerequisites_loses_all_its_links():
    # level 1 misses some skills; two prerequisites: at most gamma_1^2 can be linked
    found, formula, mended = binomial_graphs(7, [12.0, 1.0], [0.0, 2.0], [300, 1000])
    error = 4 * found.gamma_se
    assert (abs(found.gamma - mended.gamma) <= error + 0.02).all()
    assert mended.gamma[1] == formula.gamma[1]
    below = found.gamma[1]
    assert 0.5 < below < 0.99
    assert found.gamma[2] < below**2 + error[2] < formula.gamma[2]


def test_no_texts_no_skills():
    rng = np.random.default_rng(0)
    found = simulation.simulate_skills(50, 0, rng, skills=20, levels=12)
    np.testing.assert_allclose(found.gamma[1:], 1 / 20)
    np.testing.assert_array_equal(found.p[1:], 0)
    # what remains are the subtasks of level 0
    np.testing.assert_allclose(found.accuracy[:2], [0, 2.0**-12])


def test_the_same_seed_gives_the_same_graphs():
    rngs = [np.random.default_rng(8) for _ in range(2)]
    found = [simulation.simulate_skills(60, 300, rng, skills=30) for rng in rngs]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
