"""Peeling as a Markov chain in three counts: its exact law, and samples of it.

Reveal edges only as peeling needs them. With u concepts unlearnt, texts differ only in
whether they hold none, exactly one, or two or more of these; a text of the last kind is
otherwise as at the start, given that it holds two or more. Learning one concept,

    a text with one, other than the one that teaches it, loses it with probability 1/u
    a text with two or more comes down to one with probability
        theta_u = (u-1) p^2 (1-p)^(u-2) / P(Binomial(u, p) >= 2)

independently, until no text holds exactly one. No graph is needed, and no limit taken.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from kscale.theory import checks

COUNTS = {
    "d": "(0, inf)",
    "concepts": "integer [1, inf) and (d, inf)",
    "texts": "integer [1, inf)",
}


def _kinds(unlearnt: int, p: float) -> tuple[float, float]:
    """Returns P(Binomial(u, p) = 1) and P(... >= 2)."""
    one = unlearnt * p * np.exp((unlearnt - 1) * np.log1p(-p))
    return float(one), float(special.betainc(2, unlearnt - 1, p)) if unlearnt > 1 else 0


def _reduction_chance(unlearnt: int, p: float) -> float:
    """Returns theta_u."""
    if unlearnt < 2:
        return 1.0  # there is no text with two
    if p * p == 0:  # the limit, where float64 has no p^2
        return 2 / unlearnt
    two = (unlearnt - 1) * p * p * np.exp((unlearnt - 2) * np.log1p(-p))
    return min(1.0, float(two / _kinds(unlearnt, p)[1]))


class LearningLaw(NamedTuple):
    """The law of the number of concepts left unlearnt, over graphs.

    Attributes:
      pmf_unlearnt: [R+1], the probability of 0, 1, ..., R unlearnt.
      mean_learnt, all_learnt: E[R+], and P(R+ = R), the first entry.
      stuck: probability that peeling ends with a text that holds two or more.
      truncated: an upper bound of the probability left out.
    """

    pmf_unlearnt: np.ndarray
    mean_learnt: float
    all_learnt: float
    stuck: float
    truncated: float


@checks.check_domain(COUNTS | {"tail": "[0, 0.01]"})
def learning_law(
    concepts: int, texts: int, d: float = 6.0, tail: float = 1e-30
) -> LearningLaw:
    """Returns the exact law of what peeling learns, by a dynamic program.

    After each concept the joint law of the texts with one and with two or more is held
    on the window that carries all of it but `tail`; windows are some R^(1/2) wide, so
    that time grows like R^2.5: R = 30 takes 0.02 s, 300 some 3 s, and 1000, with
    tail=1e-12, half a minute.

    Args:
      concepts, texts, d: R, T and the mean number of concepts in a text.
      tail: probability that each cut may leave out. At 0 nothing is cut, and time
        grows like R T^3.

    Example:
      >>> law = learning_law(2, 3, d=1.0)
      >>> law.pmf_unlearnt.round(12).tolist(), round(law.mean_learnt, 12)
      ([0.65625, 0.21875, 0.125], 1.53125)

    Source: Nayak & Varshney 2024, equation (10); the reduction is that of Luby,
    Mitzenmacher and Shokrollahi's analysis of erasure decoding.
    """
    p = d / concepts
    # ln 0!, ..., ln n!, in extended precision, as differences lose digits
    logs = np.log(np.arange(1, texts + 1, dtype=np.longdouble))
    log_factorial = np.concatenate([np.zeros(1, np.longdouble), np.cumsum(logs)])
    law = _start(concepts, texts, p, tail, log_factorial)
    pmf, stuck, truncated = np.zeros(concepts + 1), 0.0, 4 * tail
    for unlearnt in range(concepts, 0, -1):
        if law.ones == 0:  # the first row holds no text to learn from
            pmf[unlearnt] = law.mass[0].sum()
            stuck += law.mass[0].sum() - (law.mass[0, 0] if law.more == 0 else 0.0)
            law = _Law(law.mass[1:], 1, law.more)
        if not law.mass.size:
            break
        law = law._replace(ones=law.ones - 1)  # the text that teaches
        law = _lose(law, 1 / unlearnt, tail, log_factorial)
        theta = _reduction_chance(unlearnt, p)
        law = _unshear(_lose(_shear(law), theta, tail, log_factorial, axis=1))
        law, cut = _trim(law, tail)
        truncated += cut + 2 * tail
    pmf[0] = law.mass.sum()
    learnt = float((concepts - np.arange(concepts + 1)) @ pmf)
    return LearningLaw(pmf, learnt, float(pmf[0]), float(stuck), float(truncated))


class _Law(NamedTuple):
    """A joint law; `mass[i, k]` belongs to (ones + i, more + k)."""

    mass: np.ndarray
    ones: int
    more: int


def _window(mean: float, most: int, tail: float) -> tuple[int, int]:
    """Returns a window of a binomial count that misses twice `tail`, by Bernstein."""
    if tail == 0:
        return 0, most
    bits = -np.log(tail)
    above = mean + bits / 3 + np.sqrt(bits**2 / 9 + 2 * bits * mean)
    below = mean - np.sqrt(2 * bits * mean)
    return max(0, int(below)), min(most, int(above) + 1)


def _start(
    concepts: int, texts: int, p: float, tail: float, log_factorial: np.ndarray
) -> _Law:
    """Returns the trinomial law of the kinds of texts before anything is learnt."""
    one, more = _kinds(concepts, p)
    low_1, high_1 = _window(texts * one, texts, tail)
    low_2, high_2 = _window(texts * more, texts, tail)
    i = np.arange(low_1, high_1 + 1)[:, None]
    k = np.arange(low_2, high_2 + 1)[None, :]
    none = texts - i - k
    f = log_factorial
    ways = f[-1] - f[i] - f[k] - f[np.maximum(none, 0)]
    log = special.xlogy(i, one) + special.xlogy(k, more)
    log = log + none * concepts * np.log1p(-p)
    return _Law(np.where(none < 0, 0.0, np.exp(ways.astype(float) + log)), low_1, low_2)


def _lose(
    law: _Law, chance: float, tail: float, log_factorial: np.ndarray, axis: int = 0
) -> _Law:
    """Loses each item of one count with a chance; returns the law of the rest."""
    low = law.more if axis else law.ones
    high = low + law.mass.shape[axis] - 1
    most = _window(high * chance, high, tail)[1]
    n = np.arange(low, high + 1)[:, None]
    lost = np.arange(most + 1)[None, :]  # a band: far fewer than n
    kept = n - lost
    f = log_factorial
    ways = (f[n] - f[lost] - f[np.maximum(kept, 0)]).astype(float)
    log = special.xlogy(lost, chance) + special.xlog1py(np.maximum(kept, 0), -chance)
    first = max(0, low - most)
    step = np.zeros((len(n), high - first + 1))
    there = kept >= 0
    rows = np.broadcast_to(n - low, kept.shape)
    step[rows[there], kept[there] - first] = np.exp((ways + log)[there])
    if axis:
        return _Law(law.mass @ step, law.ones, first)
    return _Law(step.T @ law.mass, first, law.more)


def _shear(law: _Law) -> _Law:
    """Changes the axes (ones, more) to (ones + more, more)."""
    rows, columns = law.mass.shape
    out = np.zeros((rows + columns - 1, columns))
    i, k = np.ogrid[:rows, :columns]
    out[i + k, k] = law.mass
    return _Law(out, law.ones + law.more, law.more)


def _unshear(law: _Law) -> _Law:
    """Changes the axes (ones + more, more) to (ones, more)."""
    rows, columns = law.mass.shape
    offset = law.ones - law.more
    low, high = max(0, offset - columns + 1), offset + rows - 1
    mass = np.zeros((high - low + 1, columns))
    for k in range(columns):  # ones = offset + row - k
        first = max(0, low + k - offset)
        start = offset + first - k - low
        mass[start : start + rows - first, k] = law.mass[first:, k]
    return _Law(mass, low, law.more)


def _trim(law: _Law, tail: float) -> tuple[_Law, float]:
    """Cuts rows and columns at the edges that hold at most `tail` together."""
    corner, mass, cut = [law.ones, law.more], law.mass, 0.0
    for axis in (0, 1):
        margin = mass.sum(axis=1 - axis)
        up, down = np.cumsum(margin), np.cumsum(margin[::-1])
        first = int(np.searchsorted(up, tail, side="right"))
        last = len(margin) - int(np.searchsorted(down, tail, side="right"))
        cut += up[first - 1] if first else 0.0
        cut += down[len(margin) - last - 1] if last < len(margin) else 0.0
        mass = mass[first:last] if axis == 0 else mass[:, first:last]
        corner[axis] += first
    return _Law(mass, *corner), float(cut)


class ChainSample(NamedTuple):
    """Sampled outcomes of peeling.

    Attributes:
      unlearnt: int [graphs], concepts left unlearnt.
      stuck: bool [graphs], whether some text was left with two or more.
      mean, standard_error: of the unlearnt fraction.
      stuck_fraction: of the graphs.
    """

    unlearnt: np.ndarray
    stuck: np.ndarray
    mean: float
    standard_error: float
    stuck_fraction: float


@checks.check_domain(COUNTS | {"graphs": "integer [2, inf)"})
def sample_chain(
    concepts: int, texts: int, graphs: int, rng: np.random.Generator, d: float = 6.0
) -> ChainSample:
    """Peels many random graphs at once, through the chain of three counts.

    The law of `peel(sample_graph(R, T, d/R, rng))`, without graphs.

    Example:
      >>> found = sample_chain(1000, 6000, 50, np.random.default_rng(0))
      >>> found.unlearnt.shape, bool(found.mean < 0.1)
      ((50,), True)

    Source: as `learning_law`, drawn.
    """
    p = d / concepts
    one, more = _kinds(concepts, p)
    kinds = rng.multinomial(texts, [one, more, max(0.0, 1 - one - more)], size=graphs)
    ones, twos = kinds[:, 0], kinds[:, 1]
    unlearnt, stuck = np.zeros(graphs, np.int64), np.zeros(graphs, bool)
    alive = np.arange(graphs)
    for left in range(concepts, 0, -1):
        if not ones.all():
            over = ones == 0
            unlearnt[alive[over]], stuck[alive[over]] = left, twos[over] > 0
            alive, ones, twos = alive[~over], ones[~over], twos[~over]
        if not len(alive):
            break
        down = rng.binomial(twos, _reduction_chance(left, p))
        ones = ones - 1 - rng.binomial(ones - 1, 1 / left) + down
        twos = twos - down
    share = unlearnt / concepts
    error = float(share.std(ddof=1) / np.sqrt(graphs))
    return ChainSample(unlearnt, stuck, float(share.mean()), error, float(stuck.mean()))
