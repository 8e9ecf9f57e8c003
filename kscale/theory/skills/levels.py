"""Which skills can be composed: giant components, level upon level.

Two skills of level l are linked if at least eta_l pairs of concepts join them and the
prerequisites of both, s_l each, lie in the giant component of level l - 1. A skill
belongs to the giant component of its own level with probability gamma_l:

    p_l = P(X >= eta_l) gamma_{l-1}^(2 s_l),    gamma_l = 1 - exp(-p_l S_l gamma_l)

Source: Nayak & Varshney 2024, section 3.3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kscale.theory.checks import distribution, inside, refuse
from kscale.theory.concepts.poisson import transition
from kscale.theory.skills.tails import CONCEPTS, KINDS, pairs_and_chance, tail_of
from kscale.theory.skills.tasks import paper_tasks, task_accuracy
from kscale.theory.solver import solver

LEVELS = {
    "levels": "integer [1, inf)",
    "eta": "(0, inf) of [] or [levels]",
    "prerequisites": "[0, inf) of [] or [levels]",
    "skills": "[2, inf) of [] or [levels]",
}
TASKS = "[0, 1] of [levels+1, m] or [k, levels+1, m]"
CURVE = LEVELS | {
    "d": "(0, inf)",
    "sigma": "(0, inf)",
    "texts_per_concept": "[0, inf) of []",
    "tasks": TASKS,
    "kind": KINDS,
}
_CODE_LEVEL = 11  # where the authors' code looks for the prerequisites of later levels


class SkillLevels(NamedTuple):
    """Every level's graph; index l is level l, and index 0 holds gamma_0 = p_0 = 1.

    Attributes:
      p: [L + 1], chance that two skills are linked.
      gamma: [L + 1], chance that a skill is in the giant component; 0 if there is none.
      top: the highest level with a giant component; 0 if there is none.
    """

    p: jax.Array
    gamma: jax.Array
    top: jax.Array


class AccuracyCurve(NamedTuple):
    """What a model of one size can do: its accuracy, [tasks], and its `SkillLevels`."""

    accuracy: jax.Array
    p: jax.Array
    gamma: jax.Array
    top: jax.Array


def default_levels(levels: int, as_published: bool = False):
    """Returns (eta, prerequisites), [L], of levels 1..L: exp(7 l/L) and log2 l.

    `as_published` they are rounded to whole numbers, as in the authors' code.
    """
    level = np.arange(1, levels + 1)
    eta, needed = np.exp(7 * level / levels), np.log2(level)
    return (np.round(eta), np.round(needed)) if as_published else (eta, needed)


def learning_ratio(given, d):
    """Returns T/R: as given, or where a large concept-text graph is learnt."""
    if given is None:
        return transition(d).texts_per_concept
    return given


@solver(domain={"c": "[0, inf]"})
def giant_component(c):
    """Returns the share of a random graph's nodes that lie in its giant component.

    The largest solution of gamma = 1 - exp(-c gamma), which is
    1 + W0(-c exp(-c))/c: 0 where c <= 1. Instead of W0, whose argument loses half of
    the digits near c = 1, Newton's method solves u/(1 - exp(-u)) = c for u = c gamma:
    the left side is convex, so eight steps from min(2(c - 1), c) descend to the root,
    to 15 digits relative, also at c = 1 + 1e-12. c is the mean degree, p_l S_l.

    Example:
      >>> float(giant_component(1.5)).__round__(12)
      0.582811643866

    Source: Nayak & Varshney 2024, equation (6); Erdos and Renyi 1960.
    """
    above = c > 1
    degree = jnp.where(above, c, 2.0)
    excess = jnp.minimum(degree - 1, 1e3)  # beyond, 1 - gamma is 0 in float64

    def step(_, u):
        slope = (1 - (1 + u) * jnp.exp(-u)) / jnp.expm1(-u) ** 2
        slope = jnp.where(u < 1e-3, 0.5 + u / 6, slope)
        return u - (_degree_excess(u) - excess) / slope

    u = jax.lax.fori_loop(0, 8, step, jnp.minimum(2 * excess, excess + 1))
    # a number that is not one stays so
    return jnp.where(above, -jnp.expm1(-u), 0.0 * jnp.where(c == jnp.inf, 0.0, c))


def _degree_excess(u):
    """Returns u/(1 - exp(-u)) - 1 = v + (v coth v - 1) with v = u/2, for u > 0."""
    v = u / 2
    near = v < 0.3
    w = jnp.where(near, v, 0.0) ** 2
    # B_2k (2 v)^2k/(2k)!
    terms = (1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555, -1382 / 638512875)
    terms += (4 / 18243225, -3617 / 162820783125, 87734 / 38979295480125)
    series = w * jnp.polyval(jnp.asarray(terms[::-1]), w)
    far = jnp.where(near, 1.0, v)
    return v + jnp.where(near, series, far / jnp.tanh(far) - 1)


@solver(domain=CONCEPTS | LEVELS | {"kind": KINDS, "thinned": "links | skills"})
def skill_levels(
    concepts,
    texts,
    eta=None,
    prerequisites=None,
    skills=1000.0,
    d=6.0,
    levels: int = 100,
    kind: str = "monotone",
    as_published: bool = False,
    thinned: str = "links",
) -> SkillLevels:
    """Returns the link probabilities and giant components of all levels.

    Args:
      concepts, texts: R and T.
      eta: [L], pairs of concepts that link two skills of level 1..L; exp(7 l/L) if
        absent.
      prerequisites: [L], s_l, what a skill of level l needs of level l - 1; log2 l if
        absent.
      skills: S, the skills of a level, a number or [L].
      d: mean number of concepts in a text.
      levels, kind: L, and the kind of the tail, see `pair_tail`.
      as_published: as the authors' code computes it. Its slips: the tail of
        `pair_tail(as_published=True)`; eta and the prerequisites rounded to whole
        numbers where they are the defaults; from level 12 on, they are looked up in
        level 11, not in level l - 1.
      thinned: what lacking prerequisites remove. "links", as printed: each pair of
        skills is asked anew. "skills": a skill without them loses all of its links, so
        gamma_l = r G(P(X >= eta_l) r S_l) with r = gamma_{l-1}^s_l and G the
        `giant_component`; gamma_l <= r, which the printed recursion violates.

    Example:
      >>> int(skill_levels(2500, 11332.5).top)
      14

    Source: Nayak & Varshney 2024, equations (5) and (6), where gamma_0 = 1.
    """
    given = (concepts, texts, eta, prerequisites, skills, d, levels, kind)
    return level_graphs(*given, as_published, thinned)


def level_graphs(R, T, eta, needed, S, d, levels, kind, as_published, thinned="links"):
    """Computes `skill_levels` of float64 scalars and [L] arrays, inside a solver."""
    defaults = default_levels(levels, as_published)
    eta = defaults[0] if eta is None else eta
    needed = defaults[1] if needed is None else needed
    eta, needed, S = (jnp.broadcast_to(x, (levels,)) for x in (eta, needed, S))

    def tail(eta, S):
        n, p = pairs_and_chance(R, T, d, S)
        return tail_of("published" if as_published else kind)(n, p, eta)[0]

    def climb(carry, level):
        below, code = carry
        tail, needed, S, index = level
        source = jnp.where(as_published & (index > _CODE_LEVEL), code, below)
        ready = _power(source, needed)
        p = tail * ready**2
        if thinned == "links":
            gamma = giant_component(p * S)
        else:  # the ready skills are a smaller graph of their own
            gamma = ready * giant_component(tail * ready * S)
        code = jnp.where(index == _CODE_LEVEL, gamma, code)
        return (gamma, code), (p, gamma)

    index = jnp.arange(1, levels + 1)
    start = (jnp.ones(()), jnp.ones(()))
    graphs = (jax.vmap(tail)(eta, S), needed, S, index)
    _, (p, gamma) = jax.lax.scan(climb, start, graphs)
    top = jnp.max(jnp.where(gamma > 0, index, 0)).astype(gamma.dtype)
    p, gamma = (jnp.concatenate([jnp.ones(1), x]) for x in (p, gamma))
    return SkillLevels(p, gamma, top)


def _power(base, exponent):
    """Returns base^exponent of a base in [0, 1], 0^0 = 1, with finite derivatives."""
    positive = base > 0
    power = jnp.where(positive, base, 1.0) ** exponent
    return jnp.where(positive | (exponent == 0), power, 0.0)


def check_curve(
    tasks, texts_per_concept, d, sigma, parameters=None, **_: object
) -> None:
    """Checks what no domain says of an accuracy curve."""
    if texts_per_concept is None:
        inside("d", d, "(e, inf)")  # else no ratio is the one that learns
    if tasks is not None:
        distribution("tasks", tasks, axes=2)
    if parameters is not None:
        concepts = np.asarray(parameters, float) / np.asarray(sigma, float)
        bad = ~(concepts >= np.maximum(np.asarray(d, float), 2.0))
        rule = f"must be at least 2 and at least d={d}: take a larger model"
        refuse("parameters / sigma", concepts, bad, rule)


@solver(domain=CURVE | {"parameters": "(0, inf)"}, check=check_curve)
def accuracy_curve(
    parameters,
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
) -> AccuracyCurve:
    """Returns the accuracy of tasks at model size N: figure 3(a) in one call.

    A model of N parameters holds R = N/sigma concepts; with T texts to match they give
    the levels, and

        accuracy = sum_{l,m} q(l, m) gamma_l^m

    Args:
      parameters: N; R must be at least 2 and at least d. An array gives a curve.
      tasks: q(l, m), [tasks, L + 1, M + 1] or one; `paper_tasks` if absent.
      texts_per_concept: T/R; if absent, the ratio at which a large graph is learnt,
        4.532990 at d = 6, the limit of the compute-optimal ratio.
      d: mean number of concepts in a text; above e where T/R is absent.
      sigma: parameters a concept takes.
      eta, prerequisites, skills, levels, kind: as in `skill_levels`.
      as_published: the slips of `skill_levels(as_published=True)`, and those of
        `paper_tasks` if tasks are absent.

    Example:
      >>> accuracy_curve(1e11).accuracy.round(6)
      array([1.      , 0.940411, 0.530713])

    Source: Nayak & Varshney 2024, equation (7) and section 3.3.
    """
    concepts = parameters / sigma
    texts = concepts * learning_ratio(texts_per_concept, d)
    given = (concepts, texts, eta, prerequisites, skills, d, levels, kind)
    found = level_graphs(*given, as_published)
    if tasks is None:
        tasks = jnp.asarray(paper_tasks(levels, as_published))
    accuracy = task_accuracy(found.gamma, tasks)
    return AccuracyCurve(accuracy, *found)
