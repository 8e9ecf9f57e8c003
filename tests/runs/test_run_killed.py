"""Runs that are killed or stopped go on as if nothing had been."""

import os
import random
import signal
import time

import pytest
from support.run_folders import (
    assert_same_arrays,
    list_checkpoints,
    read_metrics,
    tiny_config,
)

from kscale.runs import run

# Long enough to be killed in its middle: 13 dispatches, a checkpoint after each.
LONG = (
    "--config.data.exposures=100",
    "--config.train.steps_per_dispatch=10",
    "--config.train.checkpoint_every=10",
)


def stop(process, folder, number, step=0):
    """Sends a signal once a checkpoint beyond a step is there; the exit code."""
    while process.poll() is None and max(list_checkpoints(folder), default=0) <= step:
        time.sleep(0.005)
    os.kill(process.pid, number) if process.poll() is None else None
    out, err = process.communicate()
    return process.returncode, out, err


def test_killed_and_stopped_runs_go_on_as_if_nothing_had_been(tiny, start, tmp_path):
    whole = run.run(tiny_config((*tiny, *LONG)), tmp_path / "whole")[0]
    words = ["train", *tiny, *LONG, f"--workdir={tmp_path / 'cut'}"]
    cut = tmp_path / "cut"
    code, out, _ = stop(start(*words), cut, signal.SIGKILL)
    assert (code, out) == (-signal.SIGKILL, "")
    killed_at = max(list_checkpoints(cut))
    code, out, err = stop(start(*words, "--resume"), cut, signal.SIGTERM, killed_at)
    stopped_at = max(list_checkpoints(cut))
    assert killed_at < stopped_at < whole["steps"]
    assert (code, out) == (0, "")
    assert f"stopped after step {stopped_at}" in err
    assert "--resume" in err
    assert not (cut / "result.json").exists()
    (row,) = run.run(tiny_config((*tiny, *LONG)), cut, resume=True)
    assert_same_arrays(cut, tmp_path / "whole", "params.npz")
    assert_same_arrays(cut, tmp_path / "whole", "scores.npz")
    assert row["bits"] == whole["bits"]
    ours, theirs = read_metrics(cut), read_metrics(tmp_path / "whole")
    assert [x["step"] for x in ours] == [x["step"] for x in theirs]
    assert [x["loss"] for x in ours] == [x["loss"] for x in theirs]
    # The whole run's time is told, not that of its last part.
    assert row["seconds"] == pytest.approx(sum(x["seconds"] for x in ours))


@pytest.mark.slow
def test_ten_kills_at_random_moments(tiny, start, call, tmp_path):
    words = ["train", *tiny, *LONG, "--config.data.exposures=1000"]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    assert call(*words, f"--workdir={whole}")[0] == 0
    moments = random.Random(0)
    for _ in range(10):
        process = start(*words, f"--workdir={cut}", "--resume")
        while process.poll() is None and not (cut / "checkpoints").exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 6))
        process.kill()
        process.communicate()
    assert call(*words, f"--workdir={cut}", "--resume")[0] == 0
    assert_same_arrays(cut, whole, "params.npz")
