"""`kscale sweep`: its plan, its answer, how it is stopped, and what is refused."""

import json

import pytest

from kscale import cli, files
from kscale.runs import sweeps
from kscale.stopping import Interrupted


def test_a_sweep_of_runs(experiment, instant, tmp_path, ask, capsys):
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path / 'new'}"]
    out = ask(*words, "--dry_run", "--part=1/2")
    assert out.count("to do ") == 1
    assert "N=12, 3 exposures, 1 layers, d=16, seed 0, rate 0.001: " in out
    assert out.splitlines()[-1].startswith("1 to train: ")
    assert out.endswith(" h at 125 TFLOP/s\n")
    assert not (tmp_path / "new").exists()
    assert cli.main([*words, "--part=1/2", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert [row["exposures"] for row in answer["rows"]] == [3]
    assert answer["figure"] == str(tmp_path / "new" / "mine_smoke.png")
    assert "0.500 bits per parameter" in err
    plan = ask(*words, "--dry_run", "--json")["runs"]
    assert [row["done"] for row in plan] == [False, False, False, True, False]
    said = f"0 new rows; the figure is {answer['figure']}\n"
    assert ask(*words, "--draw_only") == said


SETTINGS = """
runs = lambda size: [{"x": 2.0, "size": size}, {"x": 3.0, "size": size}]
compute = lambda setting: {"square": setting["x"] ** 2}
draw = lambda rows, path: path.write_text(str([row["square"] for row in rows]))
"""


def test_a_sweep_of_settings(tmp_path, ask):
    path = tmp_path / "squares.py"
    path.write_text(SETTINGS)
    words = ["sweep", path, f"--results={tmp_path}"]
    assert ask(*words).startswith("2 new rows")
    assert ask(*words).startswith("0 new rows")
    rows = files.read_rows(tmp_path / "squares_smoke.jsonl")
    assert [row["square"] for row in rows] == [4.0, 9.0]
    assert rows[0]["config"] == {"x": 2.0, "size": "smoke"}
    assert {"commit", "versions", "device", "seconds", "fingerprint"} <= rows[0].keys()
    assert (tmp_path / "squares_smoke.png").read_text() == "[4.0, 9.0]"
    lines = ask(*words, "--dry_run").splitlines()
    assert [line.split()[0] for line in lines] == ["done", "done"]
    assert lines[1].endswith("  x=3, size=smoke")


def test_a_sweep_that_is_stopped_keeps_its_rows(
    experiment, instant, tmp_path, monkeypatch, ask, capsys
):
    quick = sweeps.run

    def stopped(config, workdir, **rest):
        if config.data.exposures == 3:
            raise Interrupted("stopped after step 1")
        return quick(config, workdir, **rest)

    monkeypatch.setattr(sweeps, "run", stopped)
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path}"]
    assert cli.main(words) == 143
    err = capsys.readouterr().err
    assert err.endswith("kscale sweep: stopped by SIGTERM; 3 new rows are kept\n")
    monkeypatch.setattr(sweeps, "run", quick)
    assert ask(*words).startswith("2 new rows; ")


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("bad"), 1), (KeyError("x"), 70)]
)
def test_the_traceback_of_a_mistake_of_kscale_or_with_debug_is_shown(
    experiment, tmp_path, monkeypatch, capsys, error, code
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sweeps, "run", fail)
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path / 'new'}"]
    for debug, shown in (([], code == 70), (["--debug"], True)):
        assert cli.main([*words, *debug]) == code
        assert ("Traceback" in capsys.readouterr().err) == shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one experiment"),
        (["mine", "other"], "name one experiment"),
        (["{file}", "--part=2/2"], "--part=2/2: write i/n with 0 <= i < n"),
        (["{file}", "--part=nonsense", "--dry_run"], "--part=nonsense: write i/n"),
        (["{file}", "--part=-1/2"], "--part=-1/2: write i/n"),
        (["{file}", "--size=large"], "--size=large"),
        (["{file}", "--draw_only"], "has no rows of mine; run the sweep first"),
        (["mine"], "there is no experiments/ here; give the path of its file"),
        (["elsewhere/mine.py"], "file 'elsewhere/mine.py' does not exist"),
        (["{empty}"], "empty.py defines no draw and no runs"),
    ],
)
def test_what_cannot_be_swept(
    words, message, experiment, tmp_path, monkeypatch, refuse
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text("x = 1\n")
    known = {"file": tmp_path / "mine.py", "empty": tmp_path / "empty.py"}
    refuse(["sweep", *(word.format(**known) for word in words)], message)
    assert sorted(x.name for x in tmp_path.iterdir()) == ["empty.py", "mine.py"]
