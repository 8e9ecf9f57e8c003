"""Monte-Carlo skill graphs: what `skill_levels` predicts, sampled."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse, special
from scipy.sparse.csgraph import connected_components

from kscale.theory.checks import check_domain, distribution
from kscale.theory.skills.levels import LEVELS, TASKS, default_levels
from kscale.theory.skills.tasks import paper_tasks

Array = np.ndarray
SIZES = {
    "d": "(0, inf)",
    "concepts": "integer [2, 1e9] and [d, inf)",
    "texts": "integer [0, inf)",
}


class SkillSimulation(NamedTuple):
    """Means over sampled graphs, with their standard errors; index 0 is level 0.

    Attributes:
      p, p_se: [L + 1], share of the pairs of skills that are linked; 1 at level 0.
      gamma, gamma_se: [L + 1], share of the skills in the largest component.
      accuracy, accuracy_se: [tasks], chance that a subtask's skills all lie in one
        component.
      pairs: mean number of pairs of concepts that share a text.
      graphs: number of graphs.
    """

    p: Array
    p_se: Array
    gamma: Array
    gamma_se: Array
    accuracy: Array
    accuracy_se: Array
    pairs: float
    graphs: int


@check_domain(
    LEVELS
    | SIZES
    | {
        "skills": "integer [2, 1e5] of [] or [levels]",
        "tasks": TASKS,
        "graphs": "integer [2, inf)",
        "counts": "texts | binomial",
    }
)
def simulate_skills(
    concepts: int,
    texts: int,
    rng: np.random.Generator,
    eta: ArrayLike | None = None,
    prerequisites: ArrayLike | None = None,
    skills: ArrayLike = 1000,
    d: float = 6.0,
    levels: int = 100,
    tasks: ArrayLike | None = None,
    graphs: int = 4,
    counts: str = "texts",
) -> SkillSimulation:
    """Samples concept-text and skill graphs, and measures what can be composed.

    Each text holds each concept with probability d/R. Each concept carries one skill a
    level, uniformly. Two skills are linked by the distinct pairs of concepts that share
    a text and carry them, if these are at least eta, and if the prerequisites of both,
    s_l skills of the level below drawn with replacement, lie in its largest component.
    (An s_l that is not whole is rounded up with its fraction's probability.) All
    concepts count as learnt, as in the formula. Given a graph, the accuracy is exact:
    the chance that m distinct skills fall into one component.

    Where `skill_levels(..., kind="two_ways")` differs from it, the formula is at fault
    in two places. It takes the number of links as binomial; but all pairs of one skill
    share its concepts, about R/S of them, so that links crowd on skills that happen to
    have many. And it applies the prerequisites to every pair anew, whereas a skill
    without them loses all of its links at once: gamma_l <= gamma_(l-1)^s_l.
    `counts="binomial"` samples the first assumption; `thinned="skills"` there mends the
    second.

    Args:
      concepts, texts: R and T; R = 1e5 takes seconds.
      rng: the source of randomness.
      eta, prerequisites, skills, d, levels, tasks: as in `accuracy_curve`.
      graphs: how many.
      counts: "texts", or "binomial": links drawn as Binomial(C(R,2), 2 p_rr) for every
        pair of skills.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> found = simulate_skills(500, 2266, rng, skills=50, levels=11)
      >>> bool(found.gamma[1] > 0.99), found.graphs
      (True, 4)

    Source: Nayak & Varshney 2024, sections 2.3 to 2.5.
    """
    tasks = paper_tasks(levels) if tasks is None else np.asarray(tasks, float)
    distribution("tasks", tasks, axes=2)
    defaults = default_levels(levels)
    eta, needed = (
        default if given is None else np.broadcast_to(np.asarray(given, float), levels)
        for given, default in zip((eta, prerequisites), defaults, strict=True)
    )
    sizes = np.broadcast_to(np.asarray(skills, int), levels)
    rows = []
    for _ in range(graphs):
        if counts == "texts":
            ends = np.ascontiguousarray(concept_pairs(concepts, texts, rng, d).T)
            table = functools.partial(_count_pairs, *ends, concepts, rng)
            shared = ends.shape[1]
        else:
            chance = -np.expm1(texts * np.log1p(-((d / concepts) ** 2)))
            trials = concepts * (concepts - 1) // 2
            table = functools.partial(_draw_pairs, trials, 2 * chance, rng)
            shared = trials * chance
        found = _levels(table, eta, needed, sizes, rng)
        rows.append((*_measure(found, tasks), shared))
    *columns, pairs = zip(*rows, strict=True)
    measured = []  # every mean, and its standard error
    for table in map(np.stack, columns):
        measured += [table.mean(0), table.std(0, ddof=1) / np.sqrt(len(rows))]
    return SkillSimulation(*measured, pairs=float(np.mean(pairs)), graphs=graphs)


@check_domain(SIZES)
def concept_pairs(
    concepts: int, texts: int, rng: np.random.Generator, d: float = 6.0
) -> np.ndarray:
    """Draws the pairs of concepts that share at least one text.

    Each of T texts holds each of R concepts with probability d/R.

    Returns:
      int64 [pairs, 2], sorted, each pair once with the smaller concept first.

    Example:
      >>> concept_pairs(3, 1, np.random.default_rng(0), d=3.0).tolist()
      [[0, 1], [0, 2], [1, 2]]

    Source: Nayak & Varshney 2024, section 2.4.
    """
    R = concepts
    degrees = rng.binomial(R, d / R, size=texts)
    kinds = np.unique(degrees[degrees > 1], return_counts=True)
    keys = [np.empty(0, np.int64)]
    for degree, times in zip(*kinds, strict=True):
        held = _distinct(int(times), int(degree), R, rng)
        first, second = np.triu_indices(degree, 1)
        keys.append((held[:, first] * R + held[:, second]).ravel())
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), R), axis=-1)


def component_labels(linked: np.ndarray) -> np.ndarray:
    """Returns which component, from 0, each node of a graph belongs to, int [n].

    Of `linked`, bool [n, n], the upper triangle counts.

    Example:
      >>> linked = np.zeros((3, 3), bool)
      >>> linked[0, 2] = True
      >>> component_labels(linked).tolist()
      [0, 1, 0]
    """
    first, second = np.nonzero(linked)
    n = len(linked)
    shape = sparse.coo_array((np.ones(first.size, bool), (first, second)), (n, n))
    return connected_components(shape, directed=False)[1]


def _distinct(texts: int, degree: int, R: int, rng: np.random.Generator) -> Array:
    """Draws rows of `degree` distinct concepts, sorted: repeats are drawn anew."""
    if degree > R / 4:
        rows = np.tile(np.arange(R), (texts, 1))
        return np.sort(rng.permuted(rows, axis=1)[:, :degree], axis=1)
    rows = np.sort(rng.integers(R, size=(texts, degree)), axis=1)
    while True:
        row, column = np.nonzero(rows[:, 1:] == rows[:, :-1])
        if not row.size:
            return rows
        rows[row, column] = rng.integers(R, size=row.size)
        touched = np.unique(row)
        rows[touched] = np.sort(rows[touched], axis=1)


def _count_pairs(
    first: Array, second: Array, R: int, rng: np.random.Generator, S: int
) -> Array:
    """Counts the pairs of concepts that join the skills a < b of a level, [S, S]."""
    skill = rng.integers(S, size=R)
    ways = np.bincount(skill[first] * S + skill[second], minlength=S * S)
    ways = ways.reshape(S, S)
    return np.triu(ways + ways.T, 1)


def _draw_pairs(n: int, chance: float, rng: np.random.Generator, S: int) -> Array:
    """Draws such counts as independent binomial numbers of n trials."""
    return np.triu(rng.binomial(n, chance / S**2, size=(S, S)), 1)


def _levels(
    table: Callable[[int], Array],
    eta: Array,
    prerequisites: Array,
    sizes: Array,
    rng: np.random.Generator,
) -> Iterator[tuple[float, Array]]:
    """Yields for each level the share of linked pairs and the components' sizes."""
    below = np.ones(1, bool)
    for least, needed, S in zip(eta, prerequisites, sizes, strict=True):
        ready = _ready(below, needed, S, rng)
        if not ready.any():  # nor on any later level: spare the counting
            yield 0.0, np.ones(S, int)
            continue
        linked = (table(S) >= least) & (ready[:, None] & ready[None, :])
        labels = component_labels(np.triu(linked, 1))
        size = np.bincount(labels)
        below = (labels == size.argmax()) & (size.max() > 1)
        yield linked.sum() / (S * (S - 1) / 2), size


def _ready(below: Array, needed: float, S: int, rng: np.random.Generator) -> Array:
    """Returns which of S skills have all their prerequisites in the component below."""
    asked = int(np.floor(needed)) + (rng.random(S) < needed - np.floor(needed))
    drawn = below[rng.integers(below.size, size=(S, int(np.ceil(needed)) or 1))]
    unasked = np.arange(drawn.shape[1])[None, :] >= asked[:, None]
    return (drawn | unasked).all(axis=1)


def _measure(found: Iterator[tuple[float, Array]], tasks: Array) -> tuple[Array, ...]:
    """Returns (p, gamma, accuracy) of one graph."""
    m = np.arange(tasks.shape[-1])
    p, gamma = [1.0], [1.0]
    together = [np.ones(m.size)]  # that m skills of a level lie in one component
    for linked, size in found:
        p.append(linked)
        gamma.append(size.max() / size.sum())
        kinds, times = np.unique(size, return_counts=True)
        ways = special.comb(kinds[:, None], m[None, :]) * times[:, None]
        chance = ways.sum(0) / special.comb(size.sum(), m)
        together.append(np.where(m == 0, 1.0, chance))
    accuracy = np.einsum("...lm,lm->...", tasks, np.stack(together))
    return np.asarray(p), np.asarray(gamma), accuracy
