"""Experiments: found by name, their runs grouped into populations and shared out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sweeps import fingerprints, going_on, small

from kscale import configs
from kscale.configs import fields
from kscale.runs.experiment import (
    Experiment,
    group_runs,
    load_experiment,
    names,
    run_fingerprint,
    select_groups,
)


def experiment_of(runs):
    return Experiment("some", lambda _: runs, lambda rows, path: None)


def test_an_experiment_is_known_by_its_name(experiment, tmp_path, monkeypatch):
    assert experiment.name == "mine"
    (tmp_path / "experiments" / "capacity").mkdir(parents=True)
    (tmp_path / "mine.py").rename(tmp_path / "experiments" / "capacity" / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert load_experiment("capacity/mine").name == "capacity/mine"
    assert names() == ["capacity/mine"]
    with pytest.raises(ValueError, match=r"did you mean 'capacity/mine'\?"):
        load_experiment("capacity/mien")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("return 3", "fails with TypeError: 'int' object is not iterable"),
        ("return [{}, 3]", r"mine.py: runs\('smoke'\) gives 3, which is no config"),
    ],
)
def test_a_file_whose_runs_are_none_is_named(tmp_path, runs, message):
    path = tmp_path / "mine.py"
    path.write_text(f"def runs(size):\n    {runs}\n\ndef draw(rows, path): ...")
    with pytest.raises(ValueError, match=message):
        load_experiment(str(path)).runs("smoke")


def test_equal_shapes_are_one_population(experiment):
    groups = group_runs(experiment.runs("smoke"))
    assert [len(group) for group in groups] == [3, 1, 1]
    first = [(c.train.seed, c.train.learning_rate) for c in groups[0]]
    assert first == [(0, 1e-3), (1, 1e-3), (0, 5e-3)]


def test_a_run_that_others_start_from_is_alone():
    runs = going_on().runs("smoke")
    assert [len(group) for group in group_runs(runs)] == [1] * len(runs)
    elsewhere = [fields.override(run, "start", "elsewhere") for run in runs[:5]]
    assert [len(group) for group in group_runs(elsewhere)] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([small(), small(name="other")], "other: this run is listed twice"),
        ([small(members__seeds=(0, 1))], "a sweep's runs are solo"),
        ([{"x": 2.0, "y": "z" * 30}] * 2, "x=2, y=z{20}...: this run is listed twice"),
        ([{"x": {1}}], "is not made of JSON types"),
        (going_on().runs("smoke")[:5][::-1], "smoke: list it after the run it starts"),
        (going_on().runs("smoke")[::-1], "start=.*: list it after the run it starts"),
    ],
)
def test_lists_of_runs_that_cannot_be_meant_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        select_groups(experiment_of(runs), "smoke")


@given(st.integers(1, 7))
def test_shares_cover_all_runs_exactly_once(count):
    smoke = configs.load("smoke")
    runs = [fields.override(smoke, "data.exposures", 1 + i // 2) for i in (0, 2, 4)]
    shares = [
        run
        for i in range(count)
        for group in select_groups(experiment_of(runs), "smoke", (i, count))
        for run in group
    ]
    assert sorted(fingerprints(shares)) == sorted(fingerprints(runs))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_run_is_in_the_share_of_the_one_it_starts_from(count):
    runs = going_on().runs("smoke")
    where = {}
    for i in range(count):
        share = select_groups(going_on(), "smoke", (i, count))
        order = fingerprints([run for group in share for run in group])
        where |= {fingerprint: (i, place) for place, fingerprint in enumerate(order)}
    assert sorted(where) == sorted(fingerprints(runs))
    _, first, _, *after = fingerprints(runs)
    for fingerprint in (*after[:2], *after[3:]):
        assert where[fingerprint][0] == where[first][0]
        assert where[fingerprint][1] > where[first][1]
    assert len({share for share, _ in where.values()}) == min(count, 4)


def test_chains_of_starts_stay_together():
    chain = [small()]
    for exposures in (2, 3, 5):
        start = run_fingerprint(chain[-1])
        chain.append(small(start=start, data__exposures=exposures))
    others = [small(data__exposures=exposures) for exposures in (7, 8)]
    experiment = experiment_of([*others, *chain])
    shares = [select_groups(experiment, "smoke", (i, 3)) for i in range(3)]
    assert [[group[0] for group in share] for share in shares] == [
        [others[0]],
        [others[1]],
        chain,
    ]


DRAW = "def draw(rows, path): rows[0]['y']\n"
COMPUTE = "def runs(size): return [{'a': 1}]\ndef compute(setting): return "


def use(path):
    """Uses all that an experiment's file defines."""
    found = load_experiment(str(path))
    found.draw([found.compute(x) for x in found.runs("smoke")], path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def runs(size): return 1 / 0\n", r": runs\('smoke'\), line 1, fails with Z"),
        (f"{COMPUTE}None\n", r": compute\(\) gives None, which is no row \(a dict\)"),
        (f"{COMPUTE}{{'x': {{1}}}}\n", r"\(\) gives what is no JSON type: .* set"),
        (f"{COMPUTE}{{'x': 1}}\n", r": draw\(\), line 3, fails with KeyError: 'y'"),
        ("import sys; sys.exit(3)\n", r", line 1, fails with SystemExit: 3"),
    ],
)
def test_mistakes_in_a_file_of_ones_own_are_one_line(tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text + DRAW)
    with pytest.raises(ValueError, match=rf"mine\.py.*{message}"):
        use(tmp_path / "mine.py")
