"""What only other processes can show: kills, full disks, eight devices.

All are slow; runs/test_training.py and cli/test_train.py show the same of whole runs.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import standin
from standin import OBJECTIVE, batches, run

from kscale.files import read_rows

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TOTAL = 400


@pytest.fixture
def start(compilation_cache):
    """Starts Python; it compiles nothing that was compiled before."""
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": compilation_cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }

    def start(*words, **more):
        return subprocess.Popen(
            [sys.executable, *map(str, words)],
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(folder, total_steps=TOTAL, **options):
        """Trains in `folder` and prints the step of every row."""
        options = json.dumps({"total_steps": total_steps} | options)
        return start(HERE / "standin.py", folder, options)

    start.train = train
    return start


def finish(child):
    """Waits for a child, which must end well; gives its output."""
    out, errors = child.communicate()
    assert child.returncode == 0, errors
    return out


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_killed_at_any_moment_a_resumed_run_ends_the_same(tmp_path, start):
    chance = random.Random(10)
    for _ in range(10):
        child = start.train(tmp_path)
        for _ in range(chance.randrange(2, 12)):
            child.stdout.readline()
        time.sleep(chance.random() * 0.05)
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    finish(start.train(tmp_path))
    whole = run(total=TOTAL)
    assert summary(tmp_path)["digest"] == standin.digest(whole.state)
    rows = read_rows(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(4, TOTAL + 1, 4))
    assert [row["loss"] for row in rows] == [row["loss"] for row in whole.rows]


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, start):
    child = start.train(tmp_path, 40, full_after=12)
    _, errors = child.communicate()
    assert child.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("kscale.train.checkpoint.CheckpointError: checkpoint ")
    assert "cannot be written (the disk is full)" in last
    assert "Exception ignored" not in errors
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
    finish(start.train(tmp_path, 40))
    assert summary(tmp_path)["step"] == 40


EIGHT = """
import dataclasses, json
import jax
import standin
from kscale import train

config = dataclasses.replace(standin.CONFIG, rows_per_gradient=1)
members, mixture = standin.eight_members(), standin.mixture()
source = standin.batches(rows=8)
found = {"devices": jax.device_count()}

def fit(name, sizes, hyper=None, total=8, **options):
    mesh = train.make_mesh(*sizes)
    result = standin.run(None, total, config, source, hyper=hyper, mesh=mesh, **options)
    params = result.state["params"]
    mlp = params if "up" in params else params["layer_0"]["mlp"]
    shape = mlp["up"]["kernel"].addressable_shards[0].data.shape
    found[name] = [row["loss"] for row in result.rows], shape

fit("data", (1, 8, 1))
fit("population", (8, 1, 1), members)
fit("both", (2, 4, 1), members)
fit("model", (1, 4, 2))
fit("experts", (1, 2, 1, 4), None, 4, model=mixture)
fit("experts of members", (2, 1, 1, 4), members, 4, model=mixture)
source = standin.batches(rows=6)
try:
    fit("error", ())
except ValueError as error:
    found["error"] = str(error)
print(json.dumps(found))
"""


def test_eight_devices_equal_one(start):
    found = json.loads(finish(start("-c", EIGHT, JAX_NUM_CPU_DEVICES="8")))
    assert found["devices"] == 8

    def alone(hyper=None, model=OBJECTIVE, total=8):
        fitted = run(None, total, source=batches(rows=8), model=model, hyper=hyper)
        return [row["loss"] for row in fitted.rows]

    members, mixture = standin.eight_members(), standin.mixture()
    for name, expected, shape in (
        ("data", alone(), [8, 8]),
        ("model", alone(), [8, 4]),
        ("population", alone(members), [1, 8, 8]),
        ("both", alone(members), [4, 8, 8]),
        ("experts", alone(None, mixture, 4), [1, 8, 8]),
        ("experts of members", alone(members, mixture, 4), [4, 1, 8, 8]),
    ):
        losses, shard = found[name]
        np.testing.assert_allclose(losses, expected, atol=1e-5)
        assert shard == shape
    assert "6 rows, must be divisible by the 8 devices" in found["error"]


TWO = """
import dataclasses, json, sys
import jax
process, folder, port = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.distributed.initialize(f"localhost:{port}", 2, process)
import standin
from kscale import train

def batches(step, steps):
    for chunk in standin.batches(rows=8)(step, steps):
        yield {k: x[:, 4 * process : 4 * process + 4] for k, x in chunk.items()}

config = dataclasses.replace(standin.CONFIG, rows_per_gradient=1)
def fit(**options):
    return standin.run(folder, 8, config, batches, resume=True, **options)

try:
    fit()
except ValueError as error:
    print(error)
first, again = (fit(mesh=train.make_mesh()) for _ in range(2))
print(standin.digest(first.state) == standin.digest(again.state))
print(json.dumps([row["loss"] for row in first.rows]))
"""


def test_two_processes_equal_one(tmp_path, start):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    children = [
        start("-c", TWO, process, tmp_path, port, JAX_NUM_CPU_DEVICES="2")
        for process in range(2)
    ]
    expected = [row["loss"] for row in run(None, 8, source=batches(rows=8)).rows]
    for out in [finish(child) for child in children]:
        lines = [line for line in out.splitlines() if not line.startswith("[Gloo]")]
        refusal, same, losses = lines
        assert "2 processes without a mesh" in refusal
        assert same == "True"
        np.testing.assert_allclose(json.loads(losses), expected, atol=1e-5)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
