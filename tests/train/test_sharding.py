"""Meshes and where things lie, on one device; eight are in test_processes.py."""

import jax
import pytest
from jax.sharding import AbstractMesh, AxisType
from jax.sharding import PartitionSpec as Spec
from support import standin

from kscale import train
from kscale.models import Lora, from_name
from kscale.train import make_mesh
from kscale.train.dispatch import abstract_state
from kscale.train.infeed import Infeed
from kscale.train.sharding import AXES, state_shardings

SOLO = train.make_hyper(train.TrainConfig())
FOUR = train.stack_hypers([train.Hyper(1e-3, 0.0, seed) for seed in range(4)])
DENSE = from_name("GPT2-1-1", vocab=8, head_size=8)
LORA = Lora(rules=("*/up/kernel:2", "*/query:1"))
EXPERTS = from_name("GPT2-1-1", vocab=8, head_size=8, experts=4, lora=LORA)


def abstract(population=1, data=1, model=1, expert=1):
    return AbstractMesh((population, data, expert, model), AXES, (AxisType.Auto,) * 4)


def specs(config, mesh, hyper):
    one = abstract_state(train.make_objective(config), hyper, train.one_device())
    shardings = state_shardings(mesh, one, hyper)
    return jax.tree.map(lambda sharding: sharding.spec, shardings)


def test_a_mesh_uses_all_devices():
    mesh = make_mesh(devices=jax.devices()[:1])
    assert dict(mesh.shape) == dict.fromkeys(AXES, 1)
    for sizes in ((2, 1, 1), (1, 3, 1), (2, 0, 1), (1, 0, 2)):
        with pytest.raises(ValueError, match=r"product of the mesh.* must be 1, the "):
            make_mesh(*sizes, devices=jax.devices()[:1])
    with pytest.raises(ValueError, match="must be 1 or more each"):
        make_mesh(population=0)


def test_members_and_matrices_lie_on_their_axes():
    placed = specs(DENSE, abstract(population=2), FOUR)
    assert placed["params"]["embed"]["table"] == Spec("population", None, None)
    assert placed["nu"]["final_norm"]["bias"] == Spec("population", None)
    assert placed["step"] == Spec()
    mlp = specs(DENSE, abstract(model=2), SOLO)["params"]["layer_0"]["mlp"]
    assert mlp["up"] == {"kernel": Spec(None, "model"), "bias": Spec("model")}
    assert mlp["down"] == {"kernel": Spec("model", None), "bias": Spec(None)}
    # A dense model has no experts to share.
    mlp = specs(DENSE, abstract(expert=2), SOLO)["params"]["layer_0"]["mlp"]
    assert mlp["up"]["kernel"] == Spec(None, "model")


def test_experts_lie_on_their_axis():
    mesh = abstract(model=2, expert=4)
    mlp = specs(EXPERTS, mesh, SOLO)["params"]["layer_0"]["mlp"]
    assert mlp["up"]["kernel"] == Spec("expert", None, "model")
    assert mlp["up"]["bias"] == Spec("expert", "model")
    assert mlp["down"]["kernel"] == Spec("expert", "model", None)
    assert mlp["down"]["bias"] == Spec("expert", None)
    assert mlp["router"]["kernel"] == Spec(None, None)
    members = specs(EXPERTS, abstract(population=2, expert=2), FOUR)["nu"]
    layer = members["lora"]["layer_0"]
    adapter = layer["mlp"]["up"]["kernel"]["down"]
    assert adapter == Spec("population", "expert", None, None)
    assert layer["attention"]["query"]["down"] == Spec("population", None, None)


@pytest.mark.parametrize(
    ("config", "mesh", "hyper", "message"),
    [
        (DENSE, (3,), FOUR, r"population has 4 members, .* by the 3 dev"),
        (DENSE, (1, 1, 16), SOLO, r"parameter embed/table has 8 columns .* 16"),
        (EXPERTS, (1, 1, 1, 3), SOLO, r"mlp/\w+/\w+ has 4 .* by the 3 devices"),
    ],
)
def test_what_cannot_be_shared_is_an_error(config, mesh, hyper, message):
    with pytest.raises(ValueError, match=message):
        specs(config, abstract(*mesh), hyper)
    with pytest.raises(ValueError, match=r"batch has 3 rows, .* by the 2 devices .* 4"):
        Infeed(standin.batches(rows=3), 0, 9, abstract(1, 2))
