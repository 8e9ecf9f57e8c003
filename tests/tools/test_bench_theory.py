"""The theory's bench: every job agrees with its plain way, and lines say so."""

import numpy as np
import pytest

from tools import bench_theory


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "size"),
    [
        (bench_theory.optima, {"points": 3}),
        (bench_theory.allocations, {"clusters": 50, "capacities": 3}),
        (bench_theory.fits, {"starts": 64, "timed": 4}),
        (bench_theory.accuracies, {"sizes": 3}),
        (bench_theory.peeling, {"concepts": 2000, "share": 10}),
        (bench_theory.seatings, {"customers": 20_000, "share": 10}),
    ],
)
def test_both_ways_agree(make, size):
    job = make(**size)
    found = bench_theory.timing(job, 1)
    assert found.apart <= job.within
    assert found.timed == min(job.timed, job.points)
    assert found.ours > 0
    assert found.plain > 0
    assert found.line().startswith(job.name)


def job(**changes):
    made = bench_theory.Job(
        name="roots",
        target=2.0,
        ours=lambda: np.sqrt(np.arange(1.0, 9.0)),
        plain=lambda i: (i + 1) ** 0.5,
        points=8,
        timed=3,
        compare=lambda ours, found: (ours[: len(found)], found),
        within=1e-15,
    )
    return made._replace(**changes)


def test_points_are_timed_once():
    asked = []
    plain = job(plain=lambda i: asked.append(i) or (i + 1) ** 0.5)
    assert bench_theory.timing(plain, 5).timed == 8
    assert asked == list(range(8))


def test_the_whole_is_the_median_times_the_points(monkeypatch):
    seconds = iter([5.0, 1.0, 0.1, 0.2, 0.3, 3.0, 0.1, 0.4, 0.1, 2.0, 9.0, 9.0, 9.0])
    monkeypatch.setattr(bench_theory, "_clock", lambda f: (next(seconds), f()))
    found = bench_theory.timing(job(timed=3), 2)
    assert found.ours == 2.0  # of 1 and 3
    assert found.compiling == 3.0
    assert found.plain == pytest.approx(8 * 0.15)  # of six points
    line = found.line()
    assert "2.000 s (target 2)" in line
    assert "1.2 s from   6" in line


def test_other_results_stop_the_bench():
    with pytest.raises(SystemExit, match=r"roots: results lie 1\.0e\+00 apart"):
        bench_theory.timing(job(ours=lambda: 2 * np.sqrt(np.arange(1.0, 9.0))), 1)
    with pytest.raises(SystemExit, match="lie nan apart"):
        bench_theory.timing(job(ours=lambda: np.full(8, np.nan)), 1)
