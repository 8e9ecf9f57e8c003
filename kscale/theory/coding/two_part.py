"""Two-part codes: a model, and the data that it leaves unsaid."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kscale.theory.checks import check_domain


class StructureFunction(NamedTuple):
    """What models of growing size leave unsaid.

    Attributes:
      alpha: [n], bits allowed for the model, growing.
      h: [n], least data bits of any model of at most alpha bits; inf if there is none.
      total: [n], alpha + h: the whole description, by h's models filled up to alpha.
      best_total: least model bits + data bits of any model: the two-part code length,
        an upper bound of the Kolmogorov complexity up to a constant.
      minimal_sufficient: smallest size of a model whose two parts stay within `slack`
        of the best.
      slack: in bits.
    """

    alpha: np.ndarray
    h: np.ndarray
    total: np.ndarray
    best_total: float
    minimal_sufficient: float
    slack: float


@check_domain(
    {"model_bits": "[0, inf) of [n>=1]", "data_bits": "[0, inf) of [n]"}
    | {"alpha": "[0, inf] of [...]", "slack": "[0, inf)"}
)
def structure_function(
    model_bits: ArrayLike,
    data_bits: ArrayLike,
    alpha: ArrayLike | None = None,
    slack: float | None = None,
) -> StructureFunction:
    """Returns Kolmogorov's structure function, restricted to a family of models.

        h(alpha) = min{data bits of M : model bits of M <= alpha}

    Sufficient are the models whose total is the least up to a constant. The constant
    here is `slack`, by default log2 of the number of models: to name one within the
    family costs as much, so smaller differences say nothing about the data.

    Args:
      model_bits, data_bits: [n], of each model and of the data under it; any order.
      alpha: sizes at which h is wanted; the models' own, sorted, if absent.
      slack: bits by which a sufficient model may exceed the best.

    Example:
      >>> found = structure_function([10, 20, 40, 80], [1000, 700, 650, 660])
      >>> found.h.tolist(), found.best_total, found.minimal_sufficient
      ([1000.0, 700.0, 650.0, 650.0], 690.0, 40.0)

    Source: Pan et al. 2025, definition 3.1 and appendix B; the minimal sufficient
    statistic of Gacs, Tromp and Vitanyi 2001.
    """
    model, data = np.asarray(model_bits, float), np.asarray(data_bits, float)
    slack = float(np.log2(model.size)) if slack is None else slack
    order = np.argsort(model, kind="stable")
    model, data = model[order], data[order]
    asked = model if alpha is None else np.sort(np.asarray(alpha, float).ravel())
    least = np.concatenate([[np.inf], np.minimum.accumulate(data)])
    h = least[np.searchsorted(model, asked, side="right")]
    totals = model + data
    best = totals.min()
    sufficient = model[totals <= best + slack].min()
    return StructureFunction(
        asked, h, asked + h, float(best), float(sufficient), float(slack)
    )
