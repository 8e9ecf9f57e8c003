"""Weights rounded while a model is trained: the loss, the gradient, runs and rows."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.run_folders import assert_same_arrays, cut_short, read_metrics

from kscale import models, quant, scores
from kscale.configs.base import PartConfig, save_config
from kscale.quant import Scheme
from kscale.runs.devices import build_objective
from kscale.runs.evaluate import effective_params, score
from kscale.runs.quantize import Choice, quantize_run, sample_windows
from kscale.runs.rows import measure_storage
from kscale.runs.task import merge_adapters, open_run, require_weights
from kscale.runs.training import run

FOUR = {"qat__bits": 4}
LORA = {"model__lora__rules": ("*/attention/query:2", "embed/table:1")}


def params_of(task, seed=0):
    return models.init(task.config.model, jax.random.key(seed))


def same(one, other):
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


def rounded_of(task, params):
    return quant.dequantize(quant.quantize(params, task.config.qat))


def batch_of(task):
    tokens, segments = sample_windows(task, 8)
    tokens = np.maximum(tokens, 0)
    return tokens[:, :-1], tokens[:, 1:], np.maximum(segments[:, :-1], 0)


@functools.cache
def objective_of(task):
    return jax.jit(build_objective(task.config).token_nats)


def nats_of(task, params):
    return objective_of(task)(params, *batch_of(task))[0]


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_loss_is_that_of_the_rounded_weights(made, symmetric):
    task = made(qat__symmetric=symmetric, qat__group=4, **FOUR)
    params = params_of(task)
    found = nats_of(task, params)
    used = rounded_of(task, params)
    assert same(effective_params(made().config, params), params)
    np.testing.assert_allclose(found, nats_of(made(), used), rtol=1e-6)
    assert np.abs(found - nats_of(made(), params)).max() > 1e-3


@pytest.mark.slow
def test_the_gradient_moves_what_is_beneath(made):
    task = made(**FOUR)
    params = params_of(task)

    def loss(task, params):
        return jnp.sum(nats_of(task, params))

    gradient, used = jax.grad(loss, argnums=1), rounded_of(task, params)
    moved, at_rounded = gradient(task, params), gradient(made(), used)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    jax.tree.map(close, moved, at_rounded)
    assert np.abs(moved["layer_0"]["mlp"]["up"]["kernel"]).max() > 0


def test_an_objective_is_described_by_its_scheme(made):
    plain = build_objective(made().config).description
    scheme = {"bits": 4, "group": 0, "symmetric": True, "leaves": ["layer*/kernel"]}
    # In JSON's types, as it is compared with what a checkpoint holds.
    described = build_objective(made(**FOUR).config).description
    assert described == plain | {"qat": scheme}
    assert "qat" not in plain


def test_a_pattern_that_names_no_weight_is_refused_before_anything(made):
    leaves, message = ("layer*/kernel", "nothing"), r"leaves has 'nothing', which match"
    with pytest.raises(ValueError, match=message):
        made(qat__leaves=leaves, **FOUR)
    with pytest.raises(ValueError, match=message):
        require_weights(params_of(made()), Scheme(bits=4, leaves=leaves))


def test_what_is_scored_is_rounded_or_cut_to_sixteen_bits(made):
    task = made(**FOUR)
    params = params_of(task)
    used = effective_params(task.config, params)
    assert same(
        used["layer_0"]["mlp"]["up"]["kernel"],
        rounded_of(task, params)["layer_0"]["mlp"]["up"]["kernel"],
    )
    cut = np.asarray(params["embed"]["table"]).astype(np.float16)
    assert same(used["embed"]["table"], cut)
    assert not same(params["embed"]["table"], cut)


@pytest.mark.slow
def test_a_plain_model_has_no_adapters_and_scores_the_same(made):
    task = made(**LORA, **FOUR)
    params = params_of(task)
    down = params["lora"]["layer_0"]["attention"]["query"]
    down["up"] = jnp.full_like(down["up"], 0.1)
    plain, merged = merge_adapters(task, effective_params(task.config, params))
    assert "lora" not in merged
    assert plain.config.model.lora == models.NO_ADAPTERS
    assert plain.config.qat == quant.NO_ROUNDING
    assert same(effective_params(plain.config, merged), merged)
    before = score(task, params).table
    after = score(plain, merged).table
    np.testing.assert_allclose(after.nats, before.nats, rtol=1e-5)


def test_stored_by_hand():
    kernel = {"layer_0": {"mlp": {"up": {"kernel": jnp.ones((8, 10))}}}}
    plain = measure_storage(kernel, bits=640.0)
    assert plain == {"stored_bits": 1280, "bits_per_stored_bit": 0.5}
    four = measure_storage(quant.quantize(kernel, Scheme(bits=4)), bits=240.0)
    assert four == {"stored_bits": 80 * 4 + 10 * 16, "bits_per_stored_bit": 0.5}


# GPT2 of width 8 in three bits, which a short run feels.
THREE = {"qat__bits": 3, "qat__group": 4}


@pytest.fixture(scope="module")
def rounded(little, tmp_path_factory):
    """A finished run in three bits: folder and row."""
    folder = tmp_path_factory.mktemp("rounded") / "run"
    (row,) = run(little(**THREE), folder)
    return folder, row


def test_the_bits_are_those_of_the_rounded_weights(rounded):
    workdir, row = rounded
    task, params = open_run(workdir)
    tree = quant.quantize(params, task.config.qat)
    assert any(map(quant.is_quantized, tree["layer_0"]["mlp"]["up"].values()))
    bare, _ = merge_adapters(task, params)
    bits = score(bare, quant.dequantize(quant.cast_rest(tree))).row["bits"]
    assert row["bits"] == pytest.approx(bits, rel=1e-5)
    beneath = score(bare, params).row["bits"]
    assert beneath["total"] != pytest.approx(bits["total"], rel=1e-4)
    assert row.items() >= measure_storage(tree, row["bits"]["total"]).items()


def test_answers_are_those_of_the_rounded_weights(made, monkeypatch):
    told = PartConfig("asked", "questions", people=4, which="odd", exposures=1)
    task = made(told, **THREE)
    params, seen = params_of(task), []

    def answers(model, *rest, **options):
        seen.append(model[1])
        one = np.ones((2, 1))
        return scores.AnswerTable(np.arange(2), one, one > 0, ("major",), 2)

    monkeypatch.setattr(scores, "ask_questions", answers)
    assert score(task, params).row["parts"]
    assert len(seen) == 2  # about those of odd number, and about the others
    for used in seen:
        kernel = np.asarray(used["layer_0"]["mlp"]["up"]["kernel"])
        assert all(len(np.unique(group)) <= 8 for group in kernel[:4].T)


def test_rounding_changes_the_run_and_its_fingerprint(rounded, learned):
    assert rounded[1]["fingerprint"] != learned[1]["fingerprint"]
    logs = (read_metrics(folder) for folder, _ in (rounded, learned))
    for i, (row, plain) in enumerate(zip(*logs, strict=True)):
        assert row["loss"] != plain["loss"], i
    assert "stored_bits" not in learned[1]


def test_a_resumed_run_equals_one_that_was_not_stopped(rounded, little, tmp_path):
    folder, row = rounded
    copy = cut_short(folder, tmp_path / "run")
    (again,) = run(little(**THREE), copy, resume=True)
    for name in ("params.npz", "scores.npz"):
        assert_same_arrays(copy, folder, name)
    assert again["bits"] == row["bits"]
    logs = ([x["loss"] for x in read_metrics(each)] for each in (copy, folder))
    assert next(logs) == next(logs)


def test_a_run_without_rounding_is_no_run_with_it(learned, little, tmp_path):
    copy = shutil.copytree(learned[0], tmp_path / "run")
    with pytest.raises(ValueError, match=r"qat.bits was 0, is 3; qat.group was 0, is"):
        run(little(**THREE), copy, resume=True)
    # Nor is its checkpoint, should somebody write the config anew.
    save_config(little(**THREE), copy / "config.json")
    with pytest.raises(ValueError, match=r"[Cc]heckpoint.*qat"):
        run(little(**THREE), copy, resume=True)


def test_rounding_it_as_it_was_trained_changes_nothing(rounded):
    folder, row = rounded
    scheme = quant.Scheme(group=4)
    choice = Choice(bits=(3,), method="nearest", scheme=scheme)
    whole, three = quantize_run(folder, choice)["rows"]
    assert whole["bits"] == pytest.approx(row["bits"], rel=1e-5)
    # What is not rounded is cut to float16 in the file, which is little.
    assert three["bits"] == pytest.approx(row["bits"], rel=1e-2)
    assert three["stored_bits"] == row["stored_bits"] == whole["stored_bits"]
    assert whole["what"] == "as trained (rounded to 3 bits)"
    assert whole["weight_bits"] == 3
    assert whole["bits_per_stored_bit"] == pytest.approx(row["bits_per_stored_bit"])


def test_members_of_a_population_are_rounded_each(rounded, little):
    rows = run(little(members__seeds=(0, 1), **THREE))
    alone = pytest.approx(rounded[1]["bits"]["total"], rel=1e-4)
    assert rows[0]["bits"]["total"] == alone
    assert rows[0]["stored_bits"] == rows[1]["stored_bits"]
    assert rows[0]["fingerprint"] == rounded[1]["fingerprint"]
