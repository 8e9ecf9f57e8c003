"""Transformers as objectives: what they are, adapters alone, mixtures of experts."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from support import standin
from support.drawn import draw_params
from support.standin import CONFIG, LABELS, batches, digest

from kscale.models import Lora, count_parameters, from_name
from kscale.train import ROUTING, Hyper, fit, make_objective, stack_hypers
from kscale.train.dispatch import start_state

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


BASE = draw_params(MODEL)  # of a finished model without adapters


def fit_adapters(**options):
    options = {"labels": LABELS, "start": BASE} | options
    return fit(ADAPTED, ADAPTERS, batches(), 12, **options)


@pytest.fixture(scope="module")
def adapted():
    return fit_adapters()


def test_adapters_alone_are_trained(adapted):
    description = make_objective(ADAPTED).description
    assert json.loads(json.dumps(description)) == description
    assert description["layers"] == 1
    assert description["lora"]["rules"] == list(LORA.rules)
    state = adapted.state
    count = count_parameters(ADAPTED).adapters
    assert size(state["mu"]) == size(state["nu"]) == count
    kept = {name: x for name, x in state["params"].items() if name != "lora"}
    jax.tree.map(np.testing.assert_array_equal, kept, BASE)
    for path, leaf in jax.tree.leaves_with_path(state["params"]["lora"]):
        assert np.any(np.asarray(leaf)), path
    assert adapted.rows[-1]["loss"] < adapted.rows[0]["loss"]


def test_a_stopped_run_of_adapters_goes_on_as_if_it_never_stopped(adapted, tmp_path):
    first = fit_adapters(folder=tmp_path, on_row=standin.stop_after(4))
    assert (first.step, first.interrupted) == (8, True)
    second = fit_adapters(folder=tmp_path, resume=True)
    assert digest(second.state) == digest(adapted.state)


@pytest.mark.slow
def test_members_with_adapters_equal_their_solo_runs(adapted):
    # The first is the run of `adapted`.
    many = fit_adapters(hyper=stack_hypers([Hyper(0.1, 0.1, 0), Hyper(0.03, 0.0, 5)]))
    assert size(many.state["mu"]) == 2 * size(adapted.state["mu"])
    one, two = (member_of(many.state["params"], m) for m in (0, 1))
    standin.assert_close(one, adapted.state["params"], 1e-5)
    assert digest(one["lora"]) != digest(two["lora"])


def test_weights_without_adapters_get_those_of_each_member(mesh):
    hyper = stack_hypers([Hyper(0.0, 0.0, seed) for seed in (0, 1)])
    objective = make_objective(ADAPTED)
    state = start_state(objective, hyper, mesh, ("lora/*",), BASE)
    drawn = start_state(objective, hyper, mesh, ("lora/*",))
    lora = state["params"].pop("lora")
    assert digest(lora) == digest(drawn["params"]["lora"])
    assert digest(member_of(lora, 0)) != digest(member_of(lora, 1))
    for m in (0, 1):
        weights = member_of(state["params"], m)
        jax.tree.map(np.testing.assert_array_equal, weights, BASE)
    with pytest.raises(ValueError, match="in one of the two models only"):
        start_state(objective, hyper, mesh, ("lora/*",), BASE | {"lora": {}})


@pytest.mark.slow
def test_a_mixture_trains_and_its_members_equal_it_alone():
    config = dataclasses.replace(CONFIG, rows_per_gradient=2)
    model = dataclasses.replace(standin.mixture(), route_rows=2)
    alone = fit(model, config, batches(), 8, labels=LABELS).rows
    assert alone[0].keys() >= set(ROUTING)
    assert 0 < alone[0]["dropped_share"] < 1
    assert 0 < alone[0]["load_entropy"] < 1 < alone[0]["load_max"] < 4
    assert 0 < alone[0]["router_entropy"] <= np.log(4) + 1e-6
    assert alone[1]["loss"] < alone[0]["loss"]
    hyper = stack_hypers([Hyper(1e-2, 0.1, 0), Hyper(1e-3, 0.1, 1)])
    many = fit(model, config, batches(), 8, labels=LABELS, hyper=hyper).rows
    for one, row in zip(alone, many, strict=True):
        for name in (*ROUTING, "loss"):
            assert row[name][0] == pytest.approx(one[name], abs=1e-4)
            assert row[name][0] != row[name][1]
