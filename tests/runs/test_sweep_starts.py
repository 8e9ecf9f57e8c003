"""Sweeps whose runs go on from each other, and experiments that share their rows."""

import pytest
from sweeping import FILE, marks

from kscale import cli, files
from kscale.configs import base as config_module
from kscale.configs import fields
from kscale.runs import run
from kscale.runs.experiment import (
    Experiment,
    group_runs,
    load_experiment,
    select_groups,
)
from kscale.runs.sweep import rows_path, run_folder, sweep

GOES_ON = """
from kscale import configs, report
from kscale.configs import base as config
from kscale.configs import fields

def runs(size):
    small = {"model.layers": 1, "world.people": 12, "data.exposures": 4}
    first = fields.override_all(configs.load("smoke"), small)
    start = config.fingerprint(first)
    other = fields.override(first, "train.seed", 1)
    after = [
        fields.override_all(first, {"start": start, "data.exposures": exposures})
        for exposures in (2, 3)
    ]
    return [first, other, fields.override(first, "data.exposures", 1), *after]

def draw(rows, path):
    report.draw_capacity(rows, path, "nothing")
"""


@pytest.fixture
def going_on(tmp_path):
    path = tmp_path / "on.py"
    path.write_text(GOES_ON)
    return load_experiment(str(path))


def test_a_run_that_others_start_from_is_alone(going_on):
    groups = group_runs(going_on.runs("smoke"))
    assert [len(group) for group in groups] == [1, 1, 1, 1, 1]
    same = [fields.override(x, "start", "elsewhere") for x in going_on.runs("smoke")]
    assert [len(group) for group in group_runs(same)] == [2, 1, 1, 1]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_run_is_in_the_part_of_the_one_it_starts_from(going_on, parts):
    runs = going_on.runs("smoke")
    where = {}
    for i in range(parts):
        share = select_groups(going_on, "smoke", (i, parts))
        order = [mark for group in share for mark in marks(group)]
        where |= {mark: (i, place) for place, mark in enumerate(order)}
    assert sorted(where) == sorted(marks(runs))
    first, _, _, *after = marks(runs)
    for mark in after:
        assert where[mark][0] == where[first][0]
        assert where[mark][1] > where[first][1]
    assert len({part for part, _ in where.values()}) == min(parts, 3)


def test_chains_of_starts_stay_together(going_on):
    first = going_on.runs("smoke")[0]
    chain = [first]
    for exposures in (2, 3, 5):
        start = config_module.fingerprint(chain[-1])
        values = {"start": start, "data.exposures": exposures}
        chain.append(fields.override_all(first, values))
    others = [fields.override(first, "data.exposures", e) for e in (7, 8)]
    experiment = Experiment("x", lambda _: [*others, *chain], None)  # type: ignore[arg-type]
    shares = [select_groups(experiment, "smoke", (i, 3)) for i in range(3)]
    assert [[g[0] for g in share] for share in shares] == [
        [others[0]],
        [others[1]],
        chain,
    ]


def test_a_start_comes_before_what_goes_on_from_it(going_on):
    turned = going_on._replace(runs=lambda size: going_on.runs(size)[::-1])
    with pytest.raises(ValueError, match="smoke: list it after the run it starts"):
        select_groups(turned, "smoke")


def test_a_start_is_the_folder_of_the_run_of_that_fingerprint(
    going_on, tmp_path, monkeypatch
):
    seen = []

    def trains(config, workdir, *, hypers, resume, progress=None, start=None):
        seen.append((config_module.fingerprint(config), start))
        assert start is None or (start / "params.npz").exists()
        workdir.mkdir(parents=True)
        (workdir / "params.npz").touch()
        return [{"fingerprint": config_module.fingerprint(config)}]

    monkeypatch.setattr(run, "run", trains)
    rows = list(sweep(going_on, "smoke", tmp_path))
    wanted = marks(going_on.runs("smoke"))
    assert [row["fingerprint"] for row in rows] == wanted
    folder = run_folder(going_on, [wanted[0]], tmp_path)
    assert seen == [
        *((mark, None) for mark in wanted[:3]),
        *((mark, folder) for mark in wanted[3:]),
    ]
    # The row of the first is there, but its weights are not.
    path = rows_path(going_on, "smoke", tmp_path)
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    (folder / "params.npz").unlink()
    with pytest.raises(ValueError, match=r"holds no finished run; the weights of a"):
        list(sweep(going_on, "smoke", tmp_path, (0, 3)))
    assert len(files.read_rows(path)) == 1


def test_runs_go_on_from_trained_weights(going_on, little, tmp_path):
    first = little()
    still = {"train__learning_rate": 0.0, "train__weight_decay": 0.0}
    mark = config_module.fingerprint(first)
    after = little(start=mark, data__share=0.1, **still)
    only = going_on._replace(runs=lambda _: [first, after])
    before, row = list(sweep(only, "smoke", tmp_path))
    assert row["config"]["start"] == before["fingerprint"] == mark
    assert row["fingerprint"] == config_module.fingerprint(after)
    assert row["bits"] == before["bits"]


COMPUTED = """
import json
from kscale import configs
from kscale.configs import base as config
from kscale.configs import fields

def runs(size):
    small = {"model.layers": 1, "world.people": 12, "data.exposures": 2}
    first = fields.override_all(configs.load("smoke"), small)
    other = fields.override(first, "train.seed", 1)
    mark = config.fingerprint(first)
    alone = {"bits": 8}
    return [other, first, alone] + [{"start": mark, "bits": bits} for bits in (4, 2)]

def compute(setting, folder=None):
    if folder is None:
        return {"alone": True}
    bits = json.loads((folder / "result.json").read_text())["bits"]["total"]
    return {"of": bits, "folder": str(folder)}

def draw(rows, path):
    path.touch()
"""


@pytest.fixture
def computed(tmp_path):
    path = tmp_path / "computed.py"
    path.write_text(COMPUTED)
    return load_experiment(str(path))


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_setting_with_a_start_is_in_the_part_of_its_run(computed, parts):
    runs = computed.runs("smoke")
    shares = [select_groups(computed, "smoke", (i, parts)) for i in range(parts)]
    flat = [[run for group in share for run in group] for share in shares]
    assert sorted(map(len, flat)) == {1: [5], 2: [2, 3], 3: [1, 1, 3]}[parts]
    (mine,) = [share for share in flat if runs[1] in share]
    places = [mine.index(run) for run in (runs[1], *runs[3:])]
    assert places == sorted(places)
    # It could be a member beside the other seed, but others start from it.
    assert all(len(group) == 1 for share in shares for group in share)


def test_a_setting_before_the_run_that_it_starts_from_is_refused(computed):
    turned = computed._replace(runs=lambda size: computed.runs(size)[::-1])
    with pytest.raises(ValueError, match=r"start=.*: list it after the run it starts"):
        select_groups(turned, "smoke")


def test_a_setting_with_a_start_is_given_the_folder_of_its_run(computed, tmp_path):
    first = computed.runs("smoke")[1]
    only = computed._replace(runs=lambda size: computed.runs(size)[1:])
    row, alone, four, two = list(sweep(only, "smoke", tmp_path))
    assert alone["alone"]
    folder = run_folder(computed, [config_module.fingerprint(first)], tmp_path)
    for each, bits in ((four, 4), (two, 2)):
        assert each["of"] == row["bits"]["total"]
        assert each["folder"] == str(folder)
        assert each["config"] == {"start": row["fingerprint"], "bits": bits}
    assert len({each["fingerprint"] for each in (row, alone, four, two)}) == 4
    assert list(sweep(only, "smoke", tmp_path)) == []  # all are there


def test_a_setting_whose_run_has_no_weights_is_refused(computed, instant, tmp_path):
    with pytest.raises(ValueError, match=r"holds no finished run; the weights of a"):
        list(sweep(computed, "smoke", tmp_path))
    assert len(files.read_rows(rows_path(computed, "smoke", tmp_path))) == 3


def test_two_figures_share_their_rows(experiment, instant, tmp_path, capsys):
    words = [f"--results={tmp_path / 'rows'}"]
    assert cli.main(["sweep", str(tmp_path / "mine.py"), *words]) == 0
    asked = len(instant)
    (tmp_path / "other.py").write_text(
        FILE
        + '\nROWS = "mine"\nall_runs = runs\nruns = lambda size: all_runs(size)[1:]'
    )
    other = load_experiment(str(tmp_path / "other.py"))
    assert (other.name, other.rows, experiment.rows) == ("other", "mine", "mine")
    capsys.readouterr()
    assert cli.main(["sweep", str(tmp_path / "other.py"), *words, "--dry_run"]) == 0
    assert capsys.readouterr().out.count("done ") == 4
    assert cli.main(["sweep", str(tmp_path / "other.py"), *words]) == 0
    picture = tmp_path / "rows" / "other_smoke.png"
    assert capsys.readouterr().out == f"0 new rows; the figure is {picture}\n"
    assert len(instant) == asked
    assert sorted(p.name for p in (tmp_path / "rows").iterdir()) == [
        "mine_smoke.jsonl",
        "mine_smoke.png",
        "other_smoke.png",
    ]


def test_the_second_figure_may_be_the_first_to_be_run(
    experiment, instant, tmp_path, capsys
):
    text = FILE + '\nROWS = "mine"\nall_runs = runs\nruns = lambda _: all_runs("")[:1]'
    (tmp_path / "other.py").write_text(text)
    other = load_experiment(str(tmp_path / "other.py"))
    assert len(list(sweep(other, "smoke", tmp_path))) == 1
    rest = list(sweep(experiment, "smoke", tmp_path))
    assert len(rest) == 4
    rows = files.read_rows(tmp_path / "mine_smoke.jsonl")
    assert {row["experiment"] for row in rows} == {"mine"}
    assert len(rows) == 5
