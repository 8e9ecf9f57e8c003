"""Tasks as distributions q(l, m): a subtask asks for m skills of level l at once.

Arrays are [L + 1, M + 1], and q[l, m] is what it says. Level 0 stands for subtasks that
need no skill: gamma_0 = 1.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from kscale.theory.checks import check_domain, refuse
from kscale.theory.solver import solver

_PAPER_COUNTS = (2, 3, 4, 5, 6, 7)
_PAPER_WEIGHTS, _PAPER_SHARES = (0.4, 0.4, 0.2), (0.2, 0.6, 0.95)
COUNTS = "integer [0, 1e6] of [k>=1]"
LEVELS = {"levels": "integer [1, inf)"}
MODES = {"weights": "distribution of [k]", "shares": "[0, 1] of [k]"}


@check_domain(LEVELS | {"level": "integer [0, levels]", "skill_counts": COUNTS})
def homogeneous_task(
    level: int = 10, levels: int = 100, skill_counts: Sequence[int] = _PAPER_COUNTS
) -> np.ndarray:
    """Returns a task of one level l of L; see `task` for `skill_counts`.

    Example:
      >>> homogeneous_task(1, levels=2, skill_counts=(2,))
      array([[0., 0., 0.],
             [0., 0., 1.],
             [0., 0., 0.]])

    Source: Nayak & Varshney 2024, section 3.3: q(m) = 1/6 for m = 2..7, l = 10.
    """
    share = np.zeros(levels + 1)
    share[level] = 1.0
    return task(share, skill_counts)


def binomial_task(
    share: float = 0.5, levels: int = 100, skill_counts: Sequence[int] = _PAPER_COUNTS
) -> np.ndarray:
    """Returns a task whose levels are Binomial(L, share); see `mixture_task`.

    Source: Nayak & Varshney 2024, section 3.3, the unimodal task.
    """
    return mixture_task((1.0,), (share,), levels, skill_counts)


@check_domain(MODES | LEVELS)
def mixture_task(
    weights: Sequence[float] = _PAPER_WEIGHTS,
    shares: Sequence[float] = _PAPER_SHARES,
    levels: int = 100,
    skill_counts: Sequence[int] = _PAPER_COUNTS,
) -> np.ndarray:
    """Returns a task whose levels are a mixture of binomials.

    Args:
      weights, shares: [k], the weight and the mean level over L of each binomial.
      levels, skill_counts: L, and the values of m, as of `task`.

    Source: Nayak & Varshney 2024, section 3.3, the multimodal task.
    """
    level = np.arange(levels + 1)
    shape = stats.binom.pmf(level[:, None], levels, np.asarray(shares, float)[None, :])
    return task(shape @ np.asarray(weights, float), skill_counts)


@check_domain({"levels": "distribution of [l]", "skill_counts": COUNTS})
def task(levels: ArrayLike, skill_counts: Sequence[int] = _PAPER_COUNTS) -> np.ndarray:
    """Returns q(l, m) = q(l) q(m), [L + 1, M + 1], of q(l) for the `levels` l = 0..L.

    The values of m, at most M, are equally likely among `skill_counts`.

    Source: Nayak & Varshney 2024, section 3.3.
    """
    share = np.asarray(levels, float)
    counts = np.bincount(np.asarray(skill_counts, int))
    return share[:, None] * (counts / counts.sum())[None, :]


@check_domain(LEVELS)
def paper_tasks(levels: int = 100, as_published: bool = False) -> np.ndarray:
    """Returns the tasks of figure 3, [3, L + 1, 8]: homogeneous, binomial, mixture.

    Args:
      levels: L, at least the 10, or 11 as_published, of the homogeneous task.
      as_published: the homogeneous task of the authors' code, which asks for 7 skills
        of level 11.

    Source: Nayak & Varshney 2024, section 3.3 and figure 3.
    """
    few = levels < (11 if as_published else 10)
    refuse("levels", levels, few, "must be at least 10, or 11 as_published: take more")
    one = (11, levels, (7,)) if as_published else (10, levels)
    others = binomial_task(levels=levels), mixture_task(levels=levels)
    return np.stack([homogeneous_task(*one), *others])


@check_domain(MODES)
def plateau_heights(
    weights: Sequence[float] = _PAPER_WEIGHTS, shares: Sequence[float] = _PAPER_SHARES
) -> np.ndarray:
    """Returns where the accuracy of `mixture_task` rests if its modes lie apart.

    A plateau is reached when all levels of the easier modes have emerged and none of
    the harder: the cumulative sums of the weights, in the order of the shares.

    Example:
      >>> plateau_heights().round(6)
      array([0.4, 0.8, 1. ])

    Source: Nayak & Varshney 2024, figure 3(a), which the text does not say.
    """
    order = np.argsort(np.asarray(shares, float), kind="stable")
    return np.cumsum(np.asarray(weights, float)[order])


@solver(domain={"gamma": "[0, 1] of [levels]", "q": "number of [..., levels, m]"})
def task_accuracy(gamma, q):
    """Sums q(l, m) gamma_l^m: all m skills of a subtask in the giant component.

    It is a lower bound of the accuracy, [...], of q [..., L + 1, M + 1]; gamma_0 = 1.

    Example:
      >>> float(task_accuracy([1.0, 0.5], [[0.0, 0.0], [0.0, 1.0]]))
      0.5

    Source: Nayak & Varshney 2024, equation (7).
    """
    # Horner's rule in m: 0^0 = 1 without a power
    total = jnp.zeros(q.shape[:-1])
    shape = (1,) * (q.ndim - 2) + gamma.shape
    for m in range(q.shape[-1] - 1, -1, -1):
        total = total * gamma.reshape(shape) + q[..., m]
    return total.sum(-1)
