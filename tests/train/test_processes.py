"""What only other processes can show: full disks, eight devices, two processes.

All are slow; runs/test_training.py kills whole runs.
"""

import json
import os
import socket

import numpy as np
import pytest
import standin
from standin import OBJECTIVE, batches, run

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(compilation_cache):
    """Children find the stand-in and compile nothing that was compiled before."""
    here = os.path.dirname(__file__)
    return {
        "JAX_COMPILATION_CACHE_DIR": compilation_cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
    }


def test_a_full_disk_is_one_line_and_loses_nothing(call, environment, tmp_path):
    code = "import standin; standin.train_40(*sys.argv[1:])"
    status, _, errors = call(tmp_path, 12, code=code, env=environment)
    assert status == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("kscale.train.checkpoint.CheckpointError: checkpoint ")
    assert "cannot be written (the disk is full)" in last
    assert "Exception ignored" not in errors
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
    status, out, errors = call(tmp_path, code=code, env=environment)
    assert status == 0, errors
    assert out.split()[-1] == "40"


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


def test_eight_devices_equal_one(call, environment):
    eight = environment | {"JAX_NUM_CPU_DEVICES": "8"}
    status, out, errors = call(code=EIGHT, env=eight)
    assert status == 0, errors
    found = json.loads(out)
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


def test_two_processes_equal_one(start, environment, tmp_path):
    two = environment | {"JAX_NUM_CPU_DEVICES": "2"}
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    children = [
        start(process, tmp_path, port, code=TWO, env=two) for process in range(2)
    ]
    expected = [row["loss"] for row in run(None, 8, source=batches(rows=8)).rows]
    ended = [(*child.communicate(), child.returncode) for child in children]
    for out, errors, status in ended:
        assert status == 0, errors
        lines = [line for line in out.splitlines() if not line.startswith("[Gloo]")]
        refusal, same, losses = lines
        assert "2 processes without a mesh" in refusal
        assert same == "True"
        np.testing.assert_allclose(json.loads(losses), expected, atol=1e-5)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
