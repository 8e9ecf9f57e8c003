"""What only other processes can show: kills, full disks, eight devices.

All are slow; runs/test_run_killed.py and cli/test_train.py show the same of whole runs.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, OBJECTIVE, batches

from kscale.train import fit

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TOTAL = 400


@pytest.fixture
def environment(compilation_cache):
    """Children compile nothing that was compiled before."""
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": compilation_cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def start(folder, environment, **options):
    """A process that trains in `folder`; it prints the step of every row."""
    command = [sys.executable, str(HERE / "standin.py"), str(folder)]
    return subprocess.Popen(
        [*command, json.dumps({"total_steps": TOTAL} | options)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_killed_at_any_moment_a_resumed_run_ends_the_same(tmp_path, environment):
    chance = random.Random(10)
    for _ in range(10):
        child = start(tmp_path, environment)
        for _ in range(chance.randrange(2, 12)):
            child.stdout.readline()
        time.sleep(chance.random() * 0.05)
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    child = start(tmp_path, environment)
    _, errors = child.communicate()
    assert child.returncode == 0, errors
    whole = fit(OBJECTIVE, CONFIG, batches(), TOTAL, labels=LABELS)
    assert summary(tmp_path)["digest"] == standin.digest(whole.state)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(4, TOTAL + 1, 4))
    losses = [json.loads(line)["loss"] for line in lines]
    assert losses == [row["loss"] for row in whole.rows]


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, environment):
    child = start(tmp_path, environment, total_steps=40, full_after=12)
    _, errors = child.communicate()
    assert child.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("kscale.train.checkpoint.CheckpointError: Checkpoint ")
    assert "cannot be written (the disk is full)" in last
    assert "Exception ignored" not in errors
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
    child = start(tmp_path, environment, total_steps=40)
    _, errors = child.communicate()
    assert child.returncode == 0, errors
    assert summary(tmp_path)["step"] == 40


EIGHT = """
    import dataclasses, json, sys
    import jax, numpy as np
    import standin
    from kscale import train

    config = dataclasses.replace(standin.CONFIG, rows_per_gradient=1)
    members = standin.eight_members()
    found = {"devices": jax.device_count()}
    for name, sizes, hyper in [
        ("data", (1, 8, 1), None),
        ("population", (8, 1, 1), members),
        ("both", (2, 4, 1), members),
        ("model", (1, 4, 2), None),
    ]:
        mesh = train.make_mesh(*sizes)
        result = train.fit(
            standin.OBJECTIVE, config, standin.batches(rows=8), 8,
            labels=standin.LABELS, hyper=hyper, mesh=mesh,
        )
        found[name] = [row["loss"] for row in result.rows]
        shards = result.state["params"]["up"]["kernel"].addressable_shards
        found[name + " shard"] = shards[0].data.shape
    mixture = standin.mixture()
    for name, sizes, hyper in [
        ("experts", (1, 2, 1, 4), None),
        ("experts of members", (2, 1, 1, 4), members),
    ]:
        result = train.fit(
            mixture, config, standin.batches(rows=8), 4,
            labels=standin.LABELS, hyper=hyper, mesh=train.make_mesh(*sizes),
        )
        found[name] = [row["loss"] for row in result.rows]
        kernel = result.state["params"]["layer_0"]["mlp"]["up"]["kernel"]
        found[name + " shard"] = kernel.addressable_shards[0].data.shape
    try:
        train.fit(
            standin.OBJECTIVE, config, standin.batches(rows=6), 8,
            labels=standin.LABELS, mesh=train.make_mesh(),
        )
    except ValueError as error:
        found["error"] = str(error)
    print(json.dumps(found))
"""


def test_eight_devices_equal_one(environment):
    source = f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
    child = subprocess.run(
        [sys.executable, "-c", source + textwrap.dedent(EIGHT)],
        env=environment | {"JAX_NUM_CPU_DEVICES": "8"},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    found = json.loads(child.stdout)
    assert found["devices"] == 8

    def alone(hyper=None, model=OBJECTIVE, total=8):
        source = batches(rows=8)
        run = fit(model, CONFIG, source, total, labels=LABELS, hyper=hyper)
        return [row["loss"] for row in run.rows]

    members, mixture = standin.eight_members(), standin.mixture()
    for name, expected in (
        ("data", alone()),
        ("model", alone()),
        ("population", alone(members)),
        ("both", alone(members)),
        ("experts", alone(None, mixture, 4)),
        ("experts of members", alone(members, mixture, 4)),
    ):
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
    assert found["population shard"] == [1, 8, 8]
    assert found["both shard"] == [4, 8, 8]
    assert found["model shard"] == [8, 4]
    assert found["experts shard"] == [1, 8, 8]
    assert found["experts of members shard"] == [4, 1, 8, 8]
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
    options = dict(labels=standin.LABELS, folder=folder, resume=True)
    try:
        train.fit(standin.OBJECTIVE, config, batches, 8, **options)
    except ValueError as error:
        print(error)
    mesh = train.make_mesh()
    first = train.fit(standin.OBJECTIVE, config, batches, 8, mesh=mesh, **options)
    again = train.fit(standin.OBJECTIVE, config, batches, 8, mesh=mesh, **options)
    print(standin.digest(first.state) == standin.digest(again.state))
    print(json.dumps([row["loss"] for row in first.rows]))
"""


def test_two_processes_equal_one(tmp_path, environment):
    source = f"import sys; sys.path.insert(0, {str(HERE)!r})\n" + textwrap.dedent(TWO)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    children = [
        subprocess.Popen(
            [sys.executable, "-c", source, str(process), str(tmp_path), port],
            env=environment | {"JAX_NUM_CPU_DEVICES": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    alone = fit(OBJECTIVE, CONFIG, batches(rows=8), 8, labels=LABELS)
    outputs = [child.communicate() for child in children]
    for child, (out, errors) in zip(children, outputs, strict=True):
        assert child.returncode == 0, errors
        lines = [line for line in out.splitlines() if not line.startswith("[Gloo]")]
        refusal, same, losses = lines
        assert "2 processes without a mesh" in refusal
        assert same == "True"
        expected = [row["loss"] for row in alone.rows]
        np.testing.assert_allclose(json.loads(losses), expected, atol=1e-5)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
