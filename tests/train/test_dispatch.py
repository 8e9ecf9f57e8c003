"""K steps in one call equal K calls, and nothing is compiled twice."""

import dataclasses

import jax
import numpy as np
import pytest
import standin
from standin import CONFIG, LABELS, PROBLEM

from kscale.train import Hyper, init_state, make_step, population, solo
from kscale.train.dispatch import compile_program, first_state, start_state
from kscale.train.sharding import place_chunk

TOTAL = 6


def test_a_dispatch_equals_its_steps(mesh):
    hyper = solo(CONFIG)
    chunk = place_chunk(next(standin.batches()(0)), mesh, False)
    program = compile_program(PROBLEM, CONFIG, TOTAL, 3, hyper, mesh, chunk)
    state, metrics = program(first_state(PROBLEM, hyper, mesh), chunk)
    step = jax.jit(make_step(PROBLEM, CONFIG, TOTAL, len(LABELS)))
    alone = first_state(PROBLEM, hyper, mesh)
    for i in range(CONFIG.steps_per_dispatch):
        alone, one = step(alone, standin.batch(i), hyper)
        np.testing.assert_allclose(metrics["nats_sum"][i], one["nats_sum"], rtol=1e-6)
    assert state["step"] == 4
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7),
        state["params"],
        alone["params"],
    )


def test_padding_ends_a_run_where_it_ends(mesh):
    hyper, source = solo(CONFIG), standin.batches()(0)
    chunks = [place_chunk(next(source), mesh, False) for _ in range(3)]
    program = compile_program(PROBLEM, CONFIG, TOTAL, 3, hyper, mesh, chunks[0])
    state, _ = program(first_state(PROBLEM, hyper, mesh), chunks[0])
    state, metrics = program(state, chunks[1])
    ended = standin.digest(state)
    assert state["step"] == TOTAL
    np.testing.assert_array_equal(metrics["token_count"][2:], 0)
    state, _ = program(state, chunks[2])
    assert standin.digest(state) == ended


def test_the_state_given_is_gone(mesh):
    hyper = solo(CONFIG)
    chunk = place_chunk(next(standin.batches()(0)), mesh, False)
    program = compile_program(PROBLEM, CONFIG, TOTAL, 3, hyper, mesh, chunk)
    state = first_state(PROBLEM, hyper, mesh)
    program(state, chunk)
    assert state["params"]["embed"]["table"].is_deleted()


def test_first_states_are_those_of_init(mesh):
    hyper = population([Hyper(1e-3, 0.0, 3), Hyper(1e-3, 0.0, 4)])
    states = first_state(PROBLEM, hyper, mesh)
    for m, seed in enumerate((3, 4)):
        expected = init_state(PROBLEM, solo(dataclasses.replace(CONFIG, seed=seed)))
        table = states["params"]["embed"]["table"][m]
        expected = expected["params"]["embed"]["table"]
        np.testing.assert_allclose(table, expected, rtol=1e-6)
    assert states["step"].shape == ()


def test_rows_that_do_not_fit_are_an_error_before_anything_runs(mesh):
    config = dataclasses.replace(CONFIG, rows_per_gradient=3)
    chunk = place_chunk(next(standin.batches()(0)), mesh, False)
    with pytest.raises(ValueError, match="has 4 rows, must be divisible"):
        compile_program(PROBLEM, config, TOTAL, 3, solo(config), mesh, chunk)


def test_a_start_takes_the_place_of_parameters_alone(mesh):
    hyper = population([Hyper(1e-3, 0.0, 3), Hyper(1e-3, 0.0, 4)])
    given = standin.init(jax.random.key(8))
    state, first = (
        start_state(PROBLEM, hyper, mesh, given),
        first_state(PROBLEM, hyper, mesh),
    )
    for member in range(2):
        jax.tree.map(
            lambda leaf, value, m=member: np.testing.assert_array_equal(leaf[m], value),
            state["params"],
            given,
        )
    for name in first.keys() - {"params"}:
        jax.tree.map(np.testing.assert_array_equal, state[name], first[name])
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), first)
    assert shapes == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), state
    )


def test_members_may_start_from_leaves_of_their_own(mesh):
    hyper = population([Hyper(1e-3, 0.0, 3), Hyper(1e-3, 0.0, 4)])
    one, other = (standin.init(jax.random.key(seed)) for seed in (8, 9))
    tables = np.stack([x["embed"]["table"] for x in (one, other)])
    mixed = one | {"embed": one["embed"] | {"table": tables}}
    params = start_state(PROBLEM, hyper, mesh, mixed)["params"]
    for member, alone in enumerate((one, other)):
        np.testing.assert_array_equal(
            params["embed"]["table"][member], alone["embed"]["table"]
        )
        np.testing.assert_array_equal(
            params["up"]["bias"][member], one["up"]["bias"]
        )  # the others are shared
    solo = Hyper(1e-3, 0.0, 3)
    with pytest.raises(
        ValueError, match=r"start: \['embed'\]\['table'\] has shape \(2,"
    ):
        start_state(PROBLEM, solo, mesh, mixed)
