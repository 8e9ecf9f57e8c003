"""K steps in one call equal K calls; where a run starts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import standin
from support.standin import CONFIG, LABELS, OBJECTIVE

from kscale import train
from kscale.train.dispatch import abstract_state, compile_dispatch, start_state
from kscale.train.sharding import place_chunk

TOTAL = 6
HYPER = train.make_hyper(CONFIG)
PAIR = train.stack_hypers([train.Hyper(1e-3, 0.0, seed) for seed in (3, 4)])
STEP = train.make_step(OBJECTIVE, CONFIG, TOTAL, len(LABELS))
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

    objective = train.Objective(init, token_nats, {})
    config = dataclasses.replace(CONFIG, trainable=("up/*",))
    state = abstract_state(objective, HYPER, mesh, config.trainable)
    step = train.make_step(objective, config, TOTAL, len(LABELS))
    memory = compile_dispatch(step, state, chunks[0], HYPER, mesh).memory_analysis()
    sizes = [leaf.size for leaf in jax.tree.leaves(state)]
    assert memory.alias_size_in_bytes == 4 * sum(sizes)
    assert memory.temp_size_in_bytes < 100_000  # of which a copy would be 4,000,000
    # Rows that do not fit are an error before anything runs.
    config = dataclasses.replace(CONFIG, rows_per_gradient=3)
    step = train.make_step(objective, config, TOTAL, len(LABELS))
    with pytest.raises(ValueError, match="rows=4 of a batch must be divisible"):
        compile_dispatch(step, state, chunks[0], HYPER, mesh)


def test_members_start_as_solo_runs_or_from_parameters_given(mesh):
    drawn = start_state(OBJECTIVE, PAIR, mesh)
    assert drawn["step"].shape == ()
    alone = [start_state(OBJECTIVE, HYPER._replace(seed=s), mesh) for s in PAIR.seed]
    tables = np.stack([state["params"]["embed"]["table"] for state in alone])
    np.testing.assert_allclose(drawn["params"]["embed"]["table"], tables, rtol=1e-6)
    given = standin.init(jax.random.key(8))
    shared = jax.tree.map(lambda leaf: np.stack([leaf] * 2), given)
    own = {"embed": {"table": tables}}
    for change in ({}, own):  # a member may have leaves of its own
        state = start_state(OBJECTIVE, PAIR, mesh, params=given | change)
        jax.tree.map(equal, state, drawn | {"params": shared | change})
        kinds = [
            jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), tree)
            for tree in (drawn, state)
        ]
        assert kinds[0] == kinds[1]
    shape = r"start: embed/table has shape \(13, 7\), must have the model's \(13, 8\)"
    for change, message in (
        (own, r"start: embed/table has shape \(2,"),
        ({"embed": {"table": np.zeros((13, 7))}}, shape),
        ({"up": {}}, "'up/bias'.* are in one"),
        ({"more": np.zeros(1)}, r"\['more'\].* same model"),
    ):
        with pytest.raises(ValueError, match=message):
            start_state(OBJECTIVE, HYPER, mesh, params=given | change)
