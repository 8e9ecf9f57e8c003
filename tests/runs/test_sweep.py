"""Sweeps: rows appended, skipped, shared out; figures from rows alone."""

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeping import marks

from kscale import cli, configs, files
from kscale.configs import base as config_module
from kscale.configs import fields
from kscale.runs import run
from kscale.runs.experiment import (
    Experiment,
    group_runs,
    load_experiment,
    names,
    select_groups,
)
from kscale.runs.sweep import run_folder, sweep


def test_equal_shapes_are_one_population(experiment):
    groups = group_runs(experiment.runs("smoke"))
    assert [len(group) for group in groups] == [3, 1, 1]
    first = [(c.train.seed, c.train.learning_rate) for c in groups[0]]
    assert first == [(0, 1e-3), (1, 1e-3), (0, 5e-3)]


def test_lists_of_runs_that_cannot_be_meant_are_refused():
    config = configs.load("smoke")
    with pytest.raises(ValueError, match="other: this run is listed twice"):
        group_runs([config, fields.override(config, "name", "other")])
    with pytest.raises(ValueError, match="a sweep's runs are solo"):
        group_runs([fields.override(config, "members.seeds", (0, 1))])


@given(st.integers(1, 7))
def test_shares_cover_all_runs_exactly_once(parts):
    def runs(_):
        smoke = configs.load("smoke")
        return [fields.override(smoke, "data.exposures", 1 + i // 2) for i in (0, 2, 4)]

    experiment = Experiment("some", runs, lambda rows, path: None)
    shares = [
        config
        for i in range(parts)
        for group in select_groups(experiment, "smoke", (i, parts))
        for config in group
    ]
    assert sorted(marks(shares)) == sorted(marks(runs("smoke")))


def test_rows_are_appended_and_runs_with_a_row_are_skipped(
    experiment, instant, tmp_path
):
    path = tmp_path / "mine_smoke.jsonl"
    rows = sweep(experiment, "smoke", tmp_path)
    next(rows)
    rows.close()  # as if it had been killed: one row is written
    assert len(files.read_rows(path)) == 1
    with path.open("a") as file:
        file.write('{"cut sho')
    rest = list(sweep(experiment, "smoke", tmp_path))
    assert [len(hypers) for hypers in instant] == [3, 2, 1, 1]
    written = files.read_rows(path)
    assert len(rest) == 4
    assert sorted(row["fingerprint"] for row in written) == sorted(
        marks(experiment.runs("smoke"))
    )
    assert all(row["experiment"] == "mine" for row in written)
    assert all(row["size"] == "smoke" for row in written)
    before = path.read_bytes()
    assert list(sweep(experiment, "smoke", tmp_path)) == []
    assert path.read_bytes() == before


def test_parts_side_by_side_do_each_run_once(experiment, instant, tmp_path):
    parts = [sweep(experiment, "smoke", tmp_path, (i, 2)) for i in (0, 1)]
    new = [row["fingerprint"] for part in parts for row in part]
    assert sorted(new) == sorted(marks(experiment.runs("smoke")))
    assert len(files.read_rows(tmp_path / "mine_smoke.jsonl")) == 5


def test_groups_have_folders_of_their_own(experiment):
    a, b, c = group_runs(experiment.runs("smoke"))[0]
    groups = ([a, b, c], [a, b], [a, c], [b, a, c], [a])
    where = {run_folder(experiment, marks(group), pathlib.Path()) for group in groups}
    assert len(where) == len(groups)


def test_a_real_population_gives_the_rows_of_its_runs(
    experiment, tmp_path, monkeypatch
):
    only = Experiment("mine", lambda _: experiment.runs("")[:4:2], None)  # type: ignore[arg-type]

    def full(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "append_row", full)
        with pytest.raises(OSError, match="No space"):
            list(sweep(only, "smoke", tmp_path))
    (log,) = tmp_path.glob("runs/mine_*/metrics.jsonl")
    trained = log.stat().st_mtime_ns
    rows = list(sweep(only, "smoke", tmp_path))
    assert log.stat().st_mtime_ns == trained  # once is enough
    configs_ = only.runs("")
    for row, config in zip(rows, configs_, strict=True):
        assert row["fingerprint"] == config_module.fingerprint(config)
        assert fields.from_dict(config_module.Config, row["config"]) == config
        assert row["seed"] == config.train.seed
        for name in ("commit", "versions", "device", "time", "seconds", "bits"):
            assert row[name]


def test_the_figure_is_drawn_from_the_rows_alone(
    experiment, instant, tmp_path, monkeypatch, capsys
):
    list(sweep(experiment, "smoke", tmp_path))
    files.append_row(tmp_path / "mine_smoke.jsonl", {"fingerprint": "of another"})
    monkeypatch.setattr(run, "run", None)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path}"]
    assert cli.main([*words, "--draw_only"]) == 0
    picture = tmp_path / "mine_smoke.png"
    assert capsys.readouterr().out == f"0 new rows; the figure is {picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {p: p.read_bytes() for p in before} == before


def test_a_sweep_on_the_command_line(experiment, instant, tmp_path, capsys):
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path / 'new'}"]
    assert cli.main([*words, "--dry_run", "--part=1/2"]) == 0
    out = capsys.readouterr().out
    assert out.count("to do ") == 1
    assert "N=12, 3 exposures, 1 layers, d=16, seed 0, rate 0.001" in out
    assert not (tmp_path / "new").exists()
    assert cli.main([*words, "--part=1/2", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert [row["exposures"] for row in answer["rows"]] == [3]
    assert answer["figure"] == str(tmp_path / "new" / "mine_smoke.png")
    assert "0.500 bits per parameter" in err
    assert cli.main([*words, "--dry_run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["runs"]
    assert [row["done"] for row in plan] == [False, False, False, True, False]


def test_a_sweep_that_is_told_to_stop_keeps_its_rows(
    experiment, instant, tmp_path, monkeypatch, capsys
):
    quick = run.run

    def stopped(config, workdir, **rest):
        if config.data.exposures == 3:
            raise run.Interrupted("stopped after step 1")
        return quick(config, workdir, **rest)

    monkeypatch.setattr(run, "run", stopped)
    words = ["sweep", str(tmp_path / "mine.py"), f"--results={tmp_path}"]
    assert cli.main(words) == 143
    err = capsys.readouterr().err
    assert err.endswith("kscale sweep: stopped; 3 new rows are kept\n")
    monkeypatch.setattr(run, "run", quick)
    assert cli.main(words) == 0
    assert capsys.readouterr().out.startswith("2 new rows; ")


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
    words, message, experiment, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text("x = 1\n")
    known = {"file": tmp_path / "mine.py", "empty": tmp_path / "empty.py"}
    words = [word.format(**known) for word in words]
    assert cli.main(["sweep", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert sorted(x.name for x in tmp_path.iterdir()) == ["empty.py", "mine.py"]


def test_an_experiment_is_known_by_its_name(experiment, tmp_path, monkeypatch):
    (tmp_path / "experiments" / "capacity").mkdir(parents=True)
    (tmp_path / "mine.py").rename(tmp_path / "experiments" / "capacity" / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert load_experiment("capacity/mine").name == "capacity/mine"
    assert names() == ["capacity/mine"]
    with pytest.raises(ValueError, match=r"did you mean 'capacity/mine'\?"):
        load_experiment("capacity/mien")


SETTINGS = """
runs = lambda size: [{"x": 2.0, "size": size}, {"x": 3.0, "size": size}]
compute = lambda setting: {"square": setting["x"] ** 2}
draw = lambda rows, path: path.write_text(str([row["square"] for row in rows]))
"""


def test_settings_are_computed_once(tmp_path, capsys):
    path = tmp_path / "squares.py"
    path.write_text(SETTINGS)
    words = ["sweep", str(path), f"--results={tmp_path}"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out.startswith("2 new rows")
    rows = files.read_rows(tmp_path / "squares_smoke.jsonl")
    assert [row["square"] for row in rows] == [4.0, 9.0]
    assert rows[0]["config"] == {"x": 2.0, "size": "smoke"}
    assert {"commit", "versions", "device", "seconds", "fingerprint"} <= rows[0].keys()
    assert (tmp_path / "squares_smoke.png").read_text() == "[4.0, 9.0]"
    assert cli.main(words) == 0
    assert capsys.readouterr().out.startswith("0 new rows")
    assert cli.main([*words, "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["done", "done"]
    assert lines[1].endswith("  x=3, size=smoke")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SETTINGS.replace("compute", "count"), "gives settings, but has no compute"),
        (SETTINGS.replace("3.0", "2.0"), "x=2, size=smoke: this run is listed twice"),
        (SETTINGS.replace("3.0", "{1}"), "is not made of JSON types"),
    ],
)
def test_settings_that_cannot_be_computed_are_refused(
    source, message, tmp_path, capsys
):
    path = tmp_path / "squares.py"
    path.write_text(source)
    assert cli.main(["sweep", str(path), f"--results={tmp_path}"]) == 2
    assert message in capsys.readouterr().err
