"""The restaurant by address: a literal one, its exact law, its mean tables."""

import collections
import math

import numpy as np
import pytest
from scipy import stats

from kscale import theory
from kscale.worlds import chinese_restaurant as module
from kscale.worlds import keyed_hash
from kscale.worlds.chinese_restaurant import Restaurant, _mean_tables
from kscale.worlds.counter_rng import mix64

PROCESSES = [(0.0, 1.0), (0.0, 30.0), (0.5, 1.0), (0.8, -0.5), (0.9, 0.0), (0.3, 5.0)]


def one_after_another(alpha, beta, customers, key):
    """Tables of customers who come in turn; the hashes say which of them they pick."""
    words = keyed_hash(key, np.arange(customers))
    picks, coins = words * 2.0**-64, mix64(words) * 2.0**-64
    tables, founders = [0], {0: 0}
    for v in range(1, customers):
        point = picks[v] * (v + beta) - beta
        picked = math.floor(point)
        if picked == 0 and beta < 0:
            opens = coins[v] < (alpha + beta) / (1 + beta)
        else:
            opens = picked < 0 or (picked in founders and coins[v] < alpha)
        if opens:
            founders[v] = len(founders)
        tables.append(founders[v] if opens else tables[picked])
    return np.array(tables)


@pytest.mark.parametrize(("alpha", "beta"), PROCESSES)
@pytest.mark.parametrize("head", [1, 64, 2**20])
def test_addresses_are_customers_in_turn(alpha, beta, head, monkeypatch):
    monkeypatch.setattr(module, "_HEAD", head)
    monkeypatch.setattr(module, "_BLOCK", 100)
    for key in range(3):
        seated = Restaurant(alpha, beta, 3000, key, 3000)
        found = seated(np.arange(3000))
        assert np.array_equal(found, one_after_another(alpha, beta, 3000, key))
        some = np.array([2999, 0, 17, 17, 1500])
        assert np.array_equal(seated(some), found[some])


@pytest.mark.parametrize(("alpha", "beta"), PROCESSES)
def test_five_customers_sit_by_the_exact_law(alpha, beta):
    """All 52 ways to sit, each `prod (n_j - alpha or beta + alpha k)/(v + beta)`."""
    chances = {(0,): 1.0}
    for v in range(1, 5):
        after = collections.defaultdict(float)
        for tables, chance in chances.items():
            sizes = collections.Counter(tables)
            for table, size in sizes.items():
                after[*tables, table] += chance * (size - alpha) / (v + beta)
            opens = (beta + alpha * len(sizes)) / (v + beta)
            after[*tables, len(sizes)] += chance * opens
        chances = after
    assert math.fsum(chances.values()) == pytest.approx(1)
    draws = 1000
    seated = collections.Counter(
        tuple(Restaurant(alpha, beta, 5, key, 5)(np.arange(5)).tolist())
        for key in range(draws)
    )
    assert set(seated) <= set(chances)
    likely = [ways for ways, chance in chances.items() if chance * draws > 8]
    counts = [seated[ways] for ways in likely]
    expected = [chances[ways] * draws for ways in likely]
    if len(likely) < len(chances):
        counts.append(draws - sum(counts))
        expected.append(draws - sum(expected))
    assert stats.chisquare(counts, expected).pvalue > 1e-4


@pytest.mark.parametrize(("alpha", "beta"), PROCESSES)
def test_tables_and_their_sizes_on_average(alpha, beta):
    """E[K_n] and E[M_nj] over many draws, in standard errors."""
    customers, draws, seats = 600, 250, np.arange(1, 8)
    tables, of_size = [], []
    for key in range(draws):
        seated = Restaurant(alpha, beta, customers, key, customers)
        sizes = np.bincount(seated(np.arange(customers)))
        assert sizes.min() >= 1
        tables.append(len(sizes))
        of_size.append([np.sum(sizes == j) for j in seats])
    found = np.column_stack([tables, of_size])
    mean = np.append(
        theory.pitman_yor.expected_tables(customers, alpha, beta),
        theory.pitman_yor.expected_tables_of_size(seats, customers, alpha, beta),
    )
    error = found.std(axis=0) / math.sqrt(draws) + 0.5 / draws
    assert np.all(np.abs(found.mean(axis=0) - mean) < 4 * error)


@pytest.mark.parametrize(("alpha", "beta"), PROCESSES)
@pytest.mark.parametrize("customers", [1, 2, 50, 10**6])
def test_the_mean_in_the_message_is_the_theorys(alpha, beta, customers):
    mean = theory.pitman_yor.expected_tables(customers, alpha, beta)
    assert _mean_tables(customers, alpha, beta) == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize("customers", [500, 2**16])
def test_more_tables_than_people(customers, monkeypatch):
    monkeypatch.setattr(module, "_HEAD", 1000)
    mean = theory.pitman_yor.expected_tables(customers, 0.9, 5.0)
    message = rf"of {customers} visits, law.discount=0.9 and law.concentration=5.0"
    with pytest.raises(ValueError, match=message) as error:
        Restaurant(0.9, 5.0, customers, key=0, tables=100)
    assert f"reaches more than people=100; E[K_n]={mean:.0f} are" in str(error.value)
