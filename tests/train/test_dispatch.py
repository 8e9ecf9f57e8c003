"""K steps in one call equal K calls; where a run starts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, OBJECTIVE

from kscale.train import (
    Hyper,
    Objective,
    init_state,
    make_hyper,
    make_step,
    stack_hypers,
)
from kscale.train.dispatch import abstract_state, compile_dispatch, start_state
from kscale.train.sharding import place_chunk

TOTAL = 6
HYPER = make_hyper(CONFIG)
PAIR = stack_hypers([Hyper(1e-3, 0.0, 3), Hyper(1e-3, 0.0, 4)])
STEP = make_step(OBJECTIVE, CONFIG, TOTAL, len(LABELS))
equal = np.testing.assert_array_equal


@pytest.fixture(scope="module")
def chunks(mesh):
    source = standin.batches()(0, CONFIG.steps_per_dispatch)
    return [place_chunk(next(source), mesh) for _ in range(3)]


def test_a_dispatch_equals_its_steps_and_padding_ends_the_run(mesh, chunks):
    abstract = abstract_state(OBJECTIVE, HYPER, mesh)
    dispatch = compile_dispatch(STEP, abstract, chunks[0], HYPER, mesh)
    first = start_state(OBJECTIVE, HYPER, mesh)
    state, metrics = dispatch(first, chunks[0], HYPER)
    assert first["params"]["embed"]["table"].is_deleted()  # it was donated
    step = jax.jit(STEP)
    alone = start_state(OBJECTIVE, HYPER, mesh)
    for i in range(CONFIG.steps_per_dispatch):
        alone, one = step(alone, standin.batch(i), HYPER)
        np.testing.assert_allclose(metrics["nats_sum"][i], one["nats_sum"], rtol=1e-6)
    assert state["step"] == 4
    standin.assert_close(state["params"], alone["params"])
    state, metrics = dispatch(state, chunks[1], HYPER)
    ended = standin.digest(state)
    assert state["step"] == TOTAL
    equal(metrics["token_count"][2:], 0)
    state, _ = dispatch(state, chunks[2], HYPER)
    assert standin.digest(state) == ended


def test_what_is_not_trained_is_not_held_twice(mesh, chunks):
    def init(key):
        return {"frozen": {"table": jnp.zeros((1000, 1000))}} | standin.init(key)

    def token_nats(params, *args):
        nats, aux = standin.token_nats(params, *args)
        return nats + jnp.sum(params["frozen"]["table"][0, :1]), aux

    objective = Objective(init, token_nats, {})
    config = dataclasses.replace(CONFIG, trainable=("up/*",))
    state = abstract_state(objective, HYPER, mesh, config.trainable)
    step = make_step(objective, config, TOTAL, len(LABELS))
    memory = compile_dispatch(step, state, chunks[0], HYPER, mesh).memory_analysis()
    sizes = [leaf.size for leaf in jax.tree.leaves(state)]
    assert memory.alias_size_in_bytes == 4 * sum(sizes)
    assert memory.temp_size_in_bytes < 100_000  # of which a copy would be 4,000,000


def test_rows_that_do_not_fit_are_an_error_before_anything_runs(mesh, chunks):
    config = dataclasses.replace(CONFIG, rows_per_gradient=3)
    step = make_step(OBJECTIVE, config, TOTAL, len(LABELS))
    abstract = abstract_state(OBJECTIVE, HYPER, mesh)
    with pytest.raises(ValueError, match="rows=4 of a batch must be divisible"):
        compile_dispatch(step, abstract, chunks[0], HYPER, mesh)


def test_members_start_as_solo_runs_or_from_parameters_given(mesh):
    drawn = start_state(OBJECTIVE, PAIR, mesh)
    assert drawn["step"].shape == ()
    given = standin.init(jax.random.key(8))
    state = start_state(OBJECTIVE, PAIR, mesh, params=given)
    for m, seed in enumerate((3, 4)):
        alone = make_hyper(dataclasses.replace(CONFIG, seed=seed))
        expected = init_state(OBJECTIVE, alone)["params"]["embed"]["table"]
        table = drawn["params"]["embed"]["table"][m]
        np.testing.assert_allclose(table, expected, rtol=1e-6)
        member = jax.tree.map(lambda leaf, m=m: leaf[m], state["params"])
        jax.tree.map(equal, member, given)
    for name in drawn.keys() - {"params"}:
        jax.tree.map(equal, state[name], drawn[name])
    kinds = [
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), tree)
        for tree in (drawn, state)
    ]
    assert kinds[0] == kinds[1]


def test_members_may_start_from_leaves_of_their_own(mesh):
    one, other = (standin.init(jax.random.key(seed)) for seed in (8, 9))
    tables = np.stack([x["embed"]["table"] for x in (one, other)])
    given = one | {"embed": {"table": tables}}
    params = start_state(OBJECTIVE, PAIR, mesh, params=given)["params"]
    equal(params["embed"]["table"], tables)
    equal(params["up"]["bias"], np.stack([one["up"]["bias"]] * 2))  # is shared
    with pytest.raises(ValueError, match=r"start: embed/table has shape \(2,"):
        start_state(OBJECTIVE, HYPER, mesh, params=given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"embed": {"table": np.zeros((13, 7))}},
            r"start: embed/table has shape \(13, 7\), must have the model's \(13, 8\)",
        ),
        ({"up": {}}, "'up/bias'.* are in one"),
        ({"more": np.zeros(1)}, r"\['more'\].* same model"),
    ],
)
def test_parameters_of_another_model_are_refused(mesh, change, message):
    given = standin.init(jax.random.key(0)) | change
    with pytest.raises(ValueError, match=message):
        start_state(OBJECTIVE, HYPER, mesh, params=given)
