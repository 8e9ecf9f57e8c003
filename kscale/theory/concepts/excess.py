"""Training error on texts with unlearnt concepts, and the excess entropy it implies.

A text's cloze question fails if two or more of its concepts are unlearnt. With a
fraction P_b of the R concepts unlearnt their number in a text is Binomial(R, d P_b/R).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from kscale.theory.concepts import finite_length
from kscale.theory.concepts.density import GRAPH
from kscale.theory.numerics.lambert import log1p_minus
from kscale.theory.solver import solver


class TrainingError(NamedTuple):
    """P_e by four formulas.

    Attributes:
      exact: P(Binomial(R, d P_b/R) >= 2) = 1 - (1-q)^R - R q (1-q)^(R-1).
      printed: equation (27), with R-1 for R in the first power: too small by d P_b/R,
        below 0 at small P_b.
      small, paper: (d P_b)^2/2, the leading term; 4 (d P_b)^2, as printed.
    """

    exact: Array
    printed: Array
    small: Array
    paper: Array


def _two_or_more(unlearnt: Array, concepts: Array, d: Array) -> Array:
    """Returns `TrainingError.exact` from what its cancelling terms leave."""
    q = d * unlearnt / concepts
    odds = concepts * q / (1 - q)
    # ln(1-q)^R (1 + odds), where the terms linear in q cancel
    quadratic = concepts * (log1p_minus(-q) + q * q / (1 - q)) + log1p_minus(odds)
    return -jnp.expm1(quadratic)


@solver(domain={"unlearnt": "[0, 1]", "d": "(0, inf)", "concepts": "(d, inf)"})
def training_error(unlearnt, concepts, d: Any = 6.0) -> TrainingError:
    """Returns the probability that a text holds two or more unlearnt concepts.

    Accurate down to a fraction `unlearnt` of P_b = 1e-150 of the R concepts; d is the
    mean number of concepts in a text.

    Example:
      >>> error = training_error(0.01, 1e4)
      >>> round(float(error.exact), 8), round(float(error.paper), 4)
      (0.00172944, 0.0144)

    Source: Nayak & Varshney 2024, equations (3) and (24)-(27); "exact" evaluates (26)
    with k P_b where kR is printed.
    """
    mean = d * unlearnt
    q = mean / concepts
    printed = -jnp.expm1((concepts - 1) * log1p_minus(-q) + q + log1p_minus(mean))
    exact = _two_or_more(unlearnt, concepts, d)
    exact, printed = (jnp.where(x == 0, 0.0, x) for x in (exact, printed))  # not -0
    return TrainingError(exact, printed, mean**2 / 2, 4 * mean**2)


class ExcessEntropy(NamedTuple):
    """Lower bounds of the excess entropy in nats.

    Attributes:
      half: P_e^2/2, as printed: Pinsker's inequality with an L1 distance of P_e.
      total_variation: 2 P_e^2, as P_e is a total variation distance, half an L1 one.
    """

    half: Array
    total_variation: Array


@solver(domain={"error": "[-1, 1]"})
def excess_entropy(error) -> ExcessEntropy:
    """Returns what an error rate P_e on cloze questions costs in nats at least.

    Example:
      >>> float(excess_entropy(0.1).half).__round__(12)
      0.005

    Source: Nayak & Varshney 2024, equation (4).
    """
    return ExcessEntropy(error**2 / 2, 2 * error**2)


class BimodalError(NamedTuple):
    """Averages over graphs, some of which learn nearly all and some nearly nothing.

    Attributes:
      error: E[P_e] = P(stuck) P_e(z) + (1 - P(stuck)) P_e(floor).
      half, total_variation: averages of the two bounds of `ExcessEntropy`.
      unlearnt: E[P_b], for comparison.
    """

    error: Array
    half: Array
    total_variation: Array
    unlearnt: Array


@solver(domain=GRAPH)
def bimodal_error(concepts, texts, d: Any = 6.0) -> BimodalError:
    """Returns training error and excess entropy averaged over graphs, not concepts.

    A graph's unlearnt fraction is near either the floor or z, so the mean error is
    linear in the probability of sticking, where P_e(mean P_b) would be quadratic. NaN
    for d <= e.

    Example:
      >>> float(bimodal_error(1e4, 4.6e4)[0]).__round__(6)
      0.36056

    Source: Nayak & Varshney 2024, equation (27), under `corrected_law`.
    """
    law = finite_length.corrected_law(concepts, texts, d)
    stuck = _two_or_more(law.unlearnt_if_stuck, concepts, d)
    freed = _two_or_more(law.floor, concepts, d)
    error = law.stuck * stuck + (1 - law.stuck) * freed
    square = law.stuck * stuck**2 + (1 - law.stuck) * freed**2
    return BimodalError(error, square / 2, 2 * square, law.unlearnt)
