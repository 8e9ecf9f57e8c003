"""Every experiment says what it reproduces, runs at smoke size, and draws its rows."""

import ast
import dataclasses
import functools
import json
import pathlib
import re
import shutil

import jax
import matplotlib.image
import numpy as np
import pytest

from kscale import cli, files, models, train
from kscale.configs import grids, validate
from kscale.configs.base import Config, WorldConfig
from kscale.runs.experiment import (
    SIZES,
    group_runs,
    load_experiment,
    names,
    run_fingerprint,
)
from kscale.runs.inspect import estimate_cost
from kscale.runs.sweeps import draw_figure, rows_path
from kscale.runs.task import prepare

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(
    path for path in (ROOT / "experiments").glob("*/*.py") if path.name != "errata.py"
)
NAMES = [f"{path.parent.name}/{path.stem}" for path in FILES]
RESULTS = ROOT / "experiments" / "results"
PICTURES = sorted(RESULTS.glob("*/*.png"))


@pytest.fixture(params=NAMES)
def name(request, monkeypatch):
    monkeypatch.chdir(ROOT)
    return request.param


def test_every_experiment_is_known_by_its_name(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert names() == sorted(NAMES) != []
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
    found = re.fullmatch(r"([a-z]+)(\d\w*)", figure)
    if found:
        assert re.match(rf"{PAPERS[folder]}, {found[1]} {found[2]}\b", said)
        assert "\nReproduces: " in said
    assert PAPERS[folder] in said
    assert "\nExpect: " in said
    for size in SIZES:
        assert f"kscale sweep {name} --size={size}" in said


@functools.cache
def listed(name, size):
    """The runs of an experiment by fingerprint; none is listed twice."""
    runs = load_experiment(name).runs(size)
    assert sum(map(len, group_runs(runs))) == len(runs) > 0
    return {run_fingerprint(run): run for run in runs}


@pytest.fixture(scope="module", autouse=True)
def worlds_once():
    """Builds each world once: experiments list thousands of runs of some dozens."""
    with pytest.MonkeyPatch.context() as patched:
        build = functools.lru_cache(64)(WorldConfig.build)
        patched.setattr(WorldConfig, "build", build)
        yield


@pytest.fixture(scope="module")
def prepared():
    """The kinds of models and texts that were prepared, for whatever experiment."""
    return set()


BUILT = ("figure1", "figure6", "figure8")  # by every run of the tests; others are slow


@pytest.mark.parametrize("size", SIZES)
def test_its_runs_are_sound(name, size, prepared):
    for run in listed(name, size).values():
        if isinstance(run, Config):
            validate.validate(run)
            adapted = tuple(rule.partition(":")[0] for rule in run.model.lora.rules)
            model = dataclasses.replace(run.model, lora=models.NO_ADAPTERS)
            kind = (model, adapted, run.corpus, run.parts, run.world.kind)
            if size != "paper" and kind not in prepared:
                prepared.add(kind)
                prepare(dataclasses.replace(run, start=""))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=[] if each[9:] in BUILT else [pytest.mark.slow])
        for each in NAMES
        if each.startswith("capacity/")
    ],
)
def test_paper_sizes_are_built(name, monkeypatch, built):
    """World, text and tokens of a sample of the people; P, steps and cost; and shapes.

    The parameters of each width and architecture as shapes, of two layers at most: more
    layers are alike, and counted in the cost; with adapters in the narrowest alone.
    Nothing of the size of N is made.
    """
    monkeypatch.chdir(ROOT)
    for run in listed(name, "paper").values():
        if not isinstance(run, Config):
            continue
        cost = estimate_cost(run)
        assert cost["steps"] > run.train.warmup_steps, run
        rows, together = run.data.batch, run.model.route_rows
        train.resolve(
            run.train,
            rows=rows,
            context=run.data.context,
            total_steps=cost["steps"],
            members=1,
            rows_together=together,
        )
        if not run.start:
            low, high = (0.3, 4.2) if name != "capacity/figure6" else (1.9, 2.1)
            assert low <= cost["max_bits_per_param"] <= high, run
        model = dataclasses.replace(
            run.model, layers=min(run.model.layers, 2), vocab=grids.VOCABULARY
        )
        if model not in built and (not run.start or model.heads == 1):
            built.add(model)
            shapes = jax.eval_shape(lambda m=model: models.init(m, jax.random.key(0)))
            sizes = sum(leaf.size for leaf in jax.tree.leaves(shapes))
            assert sizes == models.count_parameters(model).total


@pytest.fixture(scope="module")
def built():
    """The models whose shapes were made, for whatever experiment."""
    return set()


def test_sizes_share_no_run(name):
    marks = [mark for size in SIZES for mark in listed(name, size)]
    assert len(marks) == len(set(marks))


# Smoke runs that are quick enough for every run of the tests. The others train models
# (as tests of sweeps do) or compile larger programs.
QUICK = (
    *("compression/figure1b", "compression/figure4a", "compression/figure6"),
    "emergence/figure3",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in NAMES
    ],
)
def test_it_runs_at_smoke_size_and_draws(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    words = ["sweep", name, "--size=smoke", f"--results={tmp_path}", "--json"]
    assert cli.main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["fingerprint"] for row in answer["rows"]] == list(listed(name, "smoke"))
    (picture,) = tmp_path.glob("*/*.png")
    assert answer["figure"] == str(picture)
    assert_shows_something(picture)
    assert cli.main([*words, "--dry_run"]) == 0
    assert all(row["done"] for row in json.loads(capsys.readouterr().out)["runs"])


def assert_shows_something(picture):
    pixels = matplotlib.image.imread(picture)
    assert min(pixels.shape[:2]) > 300
    assert np.std(pixels[..., :3]) > 0.02  # neither blank nor one color
    return pixels


@pytest.mark.parametrize("committed", PICTURES, ids=lambda path: path.stem)
def test_the_committed_figure_is_that_of_the_committed_rows(
    committed, tmp_path, monkeypatch
):
    monkeypatch.chdir(ROOT)
    figure = str(committed.relative_to(RESULTS).with_suffix(""))
    name, _, size = figure.rpartition("_")
    experiment = load_experiment(name)
    rows = rows_path(experiment, size, tmp_path)
    rows.parent.mkdir()
    shutil.copy(rows_path(experiment, size, RESULTS), rows)
    pixels = assert_shows_something(draw_figure(experiment, size, tmp_path))
    before = matplotlib.image.imread(committed)
    assert pixels.shape == before.shape
    assert np.mean(np.abs(pixels - before)) < 0.01  # fonts differ between versions


def test_committed_rows_are_of_runs_that_the_files_give(monkeypatch):
    monkeypatch.chdir(ROOT)
    rows_of = {name: load_experiment(name).rows for name in NAMES}
    for rows in sorted(RESULTS.glob("*/*.jsonl")):
        name, _, size = str(rows.relative_to(RESULTS).with_suffix("")).rpartition("_")
        adding = [each for each, read in rows_of.items() if read == name]
        known = {mark for each in adding for mark in listed(each, size)}
        found = [row["fingerprint"] for row in files.read_rows(rows)]
        assert len(found) == len(set(found))
        assert set(found) <= known
