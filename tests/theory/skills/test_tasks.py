"""Distributions over levels and numbers of skills, and the accuracy they give."""

import numpy as np

from kscale.theory.skills import tasks


def test_literal_examples():
    q = tasks.homogeneous_task(1, levels=2, skill_counts=(0, 2))
    np.testing.assert_array_equal(q, [[0, 0, 0], [0.5, 0, 0.5], [0, 0, 0]])
    q = tasks.binomial_task(0.25, levels=2, skill_counts=(1,))
    np.testing.assert_allclose(q, [[0, 9 / 16], [0, 6 / 16], [0, 1 / 16]])
    q = tasks.mixture_task((0.5, 0.5), (0.0, 1.0), levels=2, skill_counts=(1,))
    np.testing.assert_allclose(q, [[0, 0.5], [0, 0], [0, 0.5]])


def test_each_task_is_a_distribution_with_the_papers_counts():
    q = tasks.paper_tasks()
    assert q.shape == (3, 101, 8)
    np.testing.assert_allclose(q.sum((1, 2)), 1)
    np.testing.assert_allclose(q.sum(1)[:, :2], 0)
    np.testing.assert_allclose(q.sum(1)[:, 2:], 1 / 6)
    assert q[0, 10].sum() == 1
    # mean levels of the three
    np.testing.assert_allclose(q.sum(2) @ np.arange(101), [10, 50, 51])
    printed = tasks.paper_tasks(as_published=True)  # seven skills of level eleven
    assert printed[0, 11, 7] == 1
    np.testing.assert_array_equal(printed[1:], q[1:])
    assert tasks.paper_tasks(10).shape == (3, 11, 8)


def test_accuracy_by_hand_and_against_the_sum_of_powers():
    q = np.zeros((3, 4))
    q[0, 3], q[1, 2], q[2, 0] = 0.2, 0.5, 0.3
    # level 0 is always there, gamma^0 = 1 even where gamma = 0
    np.testing.assert_allclose(
        tasks.task_accuracy([1.0, 0.6, 0.0], q), 0.2 + 0.18 + 0.3
    )
    rng = np.random.default_rng(0)
    gamma, q = rng.random(7), rng.random((2, 7, 5))
    plain = (q * gamma[:, None] ** np.arange(5)[None, :]).sum((1, 2))
    np.testing.assert_allclose(tasks.task_accuracy(gamma, q), plain, rtol=1e-14)


def test_plateau_heights_follow_the_difficulty():
    np.testing.assert_allclose(tasks.plateau_heights(), [0.4, 0.8, 1.0])
    np.testing.assert_allclose(
        tasks.plateau_heights((0.7, 0.3), (0.9, 0.1)), [0.3, 1.0]
    )
