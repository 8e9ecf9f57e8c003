"""Runs with rounded weights: trained so, measured so, resumed so, and stored small."""

import shutil

import jax
import numpy as np
import pytest
from support.run_folders import assert_same_arrays, list_checkpoints, read_metrics

from kscale import models, quant, scores
from kscale.configs import base as config_module
from kscale.configs.base import PartConfig
from kscale.quant.weights import is_quantized
from kscale.runs import qat, run
from kscale.runs.evaluate import score
from kscale.runs.quantize import Choice, quantize_run
from kscale.runs.task import open_run, prepare

# GPT2 of width 8 in three bits, which a short run feels.
THREE = {"qat__bits": 3, "qat__group": 4}


@pytest.fixture(scope="module")
def rounded(little, tmp_path_factory):
    """A finished run in three bits: folder and row."""
    folder = tmp_path_factory.mktemp("rounded") / "run"
    (row,) = run.run(little(**THREE), folder)
    return folder, row


def test_the_bits_are_those_of_the_rounded_weights(rounded):
    workdir, row = rounded
    task, params = open_run(workdir)
    tree = quant.quantize(params, task.config.qat)
    assert any(map(is_quantized, tree["layer_0"]["mlp"]["up"].values()))
    bare, _ = qat.merge_adapters(task, params)
    bits = score(bare, quant.dequantize(tree)).row["bits"]
    assert row["bits"] == pytest.approx(bits, rel=1e-5)
    beneath = score(bare, params).row["bits"]
    assert beneath["total"] != pytest.approx(bits["total"], rel=1e-4)
    assert row["stored_bits"] == quant.stored_bits(tree)
    assert row["bits_per_stored_bit"] == row["bits"]["total"] / row["stored_bits"]


def test_answers_are_those_of_the_rounded_weights(little, monkeypatch):
    told = PartConfig("asked", "questions", people=4, which="odd", exposures=1)
    task = prepare(little([told], **THREE))
    params = models.init(task.config.model, jax.random.key(0))
    seen = []

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
    first, last = (
        [read_metrics(folder)[i]["loss"] for folder, _ in (rounded, learned)]
        for i in (0, -1)
    )
    assert first[0] != first[1]
    assert last[0] != last[1]
    assert "stored_bits" not in learned[1]


def test_a_resumed_run_equals_one_that_was_not_stopped(rounded, little, tmp_path):
    folder, row = rounded
    copy = shutil.copytree(folder, tmp_path / "run")
    *_, before, last = list_checkpoints(copy)
    shutil.rmtree(copy / "checkpoints" / str(last))
    for name in ("result.json", "params.npz", "scores.npz"):
        (copy / name).unlink()
    assert 0 < before < row["steps"]
    (again,) = run.run(little(**THREE), copy, resume=True)
    for name in ("params.npz", "scores.npz"):
        assert_same_arrays(copy, folder, name)
    assert again["bits"] == row["bits"]
    assert [x["loss"] for x in read_metrics(copy)] == [
        x["loss"] for x in read_metrics(folder)
    ]


def test_a_run_without_rounding_is_no_run_with_it(learned, little, tmp_path):
    copy = shutil.copytree(learned[0], tmp_path / "run")
    with pytest.raises(ValueError, match=r"qat.bits was 0, is 3; qat.group was 0, is"):
        run.run(little(**THREE), copy, resume=True)
    # Nor is its checkpoint, should somebody write the config anew.
    config_module.save_config(little(**THREE), copy / "config.json")
    with pytest.raises(ValueError, match=r"[Cc]heckpoint.*qat"):
        run.run(little(**THREE), copy, resume=True)


def test_rounding_it_as_it_was_trained_changes_nothing(rounded):
    folder, row = rounded
    scheme = quant.Scheme(group=4)
    choice = Choice(bits=(3,), method="nearest", scheme=scheme)
    whole, three = quantize_run(folder, choice)["rows"]
    assert whole["bits"] == pytest.approx(row["bits"], rel=1e-5)
    # What is not rounded is cut to float16 in the file, which is little.
    assert three["bits"] == pytest.approx(row["bits"], rel=1e-2)
    assert three["stored_bits"] == row["stored_bits"] == whole["stored_bits"]
    assert (whole["what"], whole["weight_bits"]) == (
        "as trained (rounded to 3 bits)",
        3,
    )
    assert whole["bits_per_stored_bit"] == pytest.approx(row["bits_per_stored_bit"])


def test_members_of_a_population_are_rounded_each(rounded, little):
    rows = run.run(little(members__seeds=(0, 1), **THREE))
    assert rows[0]["bits"]["total"] == pytest.approx(
        rounded[1]["bits"]["total"], rel=1e-4
    )
    assert rows[0]["stored_bits"] == rows[1]["stored_bits"]
    assert rows[0]["fingerprint"] == rounded[1]["fingerprint"]
