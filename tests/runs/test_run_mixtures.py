"""Runs of mixtures and laws: what rows and curves say, members of their own order."""

import json
import shutil

import pytest
from support.boards import read_scalars
from support.run_folders import (
    assert_same_arrays,
    cut_short,
    list_checkpoints,
    read_files,
    read_metrics,
)

from kscale import worlds
from kscale.configs import fields
from kscale.configs.base import PartConfig
from kscale.runs.board import tag_knowledge
from kscale.runs.task import prepare
from kscale.runs.training import run

NEW = PartConfig("new", people=5, exposures=2)
ASKED = PartConfig("asked", "questions", people=5, which="even", exposures=2)


@pytest.fixture(scope="module")
def mixed(little, tmp_path_factory):
    """A run of a skewed mixture, scored on its way: config, folder, row."""
    law = worlds.Law("zipf", bias=1.0)
    config = little([NEW, ASKED], world__law=law, score__times=4, train__keep=99)
    folder = tmp_path_factory.mktemp("mixed") / "run"
    (row,) = run(config, folder)
    return config, folder, row


def test_a_mixture_is_logged_by_part_and_scored_by_part(mixed):
    config, folder, row = mixed
    json.dumps(row, allow_nan=False)
    rows, task = read_metrics(folder), prepare(config)
    assert sum(x["tokens"] for x in rows) == task.order.stream.total_tokens - 1
    seen = set().union(*(x["loss_by_label"] for x in rows))
    own = {name for name in seen if "/" not in name}
    assert {"text", "name", "employer", "birth_year"} <= own
    assert {name for name in seen if "new/" in name} == {f"new/{x}" for x in own}
    asked = {"text", *task.world.sentences}
    assert {name for name in seen if "asked/" in name} == {f"asked/{x}" for x in asked}
    assert set(row["parts"]) == {"new", "asked"}
    assert set(row["parts"]["asked"]) == {"trained", "held_out"}
    assert len(row["classes"]) == 4
    assert row["loss"]["visits"] == pytest.approx(6)
    assert row == json.loads((folder / "result.json").read_text())


def test_a_curve_rises_in_steps_and_is_the_same_in_memory(mixed):
    config, folder, row = mixed
    steps = [x["step"] for x in row["curve"]]
    assert 2 <= len(steps) <= 4
    assert steps == sorted(set(steps))
    assert all(step % 4 == 0 and 0 < step < row["steps"] for step in steps)
    kept = [json.loads(x) for x in (folder / "curve.jsonl").read_text().splitlines()]
    assert [x["step"] for x in kept] == steps
    assert [x["members"][0] for x in kept] == [
        {name: value for name, value in x.items() if name != "step"}
        for x in row["curve"]
    ]
    task = prepare(config)
    met = [task.order.visits(step).mean() for step in steps]
    assert [x["loss"]["visits"] for x in row["curve"]] == pytest.approx(met)
    assert 0 < met[0] < met[-1] < row["loss"]["visits"]
    losses = [x["loss"]["loss_bits"] for x in row["curve"]]
    assert len(set(losses)) == len(losses)
    told = (
        "accuracy bits bits_per_param by_count classes loss max_bits_per_param"
        " normalized_forms parts pieces step"
    )
    assert sorted(row["curve"][0]) == told.split()
    assert row["curve"][-1]["max_bits_per_param"] == row["max_bits_per_param"]
    logged = read_metrics(folder)
    assert row["training"]["loss"] == [x["loss"] for x in logged]
    (again,) = run(config)
    for name in ("bits", "curve", "parts", "classes", "by_count"):
        assert again[name] == row[name]


def known_by_step(row):
    """Tag -> [(step, number)] that TensorBoard is to show of a result row."""
    shown = {}
    for point in [*row["curve"], row | {"step": row["steps"]}]:
        for tag, value in tag_knowledge(point).items():
            near = pytest.approx(value, rel=1e-6)
            shown.setdefault(tag, []).append((point["step"], near))
    return shown


def assert_shown(folder, row):
    board = read_scalars(folder / "tensorboard")
    known = {tag: x for tag, x in board.items() if tag.startswith(("know", "accuracy"))}
    assert known == known_by_step(row)


def test_tensorboard_shows_the_curve_and_the_end(mixed, tmp_path):
    config, folder, row = mixed
    assert_shown(folder, row)
    copy = shutil.copytree(folder, tmp_path / "copy")
    run(config, copy, resume=True)  # a finished run, scored again
    assert_shown(copy, row)


def test_scoring_on_the_way_changes_nothing(mixed, tmp_path):
    config, folder, row = mixed
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "curve.jsonl.7.partial").write_text("")
    (alone,) = run(fields.override(config, "score.times", 0), copy, overwrite=True)
    assert_same_arrays(copy, folder, "params.npz")
    assert_same_arrays(copy, folder, "scores.npz")
    assert "curve" not in alone
    assert not list(copy.glob("curve*"))  # it goes with the run that is thrown away
    assert alone["bits"] == row["bits"]
    assert alone["fingerprint"] != row["fingerprint"]


def test_a_curve_is_the_same_after_a_kill(mixed, tmp_path):
    config, folder, row = mixed
    cut = cut_short(folder, tmp_path / "cut", kept=1)
    assert list_checkpoints(cut)[0] < row["curve"][-1]["step"]
    (again,) = run(config, cut, resume=True)
    assert_same_arrays(cut, folder, "params.npz")
    assert (cut / "curve.jsonl").read_text() == (folder / "curve.jsonl").read_text()
    assert again["curve"] == row["curve"]
    assert again["training"] == row["training"]
    assert_shown(cut, row)


def test_another_mixture_is_not_resumed(mixed):
    config, folder, _ = mixed
    before = read_files(folder)
    for path, value, message in (
        ("parts.0.people", 6, "config: parts.0.people was 5, is 6; resume"),
        ("world.law.bias", 2.0, "world.law.bias was 1.0, is 2.0"),
        ("score.times", 3, "score.times was 4, is 3"),
    ):
        with pytest.raises(ValueError, match=message):
            run(fields.override(config, path, value), folder, resume=True)
    assert read_files(folder) == before
