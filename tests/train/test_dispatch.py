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


@pytest.fixture(scope="module")
def chunks(mesh):
    source = standin.batches()(0, CONFIG.steps_per_dispatch)
    return [place_chunk(next(source), mesh) for _ in range(3)]


@pytest.fixture(scope="module")
def dispatch(mesh, chunks):
    abstract = abstract_state(OBJECTIVE, HYPER, mesh)
    return compile_dispatch(STEP, abstract, chunks[0], HYPER, mesh)


def test_a_dispatch_equals_its_steps(mesh, dispatch, chunks):
    state, metrics = dispatch(start_state(OBJECTIVE, HYPER, mesh), chunks[0], HYPER)
    step = jax.jit(STEP)
    alone = start_state(OBJECTIVE, HYPER, mesh)
    for i in range(CONFIG.steps_per_dispatch):
        alone, one = step(alone, standin.batch(i), HYPER)
        np.testing.assert_allclose(metrics["nats_sum"][i], one["nats_sum"], rtol=1e-6)
    assert state["step"] == 4
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7),
        state["params"],
        alone["params"],
    )


def test_padding_ends_a_run_where_it_ends(mesh, dispatch, chunks):
    first = start_state(OBJECTIVE, HYPER, mesh)
    state, _ = dispatch(first, chunks[0], HYPER)
    assert first["params"]["embed"]["table"].is_deleted()  # it was donated
    state, metrics = dispatch(state, chunks[1], HYPER)
    ended = standin.digest(state)
    assert state["step"] == TOTAL
    np.testing.assert_array_equal(metrics["token_count"][2:], 0)
    state, _ = dispatch(state, chunks[2], HYPER)
    assert standin.digest(state) == ended


def test_what_is_not_trained_is_not_held_twice(mesh):
    def init(key):
        return {"frozen": {"table": jnp.zeros((1000, 1000))}} | standin.init(key)

    def token_nats(params, *args):
        nats, aux = standin.token_nats(params, *args)
        return nats + jnp.sum(params["frozen"]["table"][0, :1]), aux

    objective = Objective(init, token_nats, {})
    config = dataclasses.replace(CONFIG, trainable=("up/*",))
    state = abstract_state(objective, HYPER, mesh, config.trainable)
    chunk = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype)
        for name, x in next(standin.batches()(0, 4)).items()
    }
    step = make_step(objective, config, TOTAL, len(LABELS))
    memory = compile_dispatch(step, state, chunk, HYPER, mesh).memory_analysis()
    sizes = [leaf.size for leaf in jax.tree.leaves(state)]
    assert memory.alias_size_in_bytes == 4 * sum(sizes)
    assert memory.temp_size_in_bytes < 100_000  # of which a copy would be 4,000,000


def test_members_start_as_their_solo_runs_do(mesh):
    states = start_state(OBJECTIVE, PAIR, mesh)
    for m, seed in enumerate((3, 4)):
        alone = make_hyper(dataclasses.replace(CONFIG, seed=seed))
        expected = init_state(OBJECTIVE, alone)["params"]["embed"]["table"]
        table = states["params"]["embed"]["table"][m]
        np.testing.assert_allclose(table, expected, rtol=1e-6)
    assert states["step"].shape == ()


def test_rows_that_do_not_fit_are_an_error_before_anything_runs(mesh, chunks):
    config = dataclasses.replace(CONFIG, rows_per_gradient=3)
    step = make_step(OBJECTIVE, config, TOTAL, len(LABELS))
    abstract = abstract_state(OBJECTIVE, HYPER, mesh)
    with pytest.raises(ValueError, match="rows=4 of a batch must be divisible"):
        compile_dispatch(step, abstract, chunks[0], HYPER, mesh)


def test_given_parameters_take_the_place_of_drawn_ones_alone(mesh):
    given = standin.init(jax.random.key(8))
    state = start_state(OBJECTIVE, PAIR, mesh, params=given)
    first = start_state(OBJECTIVE, PAIR, mesh)
    for member in range(2):
        jax.tree.map(
            lambda leaf, value, m=member: np.testing.assert_array_equal(leaf[m], value),
            state["params"],
            given,
        )
    for name in first.keys() - {"params"}:
        jax.tree.map(np.testing.assert_array_equal, state[name], first[name])
    kinds = [
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), tree)
        for tree in (first, state)
    ]
    assert kinds[0] == kinds[1]


def test_members_may_start_from_leaves_of_their_own(mesh):
    one, other = (standin.init(jax.random.key(seed)) for seed in (8, 9))
    tables = np.stack([x["embed"]["table"] for x in (one, other)])
    given = one | {"embed": {"table": tables}}
    params = start_state(OBJECTIVE, PAIR, mesh, params=given)["params"]
    for member in range(2):
        np.testing.assert_array_equal(params["embed"]["table"][member], tables[member])
        # The others are shared.
        np.testing.assert_array_equal(params["up"]["bias"][member], one["up"]["bias"])
    with pytest.raises(ValueError, match=r"start: embed/table has shape \(2,"):
        start_state(OBJECTIVE, HYPER, mesh, params=given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda given: given | {"embed": {"table": np.zeros((13, 7))}},
            r"start: embed/table has shape \(13, 7\), must have the model's \(13, 8\)",
        ),
        (lambda given: {"embed": given["embed"]}, "'up/bias'.* are in one"),
        (lambda given: given | {"more": np.zeros(1)}, r"\['more'\].* same model"),
    ],
)
def test_parameters_of_another_model_are_refused(mesh, change, message):
    given = standin.init(jax.random.key(0))
    with pytest.raises(ValueError, match=message):
        start_state(OBJECTIVE, HYPER, mesh, params=change(given))
