"""Parts of a model removed or rounded: what is touched, and what is left."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import models, quant, scores
from kscale.runs import ablation
from kscale.runs.evaluate import score
from kscale.runs.task import open_run

TOKENS = jnp.asarray([[3, 1, 4, 1, 5], [2, 6, 5, 3, 5]])
SMALL = {"vocab": 7, "head_size": 8}
MODELS = {
    "dense": models.from_name("GPT2-2-2", **SMALL),
    "no MLP": models.from_name("GPT2_0-2-2", **SMALL),
    "untied": models.from_name("LLaMA-2-1", **SMALL),
    "experts": models.from_name(
        "GPT2-2-1", experts=2, eval_capacity_factor=0.0, **SMALL
    ),
}


def of(name):
    """A model and parameters of it, biases too."""
    config = MODELS[name]
    leaves, tree = jax.tree.flatten(models.init(config, jax.random.key(0)))
    rng = np.random.default_rng(0)
    noisy = [x + rng.normal(0, 0.3, x.shape).astype(np.float32) for x in leaves]
    return config, jax.tree.unflatten(tree, noisy)


def logits(config, params):
    return np.asarray(models.apply(config, params, TOKENS)[0])


def paths(tree):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(part.key for part in path): leaf for path, leaf in leaves}


def test_changes_of_a_model_without_mlp():
    config = models.from_name("GPT2_0-1-1")
    assert [change.what for change in ablation.changes(config, bits=2)] == [
        "without layer 0",
        "attention at 2 bits",
        "embedding at 2 bits",
        "layer 0 at 2 bits",
        "all layers at 2 bits",
    ]


def test_changes_of_an_untied_model_with_experts():
    config = models.from_name("LLaMA-2-1", experts=2)
    assert [change.what for change in ablation.changes(config)] == [
        "without layer 0",
        "without layer 1",
        "attention at 3 bits",
        "MLP at 3 bits",
        "router at 3 bits",
        "embedding at 3 bits",
        "output layer at 3 bits",
        "layer 0 at 3 bits",
        "layer 1 at 3 bits",
        "all layers at 3 bits",
    ]


@pytest.mark.parametrize("bits", [0, 1, 7, 16])
def test_bits_that_no_weight_is_rounded_to(bits):
    with pytest.raises(ValueError, match=rf"bits={bits} must be one of \(8, 6, 5"):
        ablation.changes(MODELS["dense"], bits)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("layer", [0, 1])
def test_a_removed_layer_is_a_model_of_one_layer_less(name, layer):
    config, params = of(name)
    change = ablation.changes(config)[layer]
    assert change.what == f"without layer {layer}"
    got = logits(config, ablation.changed(params, change))
    left = {k: x for k, x in params.items() if not k.startswith("layer_")}
    left["layer_0"] = params[f"layer_{1 - layer}"]
    small = dataclasses.replace(config, layers=1)
    np.testing.assert_allclose(got, logits(small, left), atol=1e-5)
    assert np.abs(got - logits(config, params)).max() > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_rounding_touches_its_own_weights_alone(name):
    config, params = of(name)
    before = paths(params)
    seen = set()
    for change in ablation.changes(config, bits=2)[config.layers :]:
        after = paths(ablation.changed(params, change))
        assert after.keys() == before.keys()
        moved = {k for k in before if not np.array_equal(before[k], after[k])}
        part = change.what.removesuffix(" at 2 bits")
        inside = {
            "attention": "/attention/",
            "MLP": "/mlp/",
            "router": "/mlp/router/",
            "embedding": "embed/",
            "output layer": "head/",
            "layer 0": "layer_0/",
            "layer 1": "layer_1/",
            "all layers": "layer_",
        }[part]
        assert moved == {
            path
            for path in before
            if inside in path
            and path.endswith(("kernel", "table"))
            and not (part == "MLP" and "router" in path)
        }
        seen |= moved
        for path in moved - {"embed/table", "head/table"}:
            channels = np.swapaxes(after[path], -1, -2).reshape(
                -1, after[path].shape[-2]
            )
            assert max(len(np.unique(channel)) for channel in channels) <= 4
    assert seen == {path for path in before if path.endswith(("kernel", "table"))}


@pytest.mark.parametrize("tied", [True, False])
def test_a_temperature_divides_the_logits(tied):
    config = models.from_name("GPT2-1-1", tied=tied, **SMALL)
    params = models.init(config, jax.random.key(0))
    cooler = ablation.tempered(config, params, 4.0)
    got, want = logits(*cooler), logits(config, params) / 4
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


@pytest.fixture
def brief(monkeypatch):
    """Few temperatures, which is quicker where they do not matter."""
    monkeypatch.setattr(ablation, "_HALVINGS", 0)


@pytest.fixture(scope="module")
def told(finished):
    """The rows of a tiny run."""
    task, params = open_run(finished)
    return task, params, ablation.ablate(task, params, bits=2)


def test_the_first_row_is_the_whole_model(told, finished):
    task, _, rows = told
    before = json.loads((finished / "result.json").read_text())
    assert rows[0]["what"] == "whole"
    assert rows[0]["bits"] == pytest.approx(before["bits"], rel=1e-5)
    assert rows[0]["parameters"] == rows[0]["bits_lost_per_parameter"] == 0
    assert [row["what"] for row in rows[1:]] == [
        change.what for change in ablation.changes(task.config.model, 2)
    ]


def test_as_many_parameters_are_changed_as_there_are(told):
    _, params, rows = told
    sizes = {path: leaf.size for path, leaf in paths(params).items()}
    changed = {row["what"]: row["parameters"] for row in rows}
    layer = {path: n for path, n in sizes.items() if path.startswith("layer_0")}
    kernels = sum(n for path, n in layer.items() if path.endswith("kernel"))
    assert changed["without layer 0"] == sum(layer.values())
    assert changed["attention at 2 bits"] + changed["MLP at 2 bits"] == kernels
    assert changed["layer 0 at 2 bits"] == changed["all layers at 2 bits"] == kernels
    assert changed["embedding at 2 bits"] == sizes["embed/table"]


def test_what_is_lost_is_counted_from_the_whole(told):
    _, _, (whole, *rows) = told
    assert {row["bits"]["total"] == whole["bits"]["total"] for row in rows} == {False}
    for row in rows:
        lost = whole["tempered_bits"] - row["tempered_bits"]
        assert row["bits_lost_per_parameter"] * row["parameters"] == pytest.approx(lost)
        assert row["tempered_bits"] >= row["bits"]["total"]
        assert (row["temperature"] > 1) == (
            row["tempered_bits"] != row["bits"]["total"]
        )


def test_the_sample_is_the_same_every_time(finished, brief):
    task, params = open_run(finished)
    first, again = (ablation.ablate(task, params, people=5)[:2] for _ in range(2))
    assert first == again
    assert first[0]["sampling_error"]["total"] > 0


def test_a_model_trained_in_few_bits_is_changed_as_it_is_used(made, brief):
    task, bare = made(qat__bits=2), made()
    params = models.init(task.config.model, jax.random.key(1))
    leaves = task.config.qat.leaves
    whole, *rows = ablation.ablate(task, params, 2, people=4)
    assert rows[-1]["what"] == "all layers at 2 bits"
    assert whole["bits"] == ablation.ablate(bare, params, 2, people=4)[-1]["bits"]
    both = quant.quantize(params, quant.Scheme(2, leaves=(*leaves, "embed/table")))
    table = score(bare, quant.dequantize(both), 4).table
    known = scores.measure_capacity(task.counts, task.corpus.labels, table, 1)
    row = next(row for row in rows if row["what"] == "embedding at 2 bits")
    assert row["bits"] == pytest.approx(known.summary()["bits"], rel=1e-5)


@pytest.mark.parametrize(("tied", "heads"), [("input", 1), ("both", 0)])
def test_adapters_may_untie_the_model_that_is_changed(made, brief, tied, heads):
    rules = {"model__lora__rules": ("embed/table:1",), "model__lora__tied": tied}
    task = made(**rules)
    params = models.init(task.config.model, jax.random.key(1))
    rows = ablation.ablate(task, params, 2, people=4)
    head = [row for row in rows if row["what"] == "output layer at 2 bits"]
    size = params["embed"]["table"].size
    assert [row["parameters"] for row in head] == [size] * heads
    assert ablation._plan(task, params, 2, 4, 0)["scores"] == len(rows)
