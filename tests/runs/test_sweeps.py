"""Sweeps: rows appended, skipped, shared out; what starts from a trained run."""

import pathlib
import signal

import pytest
from support.sweeps import EXPERIMENT, fingerprints, going_on, small

from kscale import files, stopping
from kscale.configs import base, fields
from kscale.runs import sweeps
from kscale.runs.experiment import Experiment, group_runs, load_experiment
from kscale.runs.sweeps import SweepError, draw_figure, run_folder, sweep


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
    found = sorted(row["fingerprint"] for row in written)
    assert found == sorted(fingerprints(experiment.runs("smoke")))
    assert {(row["experiment"], row["size"]) for row in written} == {("mine", "smoke")}
    before = path.read_bytes()
    assert list(sweep(experiment, "smoke", tmp_path)) == []
    assert path.read_bytes() == before


def test_between_rows_signals_are_the_callers(
    experiment, instant, tmp_path, monkeypatch
):
    before, during = signal.getsignal(signal.SIGTERM), []
    trained = sweeps.run

    def run(*words, **options):
        during.append(signal.getsignal(signal.SIGTERM))
        rows = trained(*words, **options)
        return [row | {"fingerprint": "of absolute paths"} for row in rows]

    monkeypatch.setattr(sweeps, "run", run)
    for row in sweep(experiment, "smoke", tmp_path):
        assert signal.getsignal(signal.SIGTERM) is before
        assert row["fingerprint"] in fingerprints(experiment.runs("smoke"))
    assert len(during) == 3
    assert before not in during


def test_an_error_of_any_kind_ends_its_setting_alone(tmp_path):
    def compute(setting):
        return {"inverse": 1 / setting["x"]}

    runs = [{"x": 0}, {"x": 2}]
    inverses = Experiment("inverses", lambda _: runs, lambda rows, path: None, compute)
    with pytest.raises(SweepError, match=r"ZeroDivisionError: division by zero$"):
        list(sweep(inverses, "smoke", tmp_path))
    (row,) = files.read_rows(tmp_path / "inverses_smoke.jsonl")
    assert row["inverse"] == 0.5


def test_a_row_that_cannot_be_appended_is_reported_and_the_next_one_is_written(
    experiment, instant, tmp_path, monkeypatch
):
    append, calls = files.append_row, []

    def once_full(*words):
        calls.append(words)
        if len(calls) == 1:
            raise OSError("disk full")
        return append(*words)

    monkeypatch.setattr(files, "append_row", once_full)
    with pytest.raises(SweepError, match="disk full"):
        list(sweep(experiment, "smoke", tmp_path))
    assert len(calls) == len(experiment.runs("smoke"))
    path = tmp_path / "mine_smoke.jsonl"
    assert len(files.read_rows(path)) == len(calls) - 1


def test_a_signal_while_a_row_is_written_comes_after_it(
    experiment, instant, tmp_path, monkeypatch
):
    append = files.append_row

    def interrupted(*words):
        signal.raise_signal(signal.SIGTERM)
        return append(*words)

    monkeypatch.setattr(files, "append_row", interrupted)
    rows = sweep(experiment, "smoke", tmp_path)
    assert next(rows) == files.read_rows(tmp_path / "mine_smoke.jsonl")[0]
    with pytest.raises(stopping.Interrupted, match="SIGTERM"):
        next(rows)


def test_another_sweep_of_the_same_runs_is_refused(experiment, instant, tmp_path):
    rows = sweep(experiment, "smoke", tmp_path)
    next(rows)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("threading.get_ident", lambda: -1)
        others = sweep(experiment, "smoke", tmp_path)  # which does the other groups
        assert [next(others)["fingerprint"] for _ in range(2)]
        with pytest.raises(ValueError, match=r"is being trained by process .*: wait"):
            next(others)
    assert len(list(rows)) == 2
    assert len(files.read_rows(tmp_path / "mine_smoke.jsonl")) == 5


def test_another_sweep_of_the_same_settings_writes_no_row_twice(tmp_path):
    first = []

    def compute(setting):
        if not first:  # the other one is faster
            first.append(setting)
            first.extend(sweep(squares, "smoke", tmp_path))
        return {"square": setting["x"] ** 2}

    squares = Experiment(
        "squares", lambda _: [{"x": 2}, {"x": 3}], lambda rows, path: None, compute
    )
    assert list(sweep(squares, "smoke", tmp_path)) == []
    assert len(first) == 1 + 2
    assert len(files.read_rows(tmp_path / "squares_smoke.jsonl")) == 2


def test_shares_side_by_side_do_each_run_once(experiment, instant, tmp_path):
    shares = [sweep(experiment, "smoke", tmp_path, (i, 2)) for i in (0, 1)]
    new = [row["fingerprint"] for share in shares for row in share]
    assert sorted(new) == sorted(fingerprints(experiment.runs("smoke")))
    assert len(files.read_rows(tmp_path / "mine_smoke.jsonl")) == 5


def test_groups_have_folders_of_their_own(experiment):
    a, b, c = fingerprints(group_runs(experiment.runs("smoke"))[0])
    groups = ([a, b, c], [a, b], [a, c], [b, a, c], [a])
    where = {run_folder(experiment, group, pathlib.Path()) for group in groups}
    assert len(where) == len(groups)
    figure = experiment._replace(name="capacity/figure1")
    (path,) = {run_folder(figure, [a], pathlib.Path("results"))}
    assert path.parent == pathlib.Path("results/runs/capacity")
    assert path.name.startswith("figure1_")


def test_a_real_population_gives_the_rows_of_its_runs(
    experiment, tmp_path, monkeypatch
):
    configs = experiment.runs("")[:4:2]
    only = experiment._replace(runs=lambda _: configs)

    def full(*_):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "append_row", full)
        with pytest.raises(SweepError, match="No space"):
            list(sweep(only, "smoke", tmp_path))
    (log,) = tmp_path.glob("runs/mine_*/metrics.jsonl")
    trained = log.stat().st_mtime_ns
    rows = list(sweep(only, "smoke", tmp_path))
    assert log.stat().st_mtime_ns == trained  # once is enough
    for row, config in zip(rows, configs, strict=True):
        assert row["fingerprint"] == base.fingerprint(config)
        assert fields.from_dict(base.Config, row["config"]) == config
        assert row["seed"] == config.train.seed
        for name in ("commit", "versions", "device", "time", "seconds", "bits"):
            assert row[name]


def test_a_rate_that_diverges_stops_neither_siblings_nor_later_groups(tmp_path):
    rates = {"train__learning_rate": 1e-3}, {"train__learning_rate": 1e20}
    runs = [small(score__times=2, **rate) for rate in rates]
    lost = small(data__exposures=1, train__learning_rate=1e20)
    missing = small(data__exposures=2, start="0123456789ab")
    figure = Experiment("far", lambda _: [missing, *runs, lost], str)
    with pytest.raises(SweepError) as error:
        list(sweep(figure, "smoke", tmp_path))
    found = files.read_rows(tmp_path / "far_smoke.jsonl")
    assert [row.get("diverged") for row in found] == [None, 2, 2]
    assert [row["bits"]["total"] is None for row in found] == [False, True, True]
    assert [row["fingerprint"] for row in found] == fingerprints([*runs, lost])
    assert "smoke, rate 1e+20: diverged at step 2" in str(error.value)
    with pytest.raises(SweepError, match=r"^failed: [^;]*holds no finished run"):
        list(sweep(figure, "smoke", tmp_path))  # what has a row is not run again


@pytest.mark.slow
def test_runs_and_settings_are_given_the_run_they_start_from(little, tmp_path):
    first = little()
    still = {"train__learning_rate": 0.0, "train__weight_decay": 0.0}
    (start,) = fingerprints([first])
    after = little(start=start, data__share=0.1, **still)
    settings = [{"bits": 8}, {"start": start, "bits": 4}]
    only = going_on()._replace(runs=lambda _: [first, after, *settings])
    before, row, alone, four = list(sweep(only, "smoke", tmp_path))
    assert row["config"]["start"] == before["fingerprint"] == start
    assert row["bits"] == before["bits"]
    assert alone["folder"] == "None"
    folder = run_folder(only, [start], tmp_path)
    assert four["folder"] == str(folder)
    assert four["config"] == settings[1]
    rows = [before, row, alone, four]
    assert [x["fingerprint"] for x in rows] == fingerprints(only.runs(""))
    assert list(sweep(only, "smoke", tmp_path)) == []  # all are there


@pytest.mark.parametrize("of", ["config", "setting"])
def test_a_start_without_weights_is_refused(of, instant, tmp_path):
    first, *after = (going_on().runs("")[i] for i in (1, 3, 6))
    chosen = after[of == "setting"]
    only = going_on()._replace(runs=lambda _: [first, chosen])
    with pytest.raises(ValueError, match=r"holds no finished run; the weights of a"):
        list(sweep(only, "smoke", tmp_path))
    assert len(files.read_rows(tmp_path / "on_smoke.jsonl")) == 1


def test_settings_without_compute_are_refused(tmp_path):
    only = Experiment("mine", lambda _: [{"x": 1}], lambda rows, path: None)
    with pytest.raises(ValueError, match="mine gives settings, but has no compute"):
        list(sweep(only, "smoke", tmp_path))


@pytest.mark.parametrize("second_first", [False, True])
def test_two_figures_share_their_rows(second_first, experiment, instant, tmp_path):
    text = '\nROWS = "mine"\nall_runs = runs\nruns = lambda size: all_runs(size)[1:]'
    (tmp_path / "other.py").write_text(EXPERIMENT + text)
    other = load_experiment(str(tmp_path / "other.py"))
    assert (other.name, other.rows, experiment.rows) == ("other", "mine", "mine")
    results = tmp_path / "results"
    both = [other, experiment] if second_first else [experiment, other]
    new = [len(list(sweep(each, "smoke", results))) for each in both]
    assert new == ([4, 1] if second_first else [5, 0])
    rows = files.read_rows(results / "mine_smoke.jsonl")
    assert {row["experiment"] for row in rows} == {"mine"}
    assert draw_figure(other, "smoke", results) == results / "other_smoke.png"


def test_a_figure_is_drawn_from_the_rows_alone(
    experiment, instant, tmp_path, monkeypatch
):
    list(sweep(experiment, "smoke", tmp_path))
    files.append_row(tmp_path / "mine_smoke.jsonl", {"fingerprint": "of another"})
    monkeypatch.setattr(sweeps, "run", None)
    before = {p: p.read_bytes() for p in tmp_path.glob("*.*")}
    picture = draw_figure(experiment, "smoke", tmp_path)
    assert picture == tmp_path / "mine_smoke.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {p: p.read_bytes() for p in before} == before
    none = experiment._replace(runs=lambda _: [small(data__exposures=9)])
    with pytest.raises(ValueError, match="has no rows of mine; run the sweep first"):
        draw_figure(none, "smoke", tmp_path)
