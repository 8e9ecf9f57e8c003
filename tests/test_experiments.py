"""Every experiment says what it reproduces, runs at smoke size, and draws."""

import ast
import json
import pathlib
import re

import matplotlib.image
import numpy as np
import pytest

from kscale import cli, files
from kscale.configs import validate
from kscale.configs.base import Config
from kscale.runs.experiment import (
    SIZES,
    group_runs,
    load_experiment,
    names,
    run_fingerprint,
)
from kscale.runs.task import prepare

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(
    path
    for path in (ROOT / "experiments").glob("*/*.py")
    if path.name.startswith(("figure", "section", "table"))
)
NAMES = [f"{path.parent.name}/{path.stem}" for path in FILES]


@pytest.fixture(params=NAMES)
def name(request, monkeypatch):
    monkeypatch.chdir(ROOT)
    return request.param


def test_every_experiment_is_known_by_its_name(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert names() == sorted(NAMES)
    assert [load_experiment(str(path)).name for path in FILES] == NAMES


PAPERS = {
    "capacity": "Allen-Zhu & Li 2024",
    "compression": "Pan et al. 2025",
    "emergence": "Nayak & Varshney 2024",
}


def test_its_docstring_names_paper_figure_commands_and_numbers(name):
    source = (ROOT / "experiments" / f"{name}.py").read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(source))
    assert said
    folder, _, figure = name.partition("/")
    word, number = re.fullmatch(r"([a-z]+)(\w+)", figure).groups()
    assert re.match(rf"{PAPERS[folder]}, {word} {number}\b", said)
    assert "\nReproduces: " in said
    assert "\nExpect: " in said
    for size in SIZES:
        assert f"kscale sweep {name} --size={size}" in said


@pytest.mark.parametrize("size", SIZES)
def test_its_runs_are_sound(name, size):
    runs = load_experiment(name).runs(size)
    assert runs
    configs = [run for run in runs if isinstance(run, Config)]
    for config in configs:
        validate.validate(config)
    assert sum(map(len, group_runs(runs))) == len(runs)
    if size != "paper":
        for group in group_runs(configs):
            prepare(group[0])


def test_sizes_share_no_run(name):
    experiment = load_experiment(name)
    marks = [{run_fingerprint(run) for run in experiment.runs(size)} for size in SIZES]
    assert sum(map(len, marks)) == len(set.union(*marks))


# Trained ones of which smoke runs are fast enough for every run of the tests: models
# side by side, and runs that go on from another.
TRAINED_FAST = ("capacity/figure3", "capacity/figure10")


def fast_or_slow(name):
    """What trains or simulates compiles for long: most is left to the slow tests."""
    runs = load_experiment(str(ROOT / f"experiments/{name}.py")).runs("smoke")
    slow = any(isinstance(x, Config) for x in runs) and name not in TRAINED_FAST
    slow = slow or name in ("compression/figure5a", "emergence/figure2")
    return pytest.param(name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("name", [fast_or_slow(name) for name in NAMES])
def test_it_runs_at_smoke_size_and_draws(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = ["sweep", name, "--size=smoke", f"--results={tmp_path}", "--json"]
    assert cli.main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    experiment = load_experiment(name)
    runs = experiment.runs("smoke")
    assert [row["fingerprint"] for row in answer["rows"]] == list(
        map(run_fingerprint, runs)
    )
    (picture,) = tmp_path.glob("*/*.png")
    assert answer["figure"] == str(picture)
    pixels = matplotlib.image.imread(picture)
    assert min(pixels.shape[:2]) > 300
    assert np.std(pixels[..., :3]) > 0.02  # neither blank nor one color
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []


def test_committed_rows_are_of_runs_that_the_files_give(monkeypatch):
    """Rows of runs that nobody can name any more are of no use."""
    monkeypatch.chdir(ROOT)
    experiments = list(map(load_experiment, NAMES))
    results = ROOT / "experiments" / "results"
    for rows in sorted(results.glob("*/*.jsonl")):
        name, _, size = str(rows.relative_to(results).with_suffix("")).rpartition("_")
        known = {
            run_fingerprint(run)
            for experiment in experiments
            if experiment.rows == name
            for run in experiment.runs(size)
        }
        found = [row["fingerprint"] for row in files.read_rows(rows)]
        assert len(found) == len(set(found))
        assert set(found) <= known
        assert rows.with_suffix(".png").exists()
