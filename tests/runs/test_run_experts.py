"""Runs of mixtures of experts and of adapters, from a config to a row."""

import json

import jax
import numpy as np
import pytest
from support.run_folders import read_files, read_metrics

from kscale import cli, models, train
from kscale.runs.task import open_run
from kscale.runs.training import run

EXPERTS = {"model__experts": 4, "model__mlp_width": 1.0, "model__top_k": 2}
ROUTING = ("dropped_share", "load_max", "load_entropy", "router_entropy")
ADAPTED = {
    "model__lora__rules": ("*/attention/query:2", "*/attention/value:2"),
    "train__trainable": ("lora/*",),
}


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


def test_a_row_says_what_is_dropped_when_scored(mixture):
    assert mixture[1]["dropped_when_scored"] == 0  # with room for all tokens of a row


def test_parameters_are_counted_in_all_and_active(mixture):
    by_base = mixture[1]["parameters_by_base"]
    # Width 8, experts 8 -> 8 -> 8 with biases; two of four see a token.
    expert = 2 * (8 * 8 + 8)
    assert by_base["total"] - by_base["active"] == 2 * expert
    assert mixture[1]["parameters"] == by_base["total"]


def test_a_mixture_is_opened_and_scored_again(mixture, capsys):
    folder, row = mixture
    assert cli.main(["score", f"--workdir={folder}", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["bits"] == pytest.approx(row["bits"], rel=1e-5)


def test_a_mixture_is_rounded(mixture, capsys):
    words = ["quantize", f"--workdir={mixture[0]}", "--method=nearest", "--bits=8"]
    assert cli.main([*words, "--json"]) == 0
    whole, eight = json.loads(capsys.readouterr().out)["rows"]
    assert whole["bits"] == pytest.approx(mixture[1]["bits"], rel=1e-5)
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


@pytest.fixture(scope="module")
def adapted(little, learned, tmp_path_factory):
    """Adapters trained beside the weights of a dense run: both folders, and the row."""
    folder = tmp_path_factory.mktemp("adapted") / "run"
    (row,) = run(little(start=str(learned[0]), **ADAPTED), folder)
    return learned[0], folder, row


def test_adapters_are_saved_apart_and_small(adapted):
    before, after, row = adapted
    small = train.load_params(after / "adapters.npz")
    leaves = jax.tree.leaves(small)
    # Rank 2 on queries and values of one layer of width 8: (8 x 2 + 2 x 8) each.
    assert sum(leaf.size for leaf in leaves) == 64
    assert row["parameters_by_base"]["adapters"] == 64
    assert row["parameters"] == row["parameters_by_base"]["total"]
    task, params = open_run(after)
    base = {name: leaf for name, leaf in params.items() if name != "lora"}
    attached = models.attach_adapters(task.config.model, base, small)
    assert jax.tree.all(jax.tree.map(np.array_equal, attached, params))
    assert not (before / "adapters.npz").exists()


def test_adapters_alone_are_trained(adapted):
    before, after, row = adapted
    _, params = open_run(after)
    assert np.any(params["lora"]["layer_0"]["attention"]["query"]["up"])
    base = train.load_params(before / "params.npz")
    for name, leaf in base.items():
        assert jax.tree.all(jax.tree.map(np.array_equal, leaf, params[name]))
    old = json.loads((before / "result.json").read_text())
    assert row["bits"]["total"] != old["bits"]["total"]


def test_adapters_are_merged_before_weights_are_rounded(adapted, capsys):
    words = ["quantize", f"--workdir={adapted[1]}", "--method=nearest", "--bits=8"]
    assert cli.main([*words, "--json"]) == 0
    whole, eight = json.loads(capsys.readouterr().out)["rows"]
    row = adapted[2]
    assert whole["bits"] == pytest.approx(row["bits"], rel=1e-5)
    weights = row["parameters"] - row["parameters_by_base"]["adapters"]
    assert whole["stored_bits"] == 16 * weights
    assert eight["stored_bits"] < whole["stored_bits"]


TWO = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


@pytest.mark.parametrize("how", ["--overwrite", "--dry_run"])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["qat.bits=7"], "Scheme.bits is 7, must be one of (8, 6, 5, 4, 3, 2) or 0"),
        (
            ["qat.bits=4", "qat.leaves=nothing"],
            "Scheme.leaves has 'nothing', which matches no kernel or table; the"
            " nearest is '",
        ),
        (
            ["mesh.expert=2"],
            "mesh.expert=2 shares out experts, and model.experts=0: the model has none;"
            " take mesh.expert=1, or give it some",
        ),
        (
            ["train.trainable=nothing"],
            "TrainConfig.trainable has 'nothing', which matches no parameter; the"
            " nearest is ",
        ),
        (
            ["train.trainable=lora/*"],
            "train.trainable has 'lora/*', and the model has no adapters: name some in"
            " model.lora.rules, such as '*/attention/query:8'",
        ),
        (
            ["model.experts=8", "model.top_k=3"],
            "ModelConfig.top_k is 3, must be 1 or 2, and at most experts=8",
        ),
        (
            ["model.experts=4", "model.route_rows=3"],
            "must be a multiple of route_rows=3",
        ),
        (
            ["model.lora.rules=*/attention/query"],
            "Lora.rules has '*/attention/query', must be PATTERN:RANK, such as"
            " '*/attention/query:8'",
        ),
        (
            ["model.lora.rules=*/attention/quarry:8"],
            "Lora.rules has '*/attention/quarry', which matches no weight; the"
            " nearest is 'layer_0/attention/query'",
        ),
    ],
)
def test_what_cannot_be_trained_costs_no_run(
    flags, message, how, tiny, finished, capsys
):
    before = read_files(finished)
    words = [f"--config.{flag}" for flag in flags]
    where = f"--workdir={finished}"
    assert cli.main(["train", *tiny, *words, where, how]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert read_files(finished) == before


def test_experts_are_shared_out_evenly_or_not_at_all(tiny, call, tmp_path):
    words = ["--config.model.experts=3", "--config.mesh.expert=2"]
    where = f"--workdir={tmp_path / 'run'}"
    code, out, err = call("train", *tiny, *words, where, env=TWO)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "3" in err
    assert "expert" in err
    assert not (tmp_path / "run").exists()
