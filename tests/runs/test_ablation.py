"""Parts of a model removed or rounded: what is touched, and what is left."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_folders import result_of

from kscale import models, quant
from kscale.runs import ablation
from kscale.runs.ablation import ablate, apply_change, list_changes
from kscale.runs.evaluate import effective_params, score
from kscale.runs.task import open_run
from kscale.trees import leaves_by_path

TOKENS = jnp.asarray([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])
SMALL = {"vocab": 7, "head_size": 8}
EXPERTS = {"experts": 2, "eval_capacity_factor": 0.0}
MODELS = {
    "dense": models.from_name("GPT2-2-2", **SMALL),
    "no MLP": models.from_name("GPT2_0-2-2", **SMALL),
    "experts, untied": models.from_name("LLaMA-2-1", **EXPERTS, **SMALL),
}


def random_params(config):
    shapes = jax.eval_shape(lambda: models.init(config, jax.random.key(0)))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)


@functools.partial(jax.jit, static_argnums=0)
def logits(config, params):
    return models.apply(config, params, TOKENS)[0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("no MLP", "attention, embedding"),
        ("dense", "attention, MLP, embedding"),
        ("experts, untied", "attention, MLP, router, embedding, output layer"),
    ],
)
def test_every_part_is_removed_or_rounded(name, parts):
    assert [change.what for change in list_changes(MODELS[name])] == [
        *(f"without layer {i}" for i in (0, 1)),
        *(f"{what} at 3 bits" for what in [*parts.split(", "), "layer 0", "layer 1"]),
        "all layers at 3 bits",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("layer", [0, 1])
def test_a_removed_layer_is_a_model_of_one_layer_less(name, layer):
    config = MODELS[name]
    params = jax.tree.map(lambda leaf: 0.3 * leaf, random_params(config))
    change = list_changes(config)[layer]
    assert change.what == f"without layer {layer}"
    got = logits(config, apply_change(params, change))
    left = {k: x for k, x in params.items() if not k.startswith("layer_")}
    left["layer_0"] = params[f"layer_{1 - layer}"]
    small = dataclasses.replace(config, layers=1)
    np.testing.assert_allclose(got, logits(small, left), atol=1e-5)
    assert np.abs(got - logits(config, params)).max() > 0.01


INSIDE = {
    "attention": "/attention/",
    "MLP": "/mlp/",
    "router": "/mlp/router/",
    "embedding": "embed/",
    "output layer": "head/",
    "layer 0": "layer_0/",
    "layer 1": "layer_1/",
    "all layers": "layer_",
}


@pytest.mark.parametrize("name", ["no MLP", "experts, untied"])
def test_rounding_touches_its_own_weights_alone(name):
    config = MODELS[name]
    params = random_params(config)
    before, seen = leaves_by_path(params), set()
    weights = {path for path in before if path.endswith(("kernel", "table"))}
    for change in list_changes(config, bits=2)[config.layers :]:
        after = leaves_by_path(apply_change(params, change))
        assert after.keys() == before.keys()
        moved = {k for k in before if not np.array_equal(before[k], after[k])}
        part = change.what.removesuffix(" at 2 bits")
        wanted = {path for path in weights if INSIDE[part] in path}
        if part == "MLP":
            wanted -= {path for path in wanted if "router" in path}
        assert moved == wanted
        seen |= moved
        for path in moved - {"embed/table", "head/table"}:
            leaf = np.swapaxes(after[path], -1, -2)
            channels = leaf.reshape(-1, leaf.shape[-1])
            assert max(len(np.unique(channel)) for channel in channels) <= 4
    assert seen == weights


@pytest.mark.parametrize("tied", [False, True])
def test_a_temperature_divides_the_logits(made, tied):
    task = made(model__tied=tied)
    params = random_params(task.config.model)
    cooler, scaled = ablation.temper(task, params, 4.0)
    got = logits(cooler.config.model, scaled)
    want = logits(task.config.model, params) / 4
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.fixture
def brief(monkeypatch):
    """Few temperatures, which is quicker where they do not matter."""
    monkeypatch.setattr(ablation, "_HALVINGS", 0)


@pytest.fixture(scope="module")
def ablated(finished):
    """The task, the parameters and the rows of a tiny run."""
    task, params = open_run(finished)
    return task, params, ablate(task, params, bits=2)


def test_the_first_row_is_the_whole_model(ablated, finished):
    task, _, rows = ablated
    assert rows[0]["what"] == "whole"
    assert rows[0]["bits"] == pytest.approx(result_of(finished)["bits"], rel=1e-5)
    assert rows[0]["parameters"] == rows[0]["bits_lost_per_parameter"] == 0
    assert [row["what"] for row in rows[1:]] == [
        change.what for change in list_changes(task.config.model, 2)
    ]


def test_as_many_parameters_are_changed_as_there_are(ablated):
    _, params, rows = ablated
    sizes = {path: leaf.size for path, leaf in leaves_by_path(params).items()}
    changed = {row["what"]: row["parameters"] for row in rows}
    layer = {path: n for path, n in sizes.items() if path.startswith("layer_0")}
    kernels = sum(n for path, n in layer.items() if path.endswith("kernel"))
    assert changed["without layer 0"] == sum(layer.values())
    assert changed["attention at 2 bits"] + changed["MLP at 2 bits"] == kernels
    assert changed["layer 0 at 2 bits"] == changed["all layers at 2 bits"] == kernels
    assert changed["embedding at 2 bits"] == sizes["embed/table"]


def test_what_is_lost_is_counted_from_the_whole(ablated):
    _, _, (whole, *rows) = ablated
    for row in rows:
        assert row["bits"]["total"] != whole["bits"]["total"]
        lost = whole["tempered_bits"] - row["tempered_bits"]
        assert row["bits_lost_per_parameter"] * row["parameters"] == pytest.approx(lost)
        gained = row["tempered_bits"] - row["bits"]["total"]
        assert gained >= 0
        assert (row["temperature"] > 1) == (gained != 0)


def test_a_model_trained_in_few_bits_is_changed_as_it_is_used(made, brief):
    task, bare = made(qat__bits=2), made()
    params = models.init(task.config.model, jax.random.key(1))
    whole, *rows = ablate(task, params, 2, people=4)
    assert rows[-1]["what"] == "all layers at 2 bits"
    plain = ablate(bare, params, 2, people=4)
    # Scored as it is stored, all else in 16 bits.
    assert whole["bits"] == pytest.approx(plain[-1]["bits"], rel=1e-4)
    assert whole["sampling_error"]["total"] > 0
    assert ablate(bare, params, 2, people=4) == plain  # of the same people
    stored = effective_params(task.config, params)
    scheme = quant.Scheme(2, leaves=("embed/table",))
    both = quant.dequantize(quant.quantize(stored, scheme))
    row = next(row for row in rows if row["what"] == "embedding at 2 bits")
    known = score(bare, both, 4).capacity.summary()
    assert row["bits"] == pytest.approx(known["bits"], rel=1e-5)


@pytest.mark.parametrize(("tied", "heads"), [("input", 1), ("both", 0)])
def test_adapters_may_untie_the_model_that_is_changed(made, brief, tied, heads):
    rules = {"model__lora__rules": ("embed/table:1",), "model__lora__tied": tied}
    task = made(**rules)
    params = models.init(task.config.model, jax.random.key(1))
    rows = ablate(task, params, 2, people=4)
    head = [row for row in rows if row["what"] == "output layer at 2 bits"]
    size = params["embed"]["table"].size
    assert [row["parameters"] for row in head] == [size] * heads
