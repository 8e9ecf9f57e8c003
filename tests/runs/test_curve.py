"""Scoring on the way: at which steps, and what is kept of them."""

import math
import types

import pytest

from kscale.runs import curve
from kscale.runs.folder import RunFolder
from kscale.runs.task import prepare


@pytest.mark.parametrize(
    ("times", "total", "first", "steps"),
    [
        (1, 100, 4, [4]),
        (2, 100, 1, [1, 10]),
        (2, 101, 4, [4, 20]),
        (3, 1000, 1, [1, 10, 100]),
        (9, 5, 4, [4]),
        (4, 20, 4, [4, 8, 12, 16]),
        (1000, 100, 30, [30, 60, 90]),
    ],
)
def test_steps_are_even_in_their_logarithm(little, times, total, first, steps):
    config = little(score__times=times, train__steps_per_dispatch=first)
    found = curve.steps_to_score(config, total)
    assert found == steps
    assert all(isinstance(step, int) for step in found)
    assert curve.longest_dispatch(config, total, first) == first


@pytest.mark.parametrize("total", [100, 1000, 2500, 123_456])
def test_steps_do_not_depend_on_what_suits_the_device(little, total):
    config = little(score__times=20, train__steps_per_dispatch=0)
    steps = curve.steps_to_score(config, total)
    assert steps[0] == math.ceil(total / 1000)
    assert len(steps) > 10
    for longest in (1, 7, 40, 512):
        dispatch = curve.longest_dispatch(config, total, longest)
        assert 1 <= dispatch <= longest
        assert all(step % dispatch == 0 for step in steps)
    assert curve.steps_to_score(little(train__steps_per_dispatch=0), total) == []


@pytest.mark.parametrize(("total", "dispatch"), [(4, 4), (2, 4), (1, 0)])
def test_a_run_too_short_to_be_scored_on_its_way_is_refused(little, total, dispatch):
    config = little(score__times=3, train__steps_per_dispatch=dispatch)
    with pytest.raises(ValueError, match=rf"score.times=3: no step before .* {total} "):
        curve.steps_to_score(config, total)


@pytest.mark.parametrize("kept", [False, True])
def test_a_curve_replaces_what_comes_again(little, tmp_path, monkeypatch, kept):
    task = prepare(little(score__times=3))
    found = iter(range(10))
    monkeypatch.setattr(
        curve,
        "score",
        lambda *_, **__: types.SimpleNamespace(progress={"n": next(found)}),
    )
    monkeypatch.setattr(curve, "tag_knowledge", lambda known: {"tag": known["n"]})
    folder = RunFolder(tmp_path) if kept else None
    kept_rows = curve.Curve(task, folder)
    assert kept_rows.read() == []
    state = {"params": {}}
    for step in (4, 8, 12):
        assert kept_rows.add(step, state) == [{"tag": step // 4 - 1}]
    if kept:
        kept_rows = curve.Curve(task, folder)  # as a process that goes on
        assert [x["step"] for x in kept_rows.read()] == [4, 8, 12]
    kept_rows.add(8, state)
    logged = [{"step": 4, "loss": 2.0}, {"step": 8, "loss": 1.0}]
    assert kept_rows.of_member(0, logged) == {
        "curve": [{"step": 4, "n": 0}, {"step": 8, "n": 3}],
        "training": {"step": [4, 8], "loss": [2.0, 1.0]},
    }
    assert [p.name for p in tmp_path.iterdir()] == ["curve.jsonl"] * kept
