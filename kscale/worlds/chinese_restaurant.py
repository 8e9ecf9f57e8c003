"""The Chinese restaurant of the Pitman-Yor process, each customer by address.

Customer v joins a table of n_j with probability `(n_j - alpha)/(v + beta)` and else
opens the next. In other words: with probability `beta/(v + beta)` v opens a table, and
otherwise picks one of those before, evenly; v opens a table with probability alpha if
that one has founded a table, and else sits at the same one. The pick is a hash of v, so
a chain of picks leads to the founder in some `ln v` steps.

Source: Pan et al. 2025, section 4; Pitman 2006, "Combinatorial Stochastic Processes".
"""

import math

import numpy as np

from kscale.worlds.counter_rng import keyed_hash, mix64

_HEAD = 2**23  # customers whose table is kept
_BLOCK = 2**15
_FIRST = 256  # customers that are seated at once to begin with


class Restaurant:
    """The table of each customer, tables numbered in the order of opening.

    Args:
      alpha: discount, in [0, 1).
      beta: concentration, above -alpha.
      customers: how many come, at least 1.
      key: of the draws, from `derive_key`.
      tables: how many there are at most; more are a ValueError.

    The tables are counted at once, at about a tenth of a microsecond per customer. What
    is kept is 4 bytes for each of the first 8 million customers and 8 for each table
    that opens later. A chain of picks ends there, after `ln(v / 8 million)` more steps.
    """

    def __init__(
        self, alpha: float, beta: float, customers: int, key: int, tables: int
    ):
        self._alpha, self._beta, self._key = alpha, beta, key
        self._customers, self._most = customers, tables
        # Of each customer the table n, or -1 - n for its founder.
        self._head = np.zeros(min(customers, _HEAD), np.int32)
        self._head[0], self._known, self._early = -1, 1, 1
        while self._known < len(self._head):
            number = min(max(self._known, _FIRST), _BLOCK)
            self._seat(min(number, len(self._head) - self._known))
        self._late = self._find_late_founders()

    def __call__(self, customers: np.ndarray) -> np.ndarray:
        """Returns int64 [n]: the table of each customer."""
        if customers.size and customers.max() < self._known:
            table = self._head.take(customers)
            table ^= table >> 31  # -1 - n is n with all bits changed
            return table.astype(np.int64)
        return self._number_tables(self._find_founder(customers), self._late)

    def _seat(self, number: int) -> None:
        """Notes the tables of the next customers in the head."""
        block = np.arange(self._known, self._known + number)
        founder = self._find_founder(block)
        founds = founder == block
        tables = self._number_tables(founder, block[founds])
        self._head[block] = np.where(founds, ~tables, tables)
        self._known += number
        self._early += int(founds.sum())
        self._check_tables(self._early)

    def _find_late_founders(self) -> np.ndarray:
        """Returns int64: the customers that found a table after the head, in order."""
        parts, number = [np.empty(0, np.int64)], self._early
        self._check_tables(number)
        for first in range(self._known, self._customers, _BLOCK):
            block = np.arange(first, min(first + _BLOCK, self._customers))
            parts.append(block[self._founds(block)])
            number += len(parts[-1])
            self._check_tables(number)
        return np.concatenate(parts)

    def _check_tables(self, tables: int) -> None:
        if tables > self._most:
            mean = _mean_tables(self._customers, self._alpha, self._beta)
            raise ValueError(
                f"law.kind='restaurant' of {self._customers} visits, law.discount="
                f"{self._alpha} and law.concentration={self._beta} reaches more than"
                f" people={self._most}; E[K_n]={mean:.0f} are to be expected: raise"
                f" people, or lower discount, concentration or exposures"
            )

    def _find_founder(self, customers: np.ndarray) -> np.ndarray:
        """Returns each table's founder, or -1 - n for table n of the head.

        Up the chain of picks, `table` is the founder if all who are undecided between
        it and the customer at hand follow a founder there.
        """
        now = table = customers.astype(np.int64)
        found, place = np.empty_like(now), np.arange(len(now))
        while place.size:
            known = now < self._known
            here = self._head.take(now[known])
            found[place[known]] = np.where(here < 0, table[known], ~here)
            place, now, table = (x[~known] for x in (place, now, table))
            picked, undecided = self._pick(now)
            table, now = np.where(undecided, table, picked), picked
        return found

    def _number_tables(self, founder: np.ndarray, late: np.ndarray) -> np.ndarray:
        """Returns the table of each `_find_founder`; `late` founded after the head."""
        tables = ~founder
        (named,) = np.nonzero(founder >= 0)
        founder = founder[named]
        before = ~self._head.take(np.minimum(founder, self._known - 1))
        after = self._early + np.searchsorted(late, founder)
        tables[named] = np.where(founder < self._known, before, after)
        return tables

    def _founds(self, customers: np.ndarray) -> np.ndarray:
        """Returns bool [n]: whether each customer beyond the head founds a table."""
        founds = np.zeros(len(customers), bool)
        now, place = customers, np.arange(len(customers))
        while place.size:
            picked, undecided = self._pick(now)
            now, place = picked[undecided], place[undecided]
            known = now < self._known
            founds[place[known]] = self._head.take(now[known]) < 0
            now, place = now[~known], place[~known]
        return founds

    def _pick(self, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picks an earlier customer for each from 1 on.

        Returns:
          (picked, undecided): who is undecided opens a table if the picked one did. A
          customer that must open a table is mapped to customer 0, who opened one.
        """
        alpha, beta = self._alpha, self._beta
        word = keyed_hash(self._key, customers)
        # [0, beta) opens a table; then one unit for each of those before. A negative
        # beta is taken from the unit of the first, who is a founder for certain.
        point = word * ((customers + beta) * 2.0**-64) - beta
        picked = np.floor(point).astype(np.int64)
        coin = mix64(word) * 2.0**-64
        undecided = coin < alpha
        if beta < 0:
            first = coin < (alpha + beta) / (1 + beta)
            undecided = np.where(picked == 0, first, undecided)
        undecided |= picked < 0
        # Rounding can reach the customer's own unit: pick one of those before.
        return np.clip(picked, 0, customers - 1), undecided


def _mean_tables(customers: int, alpha: float, beta: float) -> float:
    """Returns E[K_n]; `kscale.theory` has it for every argument.

    It is `Gamma(1+beta) Gamma(n+alpha+beta) / (alpha Gamma(alpha+beta) Gamma(n+beta)) -
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
