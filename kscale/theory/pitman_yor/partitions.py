"""The exact laws of Pitman-Yor partitions: tables, seatings, entropies.

Source: Pan et al. 2025, section 4; Pitman, Combinatorial Stochastic Processes (2006).
"""

import jax
import jax.numpy as jnp
import numpy as np

from kscale.theory import checks
from kscale.theory.numerics.gamma_ratios import log_gamma_ratio
from kscale.theory.pitman_yor.moments import (
    PROCESS,
    expected_entropy,
    expected_tables,
    expected_tables_of_size,
)
from kscale.theory.solver import solver

_SEATED = {"customers": "integer [1, inf)"} | PROCESS


def _check_counts(counts, **_):
    total = np.asarray(counts, float).sum(axis=-1)
    rule = "must be at least 1: seat a customer"
    checks.refuse("sum(counts)", total, total < 1, rule)


@solver(domain=_SEATED)
def table_count_law(customers: int, alpha, beta):
    """Returns the law of the number of tables K_n of n customers: of 0, ..., n, [n+1].

    By the recurrence over customers, all of whose terms are positive:

        P_{m+1}(k) (m + beta) = P_m(k) (m - alpha k) + P_m(k-1) (beta + alpha (k-1))

    n is static; n^2 steps take a tenth of a second at n = 5,000.

    Example:
      >>> table_count_law(2, 0.5, 1.0)
      array([0.  , 0.25, 0.75])

    Source: Pitman (2006), section 3.2; Pan et al. 2025, section 4.
    """
    tables = jnp.arange(customers + 1, dtype=float)
    opens = beta + alpha * tables

    def seat(m, law):
        m = jnp.asarray(m, float)
        # max() is for k > m, which has no chance.
        stays = law * jnp.maximum(m - alpha * tables, 0.0)
        return (stays + jnp.roll(law * opens, 1)) / (m + beta)

    first = jnp.zeros(customers + 1).at[1].set(1.0)
    return jax.lax.fori_loop(1, customers, seat, first)


@solver(
    domain={"counts": "integer [0, inf) of [..., tables]"} | PROCESS,
    check=_check_counts,
)
def log_partition_probability(counts, alpha, beta):
    """Returns the logarithm of the probability of one seating of n customers.

        prod_{i<k} (beta + i alpha) / (1+beta)_{n-1} prod_j (1-alpha)_{n_j - 1}

    where (x)_m is the rising factorial: the exchangeable partition probability.

    Args:
      counts: customers at each table, [..., tables]; some table has one.

    Returns:
      Nats, [...].

    Example:
      >>> round(float(log_partition_probability([2, 0], 0.5, 1.0)), 12)  # ln 1/4
      -1.38629436112

    Source: Pitman (2006), theorem 3.2.
    """
    taken = counts > 0
    # The i-th table to open costs beta + i alpha, except the first.
    place = jnp.cumsum(taken, axis=-1) - 1.0
    opens = jnp.log(jnp.where(taken & (place > 0), beta + alpha * place, 1.0))
    sits = log_gamma_ratio(1 - alpha, jnp.maximum(counts - 1, 0.0))
    total = counts.sum(axis=-1)
    return (opens + sits).sum(axis=-1) - log_gamma_ratio(1 + beta, total - 1)


@solver(domain=_SEATED)
def partition_entropy(customers: int, alpha, beta):
    """Returns the entropy in nats of the partition of n customers into tables, exactly.

    The mean of -`log_partition_probability`: it needs the law of K_n and the means
    E[M_{n,j}] only. Takes n^2 steps; n is static.

    Example:
      >>> round(float(partition_entropy(2, 0.5, 1.0)), 12)  # 1/4 together, 3/4 apart
      0.562335144619

    Source: Pitman (2006), theorem 3.2, averaged.
    """
    law = table_count_law(customers, alpha, beta)
    more = jnp.cumsum(law[::-1])[::-1]  # more[k] = P(K >= k)
    i = jnp.arange(1.0, customers)
    opens = jnp.sum(more[2:] * jnp.log(beta + i * alpha))
    j = jnp.arange(1.0, customers + 1)
    tables = jax.vmap(expected_tables_of_size, (0, None, None, None))(
        j, jnp.asarray(float(customers)), alpha, beta
    )
    sits = jnp.sum(tables * log_gamma_ratio(1 - alpha, j - 1))
    return log_gamma_ratio(1 + beta, customers - 1.0) - opens - sits


@solver(domain=_SEATED | {"log_atoms": "[0, inf)"})
def labelled_atoms_information(customers: int, alpha, beta, log_atoms):
    """Returns the information in nats of n draws about a PYP with labelled atoms.

        I = H(partition) + E[K_n] ln A - n E[H(p)]

    The first two terms are the entropy of the draws when no two atoms share a label,
    the third is what remains when the process is known. It is the optimal Bayes
    redundancy of n draws in the limit of many labels.

    Args:
      customers: n; static.
      alpha, beta: of the process, alpha not close to 1.
      log_atoms: ln A, far above alpha ln n.

    Example:
      >>> round(float(labelled_atoms_information(100, 0.5, 1.0, 20.0)), 6)
      347.876204

    Source: Pan et al. 2025, section 5.2 and lemma A.3, in a case with a closed form.
    """
    n = jnp.asarray(float(customers))
    tables = expected_tables(n, alpha, beta)
    entropy = partition_entropy(customers, alpha, beta)
    return entropy + tables * log_atoms - n * expected_entropy(alpha, beta)
