"""Eight virtual devices, data and population at once, compute what one does.

The axes one by one are in test_processes.py, among the slow tests.
"""

import json

import numpy as np

CODE = """
import json, pathlib
import jax
from kscale import configs
from kscale.configs import fields
from kscale.runs.training import run

tiny = fields.override_all(configs.load("smoke"), {
    "model.layers": 1, "model.head_size": 8, "world.people": 8, "data.exposures": 8,
    "data.context": 32, "data.batch": 8, "train.steps_per_dispatch": 5,
    "train.checkpoint_every": 100, "train.rows_per_gradient": 1,
    "members.seeds": tuple(range(8)),
})
population, data = jax.device_count() // 4 or 1, min(jax.device_count(), 4)
mesh = {"mesh.population": population, "mesh.data": data}
folder = pathlib.Path(sys.argv[1]) / "run"
done = run(fields.override_all(tiny, mesh), folder)
bits = [row["bits"]["total"] for row in done]
rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
print(json.dumps([jax.device_count(), [row["loss"] for row in rows], bits]))
"""


def test_eight_devices_give_the_losses_and_bits_of_one(call, tmp_path):
    found = []
    for devices in ("1", "8"):
        code, out, err = call(
            str(tmp_path / devices), code=CODE, env={"JAX_NUM_CPU_DEVICES": devices}
        )
        assert code == 0, err
        found.append(json.loads(out))
    (one, losses, bits), (eight, *others) = found
    assert (one, eight) == (1, 8)
    assert np.shape(losses)[0] > 1
    assert len(set(losses[0])) == len(set(bits)) == 8  # the members differ
    np.testing.assert_allclose(others[0], losses, rtol=1e-5)
    np.testing.assert_allclose(others[1], bits, rtol=1e-5)
