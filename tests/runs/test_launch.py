"""Runs side by side: how they are started, and what their ends and failures say."""

import io
import json
import os
import signal
import sys
import threading

import pytest

from kscale import configs
from kscale.configs.base import save_config
from kscale.runs import launch
from kscale.runs.folder import RunFolder
from kscale.runs.launch import train_side_by_side

# Stands in for `python -m kscale train`, which other tests start for good.
TRAIN = """#!{python}
import json, os, pathlib, sys, time
_, safe, _, _, verb, config, workdir, *rest = sys.argv
folder = pathlib.Path(workdir.partition("=")[2])
folder.mkdir(exist_ok=True)
assert safe == "-P" and os.getsid(0) == os.getpid()  # nothing of the current folder
(folder / "config.json").touch()
row = {{"words": [verb, config, *rest], "flags": os.environ["XLA_FLAGS"]}}
row["cores"] = len(getattr(os, "sched_getaffinity", lambda _: [0])(0))
time.sleep(0.2)
if "bad" in config:
    sys.exit("first line\\nkscale train: people=0 must be at least 1")
(folder / "result.json").write_text(json.dumps(row))
print("some line\\nIt holds 3 bits.")
"""


@pytest.fixture(autouse=True)
def trainer(monkeypatch, tmp_path):
    path = tmp_path / "python"
    path.write_text(TRAIN.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(launch, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(launch, "_LINE_SECONDS", 0.02)


def test_runs_are_started_each_on_a_core_and_resumed_if_they_are_there(tmp_path):
    progress = io.StringIO()
    rows = train_side_by_side(tmp_path, ["one", "two"], False, progress)
    for row, spec in zip(rows, ("one", "two"), strict=True):
        assert row["words"] == ["train", f"--config={spec}", "--device=cpu"]
        assert row["flags"].endswith("--xla_cpu_multi_thread_eigen=false")
        assert row["cores"] == 1
    assert progress.getvalue().count("done: It holds 3 bits.\n") == 2
    assert "one compiling" in progress.getvalue()
    for overwrite, flag in ((False, "--resume"), (True, "--overwrite")):
        (row,) = train_side_by_side(tmp_path, ["two"], overwrite, progress)
        assert row["words"][-1] == flag


def test_a_finished_run_whose_checkpoints_were_removed_is_done(tmp_path):
    folder, row = tmp_path / "smoke", {"bits": 3}
    folder.mkdir()
    save_config(configs.load("smoke"), (folder / "config.json"))
    (folder / "params.npz").touch()
    (folder / "result.json").write_text(json.dumps(row))
    progress = io.StringIO()
    assert train_side_by_side(tmp_path, ["smoke"], False, progress) == [row]
    (new,) = train_side_by_side(tmp_path, ["smoke"], True, progress)
    assert new["words"][-1] == "--overwrite"


def test_a_run_that_fails_gives_its_own_message(tmp_path):
    (tmp_path / "bad.log").write_text("mine\n")
    message = "the run bad failed: kscale train: people=0 must be at least 1"
    with pytest.raises(ValueError, match=message):
        train_side_by_side(tmp_path, ["bad"], False, io.StringIO())
    assert (tmp_path / "bad.log").read_text().startswith("mine\nfirst line\n")


def test_the_progress_is_that_of_the_metrics(tmp_path):
    (tmp_path / "a").mkdir()
    row = {"step": 12_000, "loss": 1.23456, "tokens": 1, "seconds": 0.5}
    (tmp_path / "a" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert launch._last_step(RunFolder(tmp_path / "a")) == "a step 12,000, loss 1.235"
    assert launch._last_step(RunFolder(tmp_path / "b")) == "b compiling"


def test_a_run_ends_with_the_process_that_launched_it(monkeypatch):
    killed, asked = threading.Event(), []
    monkeypatch.setattr(os, "kill", lambda *words: (asked.append(words), killed.set()))
    monkeypatch.setenv(launch.PARENT, str(os.getppid() + 1))
    launch.end_with_parent()
    assert killed.wait(10)
    assert asked == [(os.getpid(), signal.SIGTERM)]
    launch.end_with_parent()  # of a run that nobody launched
    assert launch.PARENT not in os.environ
