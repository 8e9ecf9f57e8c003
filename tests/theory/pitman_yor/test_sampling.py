"""Samplers against the exact laws; every test has its seed and four standard errors."""

import time

import numpy as np
import pytest

from kscale.theory.pitman_yor import moments, partitions, sampling

PROCESSES = [(0.5, 1.0), (0.0, 2.0), (0.8, -0.5)]


def assert_mean(sample, exact):
    se = np.std(sample, axis=0, ddof=1) / len(sample) ** 0.5
    assert np.all(abs(np.mean(sample, axis=0) - exact) <= 4 * se + 1e-12)


# of the last the gammas vanish
@pytest.mark.parametrize("process", [*PROCESSES, (0.999, -0.998)])
def test_sticks(process):
    rng = np.random.default_rng(3)
    sticks = sampling.stick_breaking(rng, 20.0, *process, shape=(20_000,))
    assert sticks.weights.shape == (20_000, 20)
    total = sticks.weights.sum(axis=1) + sticks.left
    np.testing.assert_allclose(total, 1, rtol=1e-12)
    exact = moments.stick_weight(np.arange(1, 7), *process)
    assert_mean(sticks.weights[:, :6], exact)
    assert_mean(sticks.left, moments.stick_remainder(20, *process))


def test_squares_of_all_sticks():
    rng = np.random.default_rng(4)
    weights = sampling.stick_breaking(rng, 400, 0.3, 1.0, (2000,)).weights
    assert_mean((weights**2).sum(axis=1), moments.expected_square(0.3, 1.0))


@pytest.mark.parametrize("process", PROCESSES)
def test_the_restaurant_has_the_exact_law_of_seatings(process):
    rng = np.random.default_rng(5)
    draws = 6000
    seen = {}
    for _ in range(draws):
        tables = tuple(sampling.chinese_restaurant(rng, 4, *process))
        seen[tables] = seen.get(tables, 0) + 1
    assert len(seen) == 15  # all seatings of four
    counts = [np.bincount(tables, minlength=4) for tables in seen]
    exact = np.exp(partitions.log_partition_probability(counts, *process))
    assert exact.sum() == pytest.approx(1, rel=1e-12)
    error = np.array(list(seen.values())) - draws * exact
    # Pearson's statistic of 14 degrees of freedom; 36 has a chance of 0.001
    assert (error**2 / (draws * exact)).sum() < 36


@pytest.mark.parametrize("process", PROCESSES)
def test_a_larger_restaurant_has_the_moments(process):
    rng = np.random.default_rng(6)
    sizes = [
        sampling.table_sizes(sampling.chinese_restaurant(rng, 500, *process))
        for _ in range(600)
    ]
    assert all(size.sum() == 500 for size in sizes)
    tables = np.array([len(size) for size in sizes])
    assert_mean(tables, moments.expected_tables(500, *process))
    law, k = partitions.table_count_law(500, *process), np.arange(501)
    spread = np.sqrt(law @ k**2 - (law @ k) ** 2)
    assert tables.std() == pytest.approx(spread, rel=0.15)
    single = [(size == 1).sum() for size in sizes]
    assert_mean(single, moments.expected_tables_of_size(1, 500, *process))


def test_a_million_customers_in_a_second_at_tables_numbered_in_order_of_opening():
    rng = np.random.default_rng(8)
    start = time.perf_counter()
    tables = sampling.chinese_restaurant(rng, 10**6, 0.5, 1.0)
    assert time.perf_counter() - start < 3  # a tenth of a second on an idle core
    # K/n^alpha has a limit law of standard deviation 1.08 about 2.26
    assert 0.1 < (tables[-1000:].max() + 1) / 1000 < 8
    _, first = np.unique(tables, return_index=True)
    assert tables[0] == 0
    assert np.all(np.diff(first) > 0)
    assert sampling.chinese_restaurant(rng, 1, 0.8, -0.79).tolist() == [0]


def test_sentences():
    rng = np.random.default_rng(10)
    corpus = sampling.syntax_knowledge_corpus(rng, 20_000, 0.5, 1.0, n_s=5)
    assert np.array_equal(corpus.form, corpus.element % 5)
    assert corpus.cluster.max() + 1 == len(corpus.knowledge)
    assert corpus.knowledge.shape[1] == 10
    assert corpus.syntax.shape == (5, 10)
    assert np.all(np.linalg.norm(corpus.knowledge, axis=1) <= 1)
    assert set(np.unique(corpus.wording)) == set(range(50))
    assert 0 <= corpus.element.min() <= corpus.element.max() < 256
    sizes = {"d_knw": 3.0, "n_s": 2.0, "elements": 4.0, "wordings": 3.0}
    small = sampling.syntax_knowledge_corpus(rng, 5.0, **sizes)  # whole floats
    assert small.knowledge.shape[1] == 3


def test_a_cluster_says_what_its_parameter_says():
    rng, row = np.random.default_rng(11), np.zeros(40_000, int)
    outcomes = sampling._log_linear(rng, row, np.zeros((1, 3)), 8, 2.0)
    # the parameter 0 is the uniform law
    expected = 5000
    count = np.bincount(outcomes, minlength=8)
    assert ((count - expected) ** 2 / expected).sum() < 24.3  # 7 degrees, 0.001
