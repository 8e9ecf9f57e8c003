"""What only other processes can show: full disks, eight devices, two processes.

Most are slow; runs/test_training.py kills whole runs.
"""

import inspect
import json
import os
import socket

import numpy as np
import pytest
from support import standin
from support.standin import batches, run


@pytest.fixture
def environment():
    """Lets children find the stand-in."""
    tests = os.path.dirname(os.path.dirname(__file__))
    return {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}


def train(population=1, data=1):
    """The losses of eight members of a run, and the bits of the first and the last."""
    from kscale import configs
    from kscale.configs import fields
    from kscale.runs import devices, evaluate, task, training

    values = {"model.layers": 1, "model.head_size": 8, "model.mlp": "none"}
    values |= {"world.people": 8, "members.seeds": tuple(range(8))}
    values |= {"data.exposures": 8, "data.context": 32, "data.batch": 8}
    values |= {"train.steps_per_dispatch": 5, "train.rows_per_gradient": 1}
    values |= {"mesh.population": population, "mesh.data": data}
    whole = task.prepare(fields.override_all(configs.load("smoke"), values))
    done = training.train_task(whole, devices.arrange(whole))
    known = [evaluate.score(whole, done.state["params"], member=m) for m in (0, 7)]
    return [row["loss"] for row in done.rows], [one.bits.total for one in known]


def test_eight_devices_give_the_losses_and_bits_of_one(call):
    code = f"import jax, json\n{inspect.getsource(train)}\n"
    code += "print(json.dumps([jax.device_count(), *train(2, 4), list(sys.modules)]))"
    env = {"JAX_NUM_CPU_DEVICES": "8"}
    status, out, err = call(code=code, env=env)
    assert status == 0, err
    count, *found, imported = json.loads(out)
    assert count == 8
    assert "matplotlib" not in imported  # until something is drawn
    losses, bits = train()
    assert len(losses) > 1
    assert (len(set(losses[0])), len(set(bits))) == (8, 2)  # the members differ
    np.testing.assert_allclose(found[0], losses, rtol=1e-5)
    np.testing.assert_allclose(found[1], bits, rtol=1e-5)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_loses_nothing(call, environment, tmp_path):
    code = "from support import standin; standin.train_40(*sys.argv[1:])"
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


@pytest.mark.slow
def test_every_axis_of_the_mesh_equals_one_device(call, environment):
    code = "import json\nfrom support.standin import fit_shared\n"
    code += "print(json.dumps(fit_shared(8)))"
    eight = environment | {"JAX_NUM_CPU_DEVICES": "8"}
    status, out, errors = call(code=code, env=eight)
    assert status == 0, errors
    found = json.loads(out)
    for name, losses in standin.fit_shared(1).items():
        np.testing.assert_allclose(found[name], losses, atol=1e-5)


TWO = """
import dataclasses, json, sys
import jax
process, folder, port = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.distributed.initialize(f"localhost:{port}", 2, process)
from support import standin
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
    refusal = str(error)
first, again = (fit(mesh=train.make_mesh()) for _ in range(2))
assert standin.digest(first.state) == standin.digest(again.state)
print(json.dumps([refusal, [row["loss"] for row in first.rows]]))
"""


@pytest.mark.slow
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
        refusal, losses = json.loads(out.splitlines()[-1])
        assert "2 processes without a mesh" in refusal
        np.testing.assert_allclose(losses, expected, atol=1e-5)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
