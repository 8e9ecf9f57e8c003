"""Runs side by side: started, resumed, and what their failures say."""

import io
import json

import pytest

from kscale.runs import launch
from kscale.runs.launch import train_side_by_side

SMALL = ("demo:people=9,exposures=20", "smoke")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(launch, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(launch, "_LINE_SECONDS", 0.02)


def test_runs_side_by_side_are_not_repeated(tmp_path):
    progress = io.StringIO()
    rows = train_side_by_side(tmp_path, SMALL, False, progress)
    assert [r["name"] for r in rows] == ["demo", "smoke"]
    for spec, result in zip(SMALL, rows, strict=True):
        assert json.loads((tmp_path / spec / "result.json").read_text()) == result
    said = progress.getvalue()
    assert said.count("done: ") == 2
    assert "bits per parameter" in said
    assert f"{SMALL[0]} compiling" in said
    files = list((tmp_path / SMALL[1] / "checkpoints").rglob("*"))
    before = [p.stat().st_mtime_ns for p in files]
    (again,) = train_side_by_side(tmp_path, SMALL[1:], False, progress)
    assert again["bits"] == rows[1]["bits"]
    assert [p.stat().st_mtime_ns for p in files] == before


def test_a_run_that_fails_gives_its_own_message(tmp_path):
    spec = "demo:people=4097"
    message = f"the run {spec} failed: kscale train: people=4097: names are drawn"
    with pytest.raises(ValueError, match=message):
        train_side_by_side(tmp_path, [spec], False, io.StringIO())


def test_the_progress_is_that_of_the_metrics(tmp_path):
    (tmp_path / "a").mkdir()
    row = {"step": 12_000, "loss": 1.23456}
    (tmp_path / "a" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert launch._last_step(tmp_path, "a") == "a step 12,000, loss 1.235"
    assert launch._last_step(tmp_path, "b") == "b compiling"
