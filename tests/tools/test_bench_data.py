"""The bench of batches: what its lines say, of a small world."""

import pytest

from tools import bench, bench_data


def test_every_law_beside_the_uniform_one():
    rows = bench_data.time_laws(people=2000, exposures=4, batch=4, repetitions=3)
    assert [row.name for row in rows] == list(bench_data.LAWS)
    assert rows[0].ratio == 1
    assert all(row.composed > 0 and row.ratio > 0 and row.start > 0 for row in rows)


def test_lines():
    line = bench_data.Skewed("zipf", 48.04e6, 0.973, 1.5).line()
    assert line == (
        "zipf          48.0 million tokens/s   beside uniform  0.97"
        "   first window  1.50 s"
    )
    both = bench_data.Rates("demo", 41.4e6, 0.9e6).line() + "\n" + line + "\n"
    found = bench.beside("demo      tokens/s  kscale   138,000\n", both)
    assert found == {"demo": pytest.approx(300)}  # laws are no feeds
