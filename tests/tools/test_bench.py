"""The bench of all benches: what it makes of their lines."""

import os

import pytest

from tools import bench


def test_batches_beside_steps():
    step = (
        "demo      tokens/s  kscale   138,012  eager    45,333  ratio 2.40\n"
        "GPT2-2-1  tokens/s  kscale    31,457\n"
    )
    made = (
        "bioS      50.0 million tokens/s composed   1.000 formatted\n"
        "demo      41.4 million tokens/s composed   0.900 formatted\n"
    )
    found = bench.beside(step, made)
    assert found["demo"] == pytest.approx(300, rel=1e-3)
    assert found["GPT2-2-1"] == pytest.approx(50e6 / 31457)


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


def test_a_bench_that_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="no_bench failed"):
        bench.bench("no_bench", 1)
