"""Scoring a finished run again: a sample, a member, other weights, what is written."""

import dataclasses
import shutil

import jax
import pytest
from support.run_folders import result_of, tiny_config

from kscale import cli, models, quant, scores
from kscale.locks import hold
from kscale.runs import training
from kscale.runs.quantize import Choice, quantize_run
from kscale.runs.score import score_run
from kscale.runs.task import open_run


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_a_sample_has_standard_errors_and_says_so(finished):
    whole, sample = score_run(finished), score_run(finished, people=6)
    assert (sample["people"], sample["population"]) == (6, 12)
    error = sample["sampling_error"]["total"]
    assert error > 0
    assert abs(sample["bits"]["total"] - whole["bits"]["total"]) < 5 * error


def test_it_writes_only_when_asked_to(copy):
    (copy / "scores.npz").unlink()
    before = result_of(copy)
    score_run(copy)
    assert result_of(copy) == before
    assert not (copy / "scores.npz").exists()
    row = score_run(copy, write=True)
    after = result_of(copy)
    assert after["bits"] == row["bits"]
    assert after["seconds"] == before["seconds"]  # of the training, which was not
    assert len(scores.ScoreTable.load(copy / "scores.npz").people) == 12


def test_a_folder_that_is_held_is_read_and_not_written(copy):
    choice = Choice(bits=(4,), method="nearest")
    with hold(copy, "trained"), pytest.MonkeyPatch.context() as patched:
        patched.setattr("threading.get_ident", lambda: -1)
        assert score_run(copy, dry_run=True)["people"] == 12
        for write in (
            lambda: score_run(copy, write=True),
            lambda: quantize_run(copy, choice, save=True),
        ):
            with pytest.raises(ValueError, match="is being trained by process"):
                write()


def test_a_folder_without_a_run_stays_as_it_is(tmp_path):
    (tmp_path / "foreign").mkdir()
    for name in ("typo", "foreign"):
        for dry in (True, False):
            for write in (
                lambda path, dry: score_run(path, write=True, dry_run=dry),
                lambda path, dry: quantize_run(path, Choice(), save=True, dry_run=dry),
            ):
                with pytest.raises(ValueError, match=r"config\.json is no readable"):
                    write(tmp_path / name, dry)
    assert [x.name for x in tmp_path.rglob("*")] == ["foreign"]


def test_a_member_of_a_population(pair, tmp_path):
    run = shutil.copytree(pair, tmp_path / "run")
    before = result_of(run)
    shutil.copy(run / "params_0.npz", run / "params_1.npz")
    (run / "checksums.json").unlink()
    row = score_run(run, member=1, write=True)
    after = result_of(run)
    assert row["seed"] == 1
    assert after["members"][0] == before["members"][0]
    same = pytest.approx(before["members"][0]["bits"], rel=1e-5)
    assert after["members"][1]["bits"] == same
    assert after["members"][1]["seconds"] == before["members"][1]["seconds"]


def test_a_run_that_is_not_finished_or_spoilt(copy, capsys):
    data = (copy / "params.npz").read_bytes()
    for spoilt in (data[: len(data) // 2], b""):
        (copy / "params.npz").write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"params\.npz cannot be read"):
            score_run(copy)
    (copy / "params.npz").unlink()
    for verb in ("score", "ablate", "quantize"):
        assert cli.main([verb, f"--workdir={copy}", "--dry_run"]) == 2
        assert capsys.readouterr().err == (
            f"kscale {verb}: {copy} holds no finished run: finish it with --resume\n"
        )


def test_a_member_that_diverged_is_named(tmp_path, capsys, tiny):
    rates = {"members__learning_rates": "1e20,1e-3,1e30"}
    training.run(tiny_config(tiny, **rates), tmp_path / "run")
    members = result_of(tmp_path / "run")["members"]
    for verb, at in (("score", 0), ("ablate", 2), ("quantize", 0)):
        words = [verb, f"--workdir={tmp_path / 'run'}", f"--member={at}", "--dry_run"]
        assert cli.main(words) == 2
        assert capsys.readouterr().err == (
            f"kscale {verb}: member {at} of the run in {tmp_path / 'run'} diverged at"
            f" step {members[at]['diverged']}: choose another with --member\n"
        )
    start = f"--config=tune:start={tmp_path / 'run'},people=6"
    assert cli.main(["train", start, "--dry_run"]) == 2
    assert "its first member, from which a run goes on, div" in capsys.readouterr().err


def test_a_saved_file_scores_what_was_said_when_it_was_made(copy):
    choice = Choice(bits=(2,), method="nearest", scheme=quant.Scheme(leaves=("*",)))
    row = quantize_run(copy, choice, people=6, save=True)["rows"][1]
    before = result_of(copy)
    again = score_run(copy, people=6, weights=copy / "quantized_nearest_2.npz")
    own = score_run(copy, people=6)
    assert again["bits"] == row["bits"] != own["bits"]  # to the last digit
    assert (again["weights"], again["weight_bits"]) == (row["file"], 2)
    for name in ("accuracy", "stored_bits", "bits_per_stored_bit"):
        assert again[name] == row[name]
    assert "stored_bits" not in own
    assert result_of(copy) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_weights_of_another_model_or_run_are_refused(dry_run, finished, tmp_path):
    task, params = open_run(finished)
    other = dataclasses.replace(task.config.model, head_size=8)
    for name, tree, about in (
        ("other", jax.eval_shape(lambda: models.init(other, jax.random.key(0))), {}),
        ("his", params, {"fingerprint": "0123456789ab"}),
    ):
        tree = jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape), tree)
        rounded = quant.quantize(tree, quant.Scheme(bits=8))
        quant.save_quantized(tmp_path / f"{name}.npz", rounded, about=about)
    with pytest.raises(ValueError, match="are of another model than the run's; give a"):
        score_run(finished, weights=tmp_path / "other.npz", dry_run=dry_run)
    own = result_of(finished)["fingerprint"]
    message = f"of the run or member 0123456789ab, not of {own}, which is to be scored"
    with pytest.raises(ValueError, match=message):
        score_run(finished, weights=tmp_path / "his.npz", dry_run=dry_run)
