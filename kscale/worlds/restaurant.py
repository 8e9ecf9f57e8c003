"""The Chinese restaurant of the Pitman-Yor process, each customer by address.

Customer v joins a table of n_j with probability `(n_j - alpha)/(v + beta)` and else
opens the next. In other words: with probability `beta/(v + beta)` v opens a table, and
otherwise picks one of those before, evenly; v opens a table with probability alpha if
that one has founded a table, and else sits at the same one. Whom v picks is a hash of
v, so a chain of picks leads to the founder in some `ln v` steps.

Source: paper 000, section 4; Pitman, "Combinatorial Stochastic Processes", 2006.
"""

import math

import numpy as np

from kscale.worlds.keyed import derive_key, keyed_hash

_HEAD = 2**20  # customers whose table is kept; all chains end there or before
_BLOCK = 2**15


class Restaurant:
    """The table of each customer, tables numbered in the order of opening.

    Args:
      alpha: discount, in [0, 1).
      beta: concentration, above -alpha.
      customers: how many come, at least 1.
      key: of the draws, from `derive_key`.
      tables: how many there are at most.

    Raises:
      ValueError: the customers open more tables.

    Memory is one number per table and 4 MB at most. The tables are counted at once, at
    about a tenth of a microsecond per customer.
    """

    def __init__(
        self, alpha: float, beta: float, customers: int, key: int, tables: int
    ):
        self._alpha, self._beta = alpha, beta
        self._keys = derive_key(key, "picks"), derive_key(key, "coins")
        self._head = self._first_founders(min(customers, _HEAD))
        self._founders = self._all_founders(customers, tables)

    def __call__(self, customers: np.ndarray) -> np.ndarray:
        """int64 [n]: the table of each customer."""
        return np.searchsorted(self._founders, self._founder(customers))

    def _first_founders(self, number: int) -> np.ndarray:
        """The founder of each of the first customers' tables, in doubling blocks."""
        self._head = np.zeros(1, np.int32)  # customer 0 opens table 0
        while len(self._head) < number:
            block = np.arange(len(self._head), min(2 * len(self._head), number))
            found = self._founder(block).astype(np.int32)
            self._head = np.concatenate([self._head, found])
        return self._head

    def _all_founders(self, customers: int, tables: int) -> np.ndarray:
        (founders,) = np.nonzero(self._head == np.arange(len(self._head)))
        parts, number = [founders], len(founders)
        for first in range(len(self._head), customers, _BLOCK):
            block = np.arange(first, min(first + _BLOCK, customers))
            parts.append(block[self._founds(block)])
            number += len(parts[-1])
            if number > tables:
                break
        if number > tables:
            mean = expected_tables(customers, self._alpha, self._beta)
            raise ValueError(
                f"a restaurant of {customers} visits, discount={self._alpha} and"
                f" concentration={self._beta} meets more than the {tables} people there"
                f" are; E[K_n]={mean:.0f} are to be expected: make the world larger"
            )
        return np.concatenate(parts)

    def _founder(self, customers: np.ndarray) -> np.ndarray:
        """int64 [n]: who founded the table of each customer.

        Up the chain of picks, `table` is the founder if all who are undecided between
        it and the customer at hand follow a founder there.
        """
        now = customers.astype(np.int64)
        table, found = now, np.empty_like(now)
        place = np.arange(len(now))
        while place.size:
            head = now < len(self._head)
            known = self._head.take(now[head])
            found[place[head]] = np.where(known == now[head], table[head], known)
            place, now, table = (x[~head] for x in (place, now, table))
            picked, opens, undecided = self._pick(now)
            found[place[opens]] = table[opens]
            table = np.where(undecided, table, picked)
            place, now, table = (x[~opens] for x in (place, picked, table))
        return found

    def _founds(self, customers: np.ndarray) -> np.ndarray:
        """bool [n]: whether each customer, beyond the head, founds a table."""
        founds = np.zeros(len(customers), bool)
        now, place = customers, np.arange(len(customers))
        while place.size:
            picked, opens, undecided = self._pick(now)
            founds[place[opens]] = True
            undecided &= ~opens
            now, place = picked[undecided], place[undecided]
            head = now < len(self._head)
            founds[place[head]] = self._head.take(now[head]) == now[head]
            now, place = now[~head], place[~head]
        return founds

    def _pick(self, customers: np.ndarray):
        """Whom each customer from 1 on picks, and whether he opens a table.

        Returns:
          (picked int64, opens bool, opens bool if the picked one is a founder).
        """
        alpha, beta = self._alpha, self._beta
        point, coin = (
            (keyed_hash(key, customers) >> np.uint64(11)) * 2.0**-53
            for key in self._keys
        )
        # [0, beta) opens a table; then one unit for each of those before. A negative
        # beta is taken from the unit of the first, who is a founder for certain.
        picked = np.floor(point * (customers + beta) - beta).astype(np.int64)
        opens = picked < 0
        picked = np.minimum(picked, customers - 1)  # rounding can reach the customer
        if beta >= 0:
            return picked, opens, coin < alpha
        chance = np.where(picked == 0, (alpha + beta) / (1 + beta), alpha)
        return picked, opens, coin < chance


def expected_tables(customers: int, alpha: float, beta: float) -> float:
    """E[K_n], for a message: the sum of the chances that customer v opens a table.

    Args:
      customers: n, at least 1.
      alpha: discount, in [0, 1).
      beta: concentration, above -alpha.

    Returns:
      `Gamma(1+beta) Gamma(n+alpha+beta) / (alpha Gamma(alpha+beta) Gamma(n+beta)) -
      beta/alpha`; at alpha below 1e-6 `sum_v beta/(v+beta)`.
    """
    if alpha < 1e-6:
        exact = min(customers, 100)
        head = math.fsum(beta / (v + beta) for v in range(exact))
        return head + beta * math.log((customers + beta - 0.5) / (exact + beta - 0.5))
    logarithm = (
        math.lgamma(1 + beta)
        - math.lgamma(alpha + beta)
        + math.lgamma(customers + alpha + beta)
        - math.lgamma(customers + beta)
    )
    return (math.exp(logarithm) - beta) / alpha
