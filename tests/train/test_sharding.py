"""Meshes and where things lie, on one device; eight are in test_processes.py."""

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType, PartitionSpec

from kscale.models import Lora, from_name
from kscale.train import (
    Hyper,
    TrainConfig,
    make_hyper,
    make_mesh,
    make_objective,
    stack_hypers,
)
from kscale.train.dispatch import abstract_state
from kscale.train.sharding import AXES, place_chunk, state_shardings

SOLO = make_hyper(TrainConfig())
FOUR = stack_hypers([Hyper(1e-3, 0.0, seed) for seed in range(4)])


def abstract(population=1, data=1, model=1, expert=1):
    return AbstractMesh((population, data, expert, model), AXES, (AxisType.Auto,) * 4)


def specs(config, mesh, hyper):
    one = abstract_state(
        make_objective(config), hyper, make_mesh(devices=jax.devices()[:1])
    )
    shardings = state_shardings(mesh, one, hyper)
    return jax.tree.map(lambda sharding: sharding.spec, shardings)


def test_one_device_is_the_trivial_mesh():
    mesh = make_mesh(devices=jax.devices()[:1])
    sizes = {"population": 1, "data": 1, "expert": 1, "model": 1}
    assert dict(mesh.shape) == sizes


@pytest.mark.parametrize("sizes", [(2, 1, 1), (1, 3, 1), (2, 0, 1), (1, 0, 2)])
def test_a_mesh_must_use_all_devices(sizes):
    with pytest.raises(ValueError, match=r"product of the mesh.* must be 1, the "):
        make_mesh(*sizes, devices=jax.devices()[:1])


def test_sizes_must_be_positive():
    with pytest.raises(ValueError, match="must be 1 or more each"):
        make_mesh(population=0)


def test_members_lie_on_the_population_axis():
    config = from_name("GPT2-1-1", vocab=8, head_size=8)
    placed = specs(config, abstract(population=2), FOUR)
    assert placed["params"]["embed"]["table"] == PartitionSpec("population", None, None)
    assert placed["nu"]["final_norm"]["bias"] == PartitionSpec("population", None)
    assert placed["step"] == PartitionSpec()


def test_matrices_lie_on_the_model_axis():
    config = from_name("GPT2-1-1", vocab=8, head_size=8)
    layer = specs(config, abstract(model=2), SOLO)["params"]["layer_0"]
    assert layer["mlp"]["up"]["kernel"] == PartitionSpec(None, "model")
    assert layer["mlp"]["down"]["kernel"] == PartitionSpec("model", None)
    assert layer["mlp"]["up"]["bias"] == PartitionSpec("model")
    assert layer["mlp"]["down"]["bias"] == PartitionSpec(None)


def test_experts_lie_on_their_axis():
    lora = Lora(rules=("*/up/kernel:2", "*/query:1"))
    config = from_name("GPT2-1-1", vocab=8, head_size=8, experts=4, lora=lora)
    mlp = specs(config, abstract(model=2, expert=4), SOLO)["params"]["layer_0"]["mlp"]
    assert mlp["up"]["kernel"] == PartitionSpec("expert", None, "model")
    assert mlp["up"]["bias"] == PartitionSpec("expert", "model")
    assert mlp["down"]["kernel"] == PartitionSpec("expert", "model", None)
    assert mlp["down"]["bias"] == PartitionSpec("expert", None)
    assert mlp["router"]["kernel"] == PartitionSpec(None, None)
    members = specs(config, abstract(population=2, expert=2), FOUR)["nu"]
    adapter = members["lora"]["layer_0"]["mlp"]["up"]["kernel"]["down"]
    assert adapter == PartitionSpec("population", "expert", None, None)
    query = members["lora"]["layer_0"]["attention"]["query"]["down"]
    assert query == PartitionSpec("population", None, None)
    with pytest.raises(ValueError, match=r"mlp/\w+/\w+ has 4 .* by the 3 devices"):
        specs(config, abstract(expert=3), SOLO)


def test_a_dense_model_has_no_experts_to_share():
    config = from_name("GPT2-1-1", vocab=8, head_size=8)
    mlp = specs(config, abstract(expert=2), SOLO)["params"]["layer_0"]["mlp"]
    assert mlp["up"]["kernel"] == PartitionSpec(None, "model")


def test_what_cannot_be_shared_is_an_error():
    with pytest.raises(ValueError, match=r"population has 4 members, .* by the 3 dev"):
        specs(from_name("GPT2-1-1", vocab=8, head_size=8), abstract(3), FOUR)
    with pytest.raises(ValueError, match=r"parameter embed/table has 8 columns .* 16"):
        specs(from_name("GPT2-1-1", vocab=8, head_size=8), abstract(1, 1, 16), SOLO)
    with pytest.raises(ValueError, match=r"batch has 3 rows, .* by the 2 devices .* 4"):
        place_chunk({"tokens": np.zeros((1, 3, 5))}, abstract(1, 2))
