"""Runs of mixtures of experts and of adapters, from a config to a row."""

import re

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType
from support.run_folders import read_files, read_metrics

from kscale import cli, models, train
from kscale.configs import finetuning
from kscale.runs.quantize import Choice, quantize_run
from kscale.runs.score import score_run
from kscale.runs.task import open_run, prepare
from kscale.runs.training import run
from kscale.train.sharding import AXES

EXPERTS = {"model__experts": 4, "model__mlp_width": 1.0, "model__top_k": 2}
EIGHT = Choice(bits=(8,), method="nearest")
ROUTING = ("dropped_share", "load_max", "load_entropy", "router_entropy")


@pytest.fixture(scope="module")
def mixture(little, tmp_path_factory):
    """A finished run of four experts: folder and row."""
    folder = tmp_path_factory.mktemp("mixture") / "run"
    (row,) = run(little(**EXPERTS), folder)
    return folder, row


def test_the_log_says_how_experts_are_used(mixture):
    for row in read_metrics(mixture[0]):
        assert row.keys() >= set(ROUTING)
        assert 0 <= row["dropped_share"] < 1
        assert 1 <= row["load_max"] <= 4
        assert 0 < row["load_entropy"] <= 1 + 1e-6
        assert 0 < row["router_entropy"] <= np.log(4) + 1e-6
    assert {name: mixture[1][name] for name in ROUTING} == {
        name: row[name] for name in ROUTING
    }


def test_a_row_counts_parameters_in_all_and_active_and_what_is_dropped(mixture):
    assert mixture[1]["dropped_when_scored"] == 0  # with room for all tokens of a row
    by_base = mixture[1]["parameters_by_base"]
    # Width 8, experts 8 -> 8 -> 8 with biases; two of four see a token.
    expert = 2 * (8 * 8 + 8)
    assert by_base["total"] - by_base["active"] == 2 * expert
    assert mixture[1]["parameters"] == by_base["total"]


@pytest.mark.slow
def test_a_mixture_is_scored_again_and_rounded(mixture):
    again = score_run(mixture[0])
    assert again["bits"] == pytest.approx(mixture[1]["bits"], rel=1e-5)
    whole, eight = quantize_run(mixture[0], EIGHT)["rows"]
    assert whole["bits"] == pytest.approx(mixture[1]["bits"], rel=1e-4)
    error = abs(eight["bits"]["total"] - whole["bits"]["total"])
    assert error < 0.1 * abs(whole["bits"]["total"])
    assert eight["stored_bits"] < whole["stored_bits"]


@pytest.mark.slow
def test_members_of_a_population_have_lists(little, tmp_path):
    small = EXPERTS | {"data__exposures": 2}
    rows = run(little(members__seeds=(0, 1), **small), tmp_path / "run")
    assert len(rows) == 2
    last = read_metrics(tmp_path / "run")[-1]
    for name in ROUTING:
        assert [row[name] for row in rows] == last[name]


def same(one, other):
    return jax.tree.all(jax.tree.map(np.array_equal, one, other))


@pytest.fixture(scope="module")
def adapted(learned, tmp_path_factory):
    """Adapters trained beside the weights of a dense run: config, folder and row."""
    made = finetuning.extract(str(learned[0]), 4, 2, 1)
    folder = tmp_path_factory.mktemp("adapted") / "run"
    (row,) = run(made, folder)
    return made, folder, row


def test_adapters_are_saved_apart_and_small(adapted, learned):
    _, folder, row = adapted
    small = train.load_params(folder / "adapters.npz")
    task, params = open_run(folder)
    # Rank 2 on queries and values of one layer of width 8, (8 x 2 + 2 x 8) each, and
    # rank 4 on the embedding.
    size = 64 + 4 * (task.config.model.vocab + 8)
    assert sum(leaf.size for leaf in jax.tree.leaves(small)) == size
    assert row["parameters_by_base"]["adapters"] == size
    assert row["parameters"] == row["parameters_by_base"]["total"]
    base = {name: leaf for name, leaf in params.items() if name != "lora"}
    attached = models.attach_adapters(task.config.model, base, small)
    assert same(attached, params)
    assert not (learned[0] / "adapters.npz").exists()


def test_adapters_begin_beside_the_weights_and_are_all_that_is_trained(
    adapted, learned
):
    made, folder, row = adapted
    assert row["parts"]["questions"].keys() == {"trained", "held_out"}
    assert row["bits"]["total"] != learned[1]["bits"]["total"]
    task = prepare(made)
    first, (_, params) = task.start.make_params(task), open_run(folder)
    fresh, trained = (x["lora"]["layer_0"]["attention"] for x in (first, params))
    assert (fresh["query"]["down"].shape[1], np.any(fresh["query"]["up"])) == (2, False)
    assert np.any(trained["query"]["up"])
    layer = train.load_params(learned[0] / "params.npz")["layer_0"]
    assert same(first["layer_0"], layer)
    assert same(params["layer_0"], layer)
    rows = task.pool.vocabulary.to_dense(task.start.task.pool.vocabulary.original_ids)
    old = task.start.params["embed"]["table"]
    assert same(params["embed"]["table"][rows], old)
    assert same(params["embed"], first["embed"])
    # Adapters go on from where they ended.
    again = prepare(finetuning.extract(str(folder), 4, 2, 1))
    assert same(again.start.make_params(again)["lora"], params["lora"])


@pytest.mark.slow
def test_adapters_are_merged_before_weights_are_rounded(adapted):
    whole, eight = quantize_run(adapted[1], EIGHT)["rows"]
    row = adapted[2]
    assert whole["bits"] == pytest.approx(row["bits"], rel=1e-4)
    weights = row["parameters"] - row["parameters_by_base"]["adapters"]
    untied = 8 * open_run(adapted[1])[0].config.model.vocab  # by the embedding's
    assert whole["stored_bits"] == 16 * (weights + untied)
    assert eight["stored_bits"] < whole["stored_bits"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["qat.bits=4", "qat.leaves=nothing"], "which matches no kernel or table; the"),
        (["mesh.expert=2"], "mesh.expert=2 shares out experts, and model.experts=0"),
        (["train.trainable=nothing"], "trainable has 'nothing', which matches no"),
        (["train.trainable=lora/*"], "has 'lora/*', and the model has no adapters"),
        (["model.experts=8", "model.top_k=3"], "must be 1 or 2, and at most experts=8"),
        (["model.experts=4", "model.route_rows=3"], "be a multiple of route_rows=3"),
        (["model.lora.rules=*/attention/query"], "must be PATTERN:RANK, such as"),
        (["model.lora.rules=*/attention/quarry:8"], "'*/attention/quarry', which"),
    ],
)
def test_what_cannot_be_trained_costs_no_run(flags, message, tiny, finished, capsys):
    before = read_files(finished)
    words = [f"--config.{flag}" for flag in flags]
    for how in ("--overwrite", "--dry_run"):
        assert cli.main(["train", *tiny, *words, f"--workdir={finished}", how]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert message in err
    assert read_files(finished) == before


def test_experts_are_shared_out_evenly_or_not_at_all(
    tiny, tmp_path, monkeypatch, capsys
):
    two = AbstractMesh((1, 1, 2, 1), AXES, (AxisType.Auto,) * 4)
    monkeypatch.setattr(train, "make_mesh", lambda **_: two)
    words = ["--config.model.experts=3", "--config.mesh.expert=2"]
    assert cli.main(["train", *tiny, *words, f"--workdir={tmp_path / 'run'}"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert re.search(r"mlp/\w+/\w+ has 3 .* by the 2 devices", err)
    assert not (tmp_path / "run").exists()
