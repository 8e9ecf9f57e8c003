"""The benches: what they compute of small sizes, and what their lines say."""

import os

import jax
import jax.numpy as jnp
import pytest

from tools import bench, bench_data, bench_moe

STEP = (
    "demo      tokens/s  kscale   138,012  eager    45,333  ratio 2.40\n"
    "GPT2-2-1  tokens/s  kscale    31,457\n"
)


def test_batches_beside_steps():
    skewed = bench_data.Skewed("zipf", 48.04e6, 0.973, 1.5).line()
    assert skewed == (
        "zipf          48.0 million tokens/s   beside uniform  0.97"
        "   first window  1.50 s"
    )
    both = (bench_data.Rates("bioS", 50e6, 1e6), bench_data.Rates("demo", 41.4e6, 9e5))
    lines = [*(rates.line() for rates in both), skewed]  # laws are no feeds
    found = bench.beside(STEP, "\n".join(lines))
    assert found == pytest.approx({"demo": 300, "GPT2-2-1": 50e6 / 31457}, rel=1e-3)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux has it")
def test_cores_of_a_bench(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "tools"
    folder.mkdir()
    code = "import os, sys, time\ntime.sleep(0.2)\n"
    code += "print(len(os.sched_getaffinity(0)), *sys.argv[1:])"
    (folder / "cores.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    assert bench.bench("cores", 7) == "1 --repetitions=7\n"
    all_cores = len(os.sched_getaffinity(0))
    assert bench.bench("cores", 7, all_cores=True).split()[0] == str(all_cores)
    assert capsys.readouterr().out.startswith("1 --repetitions=7\n")
    with pytest.raises(SystemExit, match="no_bench failed"):
        bench.bench("no_bench", 1)


def test_every_law_beside_the_uniform_one():
    rows = bench_data.time_laws(people=2000, exposures=4, batch=4, repetitions=3)
    assert [row.name for row in rows] == list(bench_data.LAWS)
    assert rows[0].ratio == 1
    assert all(row.composed > 0 and row.ratio > 0 and row.start > 0 for row in rows)


def test_a_line_of_medians_and_ratios():
    turns = {"buffers": [4.0, 6.0, 5.0], "dense": [8.0, 6.0, 20.0], "all": [2.0] * 3}
    line = bench_moe.line("x", turns)
    assert line.endswith("buffers 5  dense 8  all 2  buffers: dense 0.50, all 2.50")


def test_experts_have_the_parameters_that_their_names_say():
    def size(layer):
        shapes = bench_moe.shapes(layer, jnp.zeros((1, 4, 64)))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    found = {k: size(layer) for k, layer in bench_moe.layers(2, 8, 2).items()}
    expert = 2 * (64 * 64 + 64)
    assert found["buffers"] == found["dropless"] == found["all"] == 8 * expert + 8 * 64
    assert found["dense"] == 64 * 128 + 128 + 128 * 64 + 64
