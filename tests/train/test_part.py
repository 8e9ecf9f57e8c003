"""Training of a part of the parameters: adapters, or whatever the patterns name."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import standin
from looping import run, stop_after
from standin import CONFIG, LABELS, PROBLEM, batch, batches, digest

from kscale.models import Lora, from_name, init, parameter_counts
from kscale.train import (
    Hyper,
    Problem,
    fit,
    init_state,
    make_step,
    population,
    problem_of,
    solo,
)
from kscale.train.dispatch import (
    abstract_state,
    compile_program,
    first_state,
    start_state,
)

UP = dataclasses.replace(CONFIG, trainable=("up/*",))
MODEL = from_name("GPT2-1-1", vocab=standin.VOCAB, head_size=8)
LORA = Lora(rules=("*/attention/query:2", "*/value:1", "embed/table:2"))
ADAPTED = dataclasses.replace(MODEL, lora=LORA)
# Without a warm-up and with a large rate, so that four steps move adapters far.
ADAPTERS = dataclasses.replace(
    CONFIG, trainable=("lora/*",), checkpoint_every=4, warmup_steps=0, learning_rate=0.1
)


def size(tree):
    return sum(np.size(leaf) for leaf in jax.tree.leaves(tree))


def member_of(tree, m):
    return jax.tree.map(lambda x: x[m], tree)


@functools.cache
def step_of(config):
    return jax.jit(make_step(PROBLEM, config, 10, len(LABELS)))


def steps(config, count):
    hyper = solo(config)
    state = init_state(PROBLEM, hyper, config.trainable)
    for i in range(count):
        state, _ = step_of(config)(state, batch(i), hyper)
    return state


def drawn_base():
    """Weights of a finished model without adapters, drawn without compiling."""
    shapes = jax.eval_shape(lambda: init(MODEL, jax.random.key(0)))
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda x: rng.normal(0, 0.3, x.shape).astype(np.float32), shapes
    )


BASE = drawn_base()


def fitted(**options):
    options = {"labels": LABELS, "start": BASE} | options
    return fit(ADAPTED, ADAPTERS, batches(), 12, **options)


@pytest.fixture(scope="module")
def adapted():
    return fitted()


def test_only_the_part_has_moments_and_moves():
    before, after = steps(UP, 0), steps(UP, 3)
    for moment in ("mu", "nu"):
        assert after[moment].keys() == {"up"}
        assert size(after[moment]) == size(after["params"]["up"])
    np.testing.assert_array_equal(
        after["params"]["embed"]["table"], before["params"]["embed"]["table"]
    )
    for name, leaf in after["params"]["up"].items():
        assert np.all(np.asarray(leaf) != before["params"]["up"][name])


def test_the_part_takes_the_step_that_it_takes_in_training_of_all():
    # One step, and no clipping: nothing that is trained depends on what is not.
    part, whole = (
        steps(dataclasses.replace(CONFIG, clip=0.0, trainable=trained), 1)
        for trained in (("up/*",), ("*",))
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-7),
        part["params"]["up"],
        whole["params"]["up"],
    )


def test_accumulation_equals_the_whole_batch():
    whole = steps(UP, 2)
    cut = steps(dataclasses.replace(UP, rows_per_gradient=1), 2)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), cut, whole)


@pytest.mark.parametrize("trained", [("lora/*",), ("up/*", "upp/bias")])
def test_a_pattern_that_matches_nothing_is_an_error(trained):
    config = dataclasses.replace(CONFIG, trainable=trained)
    message = rf"TrainConfig.trainable has '{trained[-1][:3]}.*the nearest is 'up/"
    with pytest.raises(ValueError, match=message):
        run(config=config)


def test_no_pattern_is_an_error():
    with pytest.raises(ValueError, match=r"trainable is \(\), must be one pattern"):
        dataclasses.replace(CONFIG, trainable=())


def test_what_stays_is_not_held_twice(mesh):
    def start(key):
        return {"frozen": {"table": jnp.zeros((1000, 1000))}} | standin.init(key)

    def token_nats(params, *args):
        nats, aux = standin.token_nats(params, *args)
        return nats + jnp.sum(params["frozen"]["table"][0, :1]), aux

    problem, hyper = Problem(start, token_nats, {}), solo(UP)
    chunk = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype)
        for name, x in next(batches()(0)).items()
    }
    program = compile_program(problem, UP, 9, len(LABELS), hyper, mesh, chunk)
    memory = program.run.memory_analysis()
    state = abstract_state(problem, hyper, mesh, UP.trainable)
    assert memory.alias_size_in_bytes == 4 * size(state)
    assert memory.temp_size_in_bytes < 100_000  # of which a copy would be 4,000,000


def test_adapters_alone_are_trained(adapted):
    state = adapted.state
    count = parameter_counts(ADAPTED).adapters
    assert size(state["mu"]) == size(state["nu"]) == count
    kept = {name: x for name, x in state["params"].items() if name != "lora"}
    jax.tree.map(np.testing.assert_array_equal, kept, BASE)
    for path, leaf in jax.tree.leaves_with_path(state["params"]["lora"]):
        assert np.any(np.asarray(leaf)), path
    assert adapted.rows[-1]["loss"] < adapted.rows[0]["loss"]


def test_a_stopped_run_of_adapters_goes_on_as_if_it_never_stopped(adapted, tmp_path):
    first = fitted(folder=tmp_path, on_row=stop_after(4))
    assert (first.step, first.interrupted) == (8, True)
    second = fitted(folder=tmp_path, resume=True)
    assert digest(second.state) == digest(adapted.state)


@pytest.mark.slow
def test_members_with_adapters_equal_their_solo_runs(adapted):
    # The first is the run of `adapted`.
    many = fitted(hyper=population([Hyper(0.1, 0.1, 0), Hyper(0.03, 0.0, 5)]))
    assert size(many.state["mu"]) == 2 * size(adapted.state["mu"])
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5),
        member_of(many.state["params"], 0),
        adapted.state["params"],
    )
    one, two = (member_of(many.state["params"]["lora"], m) for m in (0, 1))
    assert digest(one) != digest(two)


def test_weights_without_adapters_get_those_of_each_member(mesh):
    hyper = population([Hyper(0.0, 0.0, seed) for seed in (0, 1)])
    problem = problem_of(ADAPTED)
    state = start_state(problem, hyper, mesh, BASE, ("lora/*",))
    drawn = first_state(problem, hyper, mesh, ("lora/*",))
    lora = state["params"].pop("lora")
    assert digest(lora) == digest(drawn["params"]["lora"])
    assert digest(member_of(lora, 0)) != digest(member_of(lora, 1))
    for m in (0, 1):
        weights = member_of(state["params"], m)
        jax.tree.map(np.testing.assert_array_equal, weights, BASE)
    with pytest.raises(ValueError, match="in one of the two models only"):
        start_state(problem, hyper, mesh, BASE | {"lora": {}}, ("lora/*",))
