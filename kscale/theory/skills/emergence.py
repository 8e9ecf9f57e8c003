"""Where abilities emerge and where accuracy rests: sizes, and phases of a curve."""

from itertools import chain, pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from kscale.theory.checks import check_domain, refuse
from kscale.theory.numerics.newton import first_fall
from kscale.theory.skills.levels import CURVE, check_curve, learning_ratio, level_graphs
from kscale.theory.skills.tasks import paper_tasks, task_accuracy
from kscale.theory.solver import solver

_LARGEST = 1e10  # concepts
_GRID = 512  # sizes on which the first crossing is sought
_WINDOW = 64  # grid steps in a window of `phases`


@solver(domain=CURVE | {"level": "(0, 1]"}, check=check_curve)
def emergence_size(
    level,
    tasks=None,
    texts_per_concept=None,
    eta=None,
    prerequisites=None,
    skills=1000.0,
    d=6.0,
    sigma=2e5,
    levels: int = 100,
    kind: str = "monotone",
    as_published: bool = False,
):
    """Returns the smallest model whose accuracy reaches a level, for each task.

    The first crossing on 512 sizes from R = max(2, d) to 1e10 concepts, closed in on in
    ln R; so a curve that dips (kind "literal") gives its first crossing that is wider
    than a step of 4 percent. Derivatives are those of the implicit function.

    Args:
      level: the accuracy to reach.
      tasks, ..., as_published: as in `accuracy_curve`.

    Returns:
      N, parameters, [tasks]; NaN where no size in the range reaches the level, or all
      do.

    Example:
      >>> emergence_size(0.5)[:2] / 1e9
      array([ 0.20944466, 50.16919148])

    Source: Nayak & Varshney 2024, section 2.5 and figure 3(a).
    """
    ratio = learning_ratio(texts_per_concept, d)
    if tasks is None:
        tasks = jnp.asarray(paper_tasks(levels, as_published))

    scene = (ratio, eta, prerequisites, skills, d)

    def accuracy(log_r, task, ratio, eta, prerequisites, skills, d):
        R = jnp.exp(log_r)
        given = (R, ratio * R, eta, prerequisites, skills, d, levels, kind)
        return task_accuracy(level_graphs(*given, as_published).gamma, task)

    def missing(log_r, uncrossed, level, *rest):
        # a root there where there is none, for derivatives of 0, not NaN
        lacks = level - accuracy(log_r, *rest)
        return jnp.where(jnp.isnan(uncrossed), lacks, uncrossed - log_r)

    def first(task):
        # a part in 1e12 above d, so that rounding does not lead below it
        low = jnp.log(jnp.maximum(d, 2.0)) + 1e-12
        grid = jax.lax.stop_gradient(jnp.linspace(low, np.log(_LARGEST), _GRID))
        along = jax.vmap(lambda log_r: accuracy(log_r, task, *scene))
        reached = along(grid) >= level
        index = jnp.argmax(reached)
        crossed = reached.any() & (index > 0)
        index = jnp.where(crossed, index, 1)
        nodes = grid[jnp.clip(index + jnp.arange(-1, 2), 0, _GRID - 1)]
        uncrossed = jnp.where(crossed, jnp.nan, nodes[1])
        log_r = first_fall(missing, nodes, uncrossed, level, task, *scene)
        # taken one by one, values may lie a rounding beside those of the grid
        log_r = jnp.where(jnp.isnan(log_r), nodes[1], log_r)
        return jnp.where(crossed, sigma * jnp.exp(log_r), jnp.nan)

    return jax.lax.map(first, tasks) if tasks.ndim == 3 else first(tasks)


class Phases(NamedTuple):
    """Rests and rises of an accuracy curve, from small to large sizes.

    Attributes:
      height: [k], accuracy of each plateau where it is flattest.
      start, stop: [k], sizes at which each begins and ends (the last size given).
      emergence: [j], size halfway up each rise between two plateaus; the first rise
        starts at the floor, which is no plateau.
      rise: [j], what accuracy gains there.
      slope: [j], its steepest gain per decade, averaged over the window.
    """

    height: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    emergence: np.ndarray
    rise: np.ndarray
    slope: np.ndarray


@check_domain(
    {
        "sizes": "(0, inf) of [n>=2]",
        "accuracy": "[0, 1.0000001] of [n]",
        "tolerance": "(0, 1)",
        "window": "(0, inf)",
    }
)
def phases(
    sizes: ArrayLike, accuracy: ArrayLike, tolerance: float = 0.01, window: float = 0.25
) -> Phases:
    """Finds the plateaus of an accuracy curve and the emergences between them.

    A size is at rest if accuracy varies by at most `tolerance` within a `window` that
    holds it. The window spans several skill levels (one every 7/L nats of size in the
    paper's setting), whose single steps are no emergences. Runs of such sizes higher
    than `tolerance` are plateaus; runs that differ by less are one.

    Args:
      sizes, accuracy: [n], growing sizes from before the first rise to after the last.
      tolerance: largest change within a window that counts as none.
      window: in decades of size.

    Example:
      >>> from kscale.theory.skills.levels import accuracy_curve
      >>> N = np.geomspace(1e8, 1e13, 400)
      >>> phases(N, accuracy_curve(N).accuracy[:, 2]).height.round(3)
      array([0.4, 0.8, 1. ])

    Source: Nayak & Varshney 2024, section 3.3: a plateau announces the next emergence.
    """
    n, y = np.asarray(sizes, float), np.asarray(accuracy, float)
    x = np.log10(n)
    refuse("sizes", n[1:], np.diff(x) <= 0, "must grow: sort the curve")
    span = x[-1] - x[0]
    rule = f"must be {2 * window:g} decades at least: narrow the window"
    refuse("span of sizes", span, span < 2 * window, rule)
    grid = np.linspace(x[0], x[-1], int(np.ceil(span / window * _WINDOW)) + 1)
    curve = np.interp(grid, x, y)
    views = np.lib.stride_tricks.sliding_window_view(curve, _WINDOW + 1)
    spread, gain = np.ptp(views, axis=1), views[:, -1] - views[:, 0]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spread <= tolerance, [0]])))
    runs = [_rest(spread, *run) for run in edges.reshape(-1, 2)]
    runs = _merge(runs, curve, tolerance)
    rises = [_rise(grid, curve, gain / window, pair) for pair in pairwise(runs)]
    rests = [
        (curve[k], 10 ** grid[a], 10 ** grid[b])
        for k, a, b in runs
        if curve[k] > tolerance
    ]
    columns = (np.reshape(rows, (-1, 3)).T for rows in (rests, rises))
    return Phases(*chain(*columns))


def _rest(spread: np.ndarray, begin: int, end: int) -> tuple[int, int, int]:
    """Returns (flattest, first, last) grid points of the windows [begin, end)."""
    quiet = spread[begin:end]
    # the middle of the flattest stretch, not its first point
    flattest = np.flatnonzero(quiet <= quiet.min() + 1e-9)
    place = begin + flattest[flattest.size // 2] + _WINDOW // 2
    return int(place), begin, end - 1 + _WINDOW


def _merge(runs: list[tuple], curve: np.ndarray, tolerance: float) -> list[tuple]:
    """Merges neighboring runs of one height."""
    merged: list[tuple] = []
    for run in runs:
        if merged and abs(curve[run[0]] - curve[merged[-1][0]]) <= tolerance:
            place, first, _ = merged.pop()
            run = (place, first, run[2])
        merged.append(run)
    return merged


def _rise(grid, curve, slope, rests: tuple[tuple, tuple]):
    """Returns (size halfway, gain, steepest slope) between two rests."""
    (low, _, _), (high, _, _) = rests
    level = (curve[low] + curve[high]) / 2
    reached = curve[low : high + 1] >= level
    k = low + int(np.argmax(reached != reached[0]))
    share = (level - curve[k - 1]) / (curve[k] - curve[k - 1])
    half = grid[k - 1] + share * (grid[k] - grid[k - 1])
    steep = slope[max(low - _WINDOW // 2, 0) : high - _WINDOW // 2 + 1]
    gain = curve[high] - curve[low]
    return 10**half, gain, steep[np.argmax(np.sign(gain) * steep)]
