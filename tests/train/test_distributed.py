"""Eight virtual devices compute what one does: data, population, and both at once."""

import json

import numpy as np
import pytest

CODE = """
import json, pathlib, tempfile
import jax
from kscale import configs
from kscale.configs import fields
from kscale.runs import run
from kscale.runs.devices import arrange
from kscale.runs.folder import RunFolder
from kscale.runs.task import prepare

tiny = fields.override_all(configs.load("smoke"), {
    "model.layers": 1, "model.head_size": 8, "world.people": 8, "data.exposures": 8,
    "data.context": 32, "data.batch": 8, "train.steps_per_dispatch": 5,
    "train.checkpoint_every": 100, "train.rows_per_gradient": 1,
    "members.seeds": tuple(range(8)),
})
found = {}
for shape, whole in json.loads(sys.argv[1]):
    mesh = {"mesh.population": shape[0], "mesh.data": shape[1]}
    config = fields.override_all(tiny, mesh)
    bits = []
    if whole:  # scored and written, too
        workdir = pathlib.Path(tempfile.mkdtemp()) / "run"
        bits = [row["bits"]["total"] for row in run.run(config, workdir)]
        rows = RunFolder(workdir).read_logged()
    else:
        task = prepare(config)
        rows = run.train_task(task, arrange(task)).rows
    found[str(shape)] = [jax.device_count(), [row["loss"] for row in rows], bits]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def losses(call):
    """Losses of every dispatch and member: by devices, then by mesh."""
    found = {}
    for devices, shapes in (
        (1, [((1, 1), True)]),
        (8, [((1, 8), False), ((8, 1), False), ((2, 4), True)]),
    ):
        code, out, err = call(
            json.dumps(shapes), code=CODE, env={"JAX_NUM_CPU_DEVICES": str(devices)}
        )
        assert code == 0, err
        found |= json.loads(out)
    return found


@pytest.mark.parametrize("mesh", ["[1, 8]", "[8, 1]", "[2, 4]"])
def test_eight_devices_give_the_losses_of_one(losses, mesh):
    (one, expected, _), (eight, found, _) = losses["[1, 1]"], losses[mesh]
    assert (one, eight) == (1, 8)
    assert np.shape(expected)[0] > 1
    assert len(set(expected[0])) == 8  # the members differ
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_eight_devices_hold_the_bits_of_one(losses):
    one, eight = losses["[1, 1]"][2], losses["[2, 4]"][2]
    assert len(one) == 8
    np.testing.assert_allclose(eight, one, rtol=1e-5)
