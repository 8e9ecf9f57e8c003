"""How fast the theory is beside plain SciPy or Python, which do one point at a time.

    python -m tools.bench_theory --repetitions=3

Both take turns in one process. SciPy solves a few points in each turn, and its line is
their median times the number of points. The first call compiles, which is listed by
itself. Each line ends with how far the two results lie apart, which must be next to
nothing.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags
from numpy.typing import ArrayLike

from kscale import theory
from tools import theory_baselines

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 3, "timings of each way", 1, flag_values=_FLAGS
)


class Job(NamedTuple):
    """One thing to compute, in two ways.

    Attributes:
      name: what.
      target: seconds that ours may take, as the project's aim has it; None: no aim.
      ours: computes all points.
      plain: computes one point, the i-th to be timed.
      points: how many points make up the whole.
      timed: how many of them are timed in each turn.
      compare: the numbers to compare: (ours, plain's) of what the two returned, the
        latter a list of points 0, 1, ...
      within: relative difference allowed.
    """

    name: str
    target: float | None
    ours: Callable[[], Any]
    plain: Callable[[int], Any]
    points: int
    timed: int
    compare: Callable[[Any, list], tuple[ArrayLike, ArrayLike]]
    within: float


class Timing(NamedTuple):
    """Medians of a job's two ways, and how far their results lie apart.

    Attributes:
      job: what was timed.
      ours: seconds.
      compiling: seconds that the first call took more.
      plain: seconds of all points, one at a time.
      timed: how many points that is drawn from.
      apart: largest relative difference.
    """

    job: Job
    ours: float
    compiling: float
    plain: float
    timed: int
    apart: float

    def line(self) -> str:
        """Returns one line of the report."""
        job = self.job
        target = f"(target {job.target:g})" if job.target else ""
        return (
            f"{job.name:<42}{self.ours:8.3f} s {target:<12}"
            f" first call {self.compiling:5.1f} s more"
            f"  one at a time {self.plain:9,.1f} s from {self.timed:>3}"
            f"  ratio {self.plain / self.ours:10,.0f}  apart {self.apart:.0e}"
        )


def timing(job: Job, repetitions: int) -> Timing:
    """Times both ways in turns and compares their results.

    Args:
      job: what to time.
      repetitions: of ours; the plain way solves new points in each, while there are.

    Raises:
      SystemExit: the results differ by more than they may.
    """
    first, result = _clock(job.ours)
    ours, plain, found = [], [], []
    for _ in range(repetitions):
        ours.append(_clock(job.ours)[0])
        for _ in range(job.timed):
            if len(found) == job.points:
                break
            seconds, point = _clock(lambda: job.plain(len(found)))
            plain.append(seconds)
            found.append(point)
    one, other = (np.asarray(x, float) for x in job.compare(result, found))
    apart = float((abs(one - other) / abs(other)).max())
    if not apart <= job.within:
        raise SystemExit(f"{job.name}: results lie {apart:.1e} apart")
    again = statistics.median(ours)
    whole = statistics.median(plain) * job.points
    return Timing(job, again, max(first - again, 0.0), whole, len(found), apart)


def _clock(function: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def optima(points: int = 200) -> Job:
    """Makes the compute-optimal sweep of Nayak & Varshney 2024, figure 2a."""
    compute = np.geomspace(1e18, 1e26, points)
    order = np.random.default_rng(0).permutation(points)
    return Job(
        f"compute-optimal sweep, {points} budgets",
        1.0,
        lambda: theory.concepts.compute_optimal(compute),
        lambda i: theory_baselines.compute_optimal(compute[order[i]])[1],
        points,
        5,
        lambda best, found: (best.learnt[order[: len(found)]], found),
        1e-6,  # a least value, sought by values, has half the digits
    )


def allocations(clusters: int = 10**6, capacities: int = 64) -> Job:
    """Makes water filling with its certificate; SciPy makes do without."""
    p = np.arange(1.0, clusters + 1) ** -1.5
    p /= p.sum()
    capacity = np.geomspace(10, 10 * clusters, capacities)
    order = np.random.default_rng(0).permutation(capacities)
    return Job(
        f"KKT, {clusters:,} clusters x {capacities} capacities",
        2.0,
        lambda: theory.model_scaling.water_level(capacity, p),
        lambda i: theory_baselines.allocate(p, capacity[order[i]]),
        capacities,
        2,
        lambda level, found: (level.redundancy[order[: len(found)]], found),
        1e-9,
    )


def fits(starts: int = 4500, timed: int = 20) -> Job:
    """Makes fits of Chinchilla's law from many starts, on 250 noisy points.

    The optimum is compared, not each start's: the least that SciPy reaches from the
    starts timed, which is L-BFGS and stops early.
    """
    rng = np.random.default_rng(0)
    parameters = np.repeat(np.geomspace(5e7, 1.5e10, 25), 10)
    tokens = np.tile(np.geomspace(1e9, 5e11, 10), 25)
    loss = 406.4 / parameters**0.34 + 410.7 / tokens**0.28 + 1.69
    loss *= np.exp(rng.normal(0, 5e-3, loss.size))
    logs = np.log(parameters), np.log(tokens), np.log(loss)
    table = theory.fitting.chinchilla_starts()
    order = rng.permutation(len(table))
    return Job(
        f"Chinchilla fit, {starts:,} starts, 250 points",
        10.0,
        lambda: (
            theory.fitting.fit_chinchilla(
                parameters, tokens, loss, table[order[:starts]]
            ).loss
        ),
        lambda i: theory_baselines.chinchilla(table[order[i]], *logs),
        starts,
        timed,
        lambda least, found: (least, min(found)),
        1e-2,
    )


def accuracies(sizes: int = 400) -> Job:
    """Makes the three accuracies of Nayak & Varshney 2024, figure 3, by exact tails."""
    N = np.geomspace(1e9, 1e12, sizes)
    order = np.random.default_rng(0).permutation(sizes)
    return Job(
        f"figure 3, {sizes} sizes x 3 tasks",
        2.0,
        lambda: theory.skills.accuracy_curve(N, kind="exact").accuracy,
        lambda i: theory_baselines.accuracy(N[order[i]]),
        sizes,
        5,
        lambda ours, found: (1 + ours[order[: len(found)]], 1 + np.array(found)),
        1e-9,
    )


def peeling(concepts: int = 10**6, share: int = 100) -> Job:
    """Makes a random graph, sampled and peeled; the plain queue has a smaller one."""
    a, d = 10.0, 4.0  # texts a concept, concepts a text: above the threshold

    def graph(size: int) -> theory.concepts.Graph:
        rng = np.random.default_rng(size)
        return theory.concepts.sample_graph(size, int(size * a / d), d / size, rng)

    small = graph(concepts // share)
    owner = np.repeat(np.arange(small.concept_count), np.diff(small.starts))
    edges = owner, small.texts, small.concept_count, small.text_count
    return Job(
        f"graph sampled and peeled, {int(a) * concepts:,} edges",
        None,
        lambda: theory.concepts.peel(graph(concepts)).count / concepts,
        lambda _: theory_baselines.peel(*edges).sum(),
        share,
        1,
        lambda _, found: (theory.concepts.peel(small).count, found[0]),
        0.0,
    )


def seatings(customers: int = 10**6, share: int = 100) -> Job:
    """Makes the restaurant; a plain loop seats few, at more than linear cost.

    Two samples are compared with the mean: the share of tables with one customer.
    """
    alpha, beta = 0.5, 100.0

    def lonely(sizes: np.ndarray) -> float:
        n = sizes.sum()
        expected = theory.pitman_yor.expected_tables_of_size(1, n, alpha, beta)
        expected /= theory.pitman_yor.expected_tables(n, alpha, beta)
        return (sizes == 1).mean() / expected

    def seat() -> np.ndarray:
        rng = np.random.default_rng(0)
        return theory.pitman_yor.table_sizes(
            theory.pitman_yor.chinese_restaurant(rng, customers, alpha, beta)
        )

    return Job(
        f"restaurant, {customers:,} customers",
        None,
        seat,
        lambda i: theory_baselines.restaurant(i, customers // share, alpha, beta),
        share,
        1,
        lambda ours, found: (lonely(ours), lonely(np.array(found[0]))),
        0.1,
    )


JOBS = (optima, allocations, fits, accuracies, peeling, seatings)


def cores() -> int:
    """Returns how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def main(argv: list[str]) -> None:
    """Prints a line for each job."""
    del argv
    # What was compiled yesterday would hide how long it takes.
    jax.config.update("jax_enable_compilation_cache", False)
    print(f"{cores()} cores", flush=True)
    for job in JOBS:
        print(timing(job(), _REPETITIONS.value).line(), flush=True)


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
