"""Laws of partitions against an enumeration of all seatings."""

import itertools

import numpy as np
import pytest

from kscale.theory.pitman_yor import moments, partitions

PROCESSES = [(0.5, 1.0), (0.8, -0.5), (0.0, 2.0)]


def seatings(customers):
    """Every seating as the table of each customer, numbered in order of opening."""
    for tables in itertools.product(range(customers), repeat=customers):
        if all(t <= max(tables[:i], default=-1) + 1 for i, t in enumerate(tables)):
            yield tables


def chance(tables, alpha, beta):
    """The restaurant's own probability, one customer after another."""
    product, seated = 1.0, []
    for m, table in enumerate(tables):
        if table == len(seated):
            product *= (beta + alpha * len(seated)) / (m + beta) if m else 1.0
            seated.append(0)
        else:
            product *= (seated[table] - alpha) / (m + beta)
        seated[table] += 1
    return product


@pytest.mark.parametrize("process", PROCESSES)
def test_five_customers_by_enumeration(process):
    every = list(seatings(5))
    assert len(every) == 52  # Bell's number
    exact = np.array([chance(tables, *process) for tables in every])
    assert exact.sum() == pytest.approx(1, rel=1e-13)
    counts = [np.bincount(tables, minlength=5) for tables in every]
    logs = partitions.log_partition_probability(counts, *process)
    np.testing.assert_allclose(np.exp(logs), exact, rtol=1e-13)
    law = np.bincount([max(tables) + 1 for tables in every], exact, minlength=6)
    got = partitions.table_count_law(5, *process)
    np.testing.assert_allclose(got, law, rtol=1e-13)
    entropy = partitions.partition_entropy(5, *process)
    assert entropy == pytest.approx(-(exact * np.log(exact)).sum(), rel=1e-13)


def test_the_law_has_the_mean():
    alpha, beta = np.transpose(PROCESSES)
    law = partitions.table_count_law(300, alpha, beta)
    np.testing.assert_allclose(law.sum(axis=1), 1, rtol=1e-12)
    mean = moments.expected_tables(300, alpha, beta)
    np.testing.assert_allclose(law @ np.arange(301), mean, rtol=1e-12)


def test_information_grows_with_draws_and_labels():
    one = partitions.labelled_atoms_information(1, 0.5, 1.0, 20.0)
    # one draw: ln A less the entropy of the weights
    entropy = moments.expected_entropy(0.5, 1.0)
    assert one == pytest.approx(20 - entropy, rel=1e-13)
    logs = [20.0, 21.0]
    two = partitions.labelled_atoms_information(2, 0.5, 1.0, logs)
    assert two[0] > one
    assert two[1] - two[0] == pytest.approx(1.75, rel=1e-12)
