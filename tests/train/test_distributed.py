"""Eight virtual devices, data and population at once, compute what one does.

The axes one by one are in test_processes.py, among the slow tests.
"""

import inspect
import json

import numpy as np


def train(folder, population=1, data=1):
    """The rows' losses and the bits of eight members; a process of its own runs it."""
    import pathlib

    from kscale import configs, files
    from kscale.configs import fields
    from kscale.runs.training import run

    values = {"model.layers": 1, "model.head_size": 8, "model.mlp": "none"}
    values |= {"world.people": 8, "members.seeds": tuple(range(8))}
    values |= {"data.exposures": 8, "data.context": 32, "data.batch": 8}
    values |= {"train.steps_per_dispatch": 5, "train.checkpoint_every": 100}
    values |= {"train.rows_per_gradient": 1}
    values |= {"mesh.population": population, "mesh.data": data}
    done = run(fields.override_all(configs.load("smoke"), values), folder)
    rows = files.read_rows(pathlib.Path(folder) / "metrics.jsonl")
    return [row["loss"] for row in rows], [row["bits"]["total"] for row in done]


def test_eight_devices_give_the_losses_and_bits_of_one(call, tmp_path):
    code = f"import jax, json\n{inspect.getsource(train)}\n"
    code += "print(json.dumps([jax.device_count(), *train(sys.argv[1], 2, 4)]))"
    devices = {"JAX_NUM_CPU_DEVICES": "8"}
    status, out, err = call(tmp_path / "eight", code=code, env=devices)
    assert status == 0, err
    count, *found = json.loads(out)
    assert count == 8
    losses, bits = train(tmp_path / "one")
    assert len(losses) > 1
    assert len(set(losses[0])) == len(set(bits)) == 8  # the members differ
    np.testing.assert_allclose(found[0], losses, rtol=1e-5)
    np.testing.assert_allclose(found[1], bits, rtol=1e-5)
