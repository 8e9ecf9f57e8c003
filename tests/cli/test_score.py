"""Scoring a finished run again: the whole world, a sample, and what is written."""

import dataclasses
import json
import shutil

import jax
import pytest

from kscale import cli, models, quant, scores
from kscale.cli import score
from kscale.runs import folder
from kscale.runs.quantize import Choice, quantize_run
from kscale.runs.score import score_run


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def test_it_says_what_the_run_said(finished, capsys):
    assert cli.main(["score", f"--workdir={finished}", "--json"]) == 0
    again, before = json.loads(capsys.readouterr().out), result_of(finished)
    assert again["bits"] == pytest.approx(before["bits"], rel=1e-5)
    assert again["accuracy"] == before["accuracy"]
    assert again["fingerprint"] == before["fingerprint"]
    assert again["sampling_error"]["total"] == 0


def test_the_answer_is_the_last_line(finished, capsys):
    assert cli.main(["score", f"--workdir={finished}"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert "bits per parameter (at most" in last
    assert [line.split()[0] for line in table[1:4]] == ["name", "value", "total"]
    assert any(line.startswith("employer_city") for line in table)


def test_a_sample_has_standard_errors_and_says_so(finished):
    whole, sample = score_run(finished), score_run(finished, people=6)
    assert (sample["people"], sample["population"]) == (6, 12)
    error = sample["sampling_error"]["total"]
    assert error > 0
    assert abs(sample["bits"]["total"] - whole["bits"]["total"]) < 5 * error


def test_a_dry_run_scores_nothing(finished, capsys, monkeypatch):
    monkeypatch.setattr(scores, "score_corpus", None)
    words = ["score", f"--workdir={finished}", "--dry_run"]
    assert cli.main([*words, "--people=5"]) == 0
    out = capsys.readouterr().out
    assert "would be scored on 5 of 12 people" in out
    assert out.count("\n") == 1
    assert cli.main([*words, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["people"] == plan["population"] == 12
    assert plan["fingerprint"] == result_of(finished)["fingerprint"]


def test_it_writes_only_when_told_to(finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "run")
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


def test_a_member_of_a_population(tiny, tmp_path):
    run = tmp_path / "run"
    words = ["train", *tiny, "--config.members.seeds=0,1", f"--workdir={run}"]
    assert cli.main(words) == 0
    before = result_of(run)
    shutil.copy(run / "params_0.npz", run / "params_1.npz")
    row = score_run(run, member=1, write=True)
    after = result_of(run)
    assert row["seed"] == 1
    assert after["members"][0] == before["members"][0]
    assert after["members"][1]["bits"] == pytest.approx(
        before["members"][0]["bits"], rel=1e-5
    )
    assert after["members"][1]["seconds"] == before["members"][1]["seconds"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--workdir is needed"),
        (["--workdir={run}", "--weights="], "--weights= names no file: give one of"),
        (["--workdir=nowhere"], "nowhere/config.json is no readable config"),
        (["--workdir={run}", "--people=13"], "people=13 must be 1 to 12, the people"),
        (["--workdir={run}", "--people=-1"], "people=-1 must be 1 to 12, the people"),
        (["--workdir={run}", "--people=4", "--write"], "people=4 is a sample: it is"),
        (["--workdir={run}", "--member=1"], "member=1: the run in"),
        (["--workdir={run}", "--member=-1"], "member=-1: the run in"),
    ],
)
def test_what_cannot_be_scored(words, message, finished, capsys):
    before = (finished / "result.json").read_bytes()
    words = [word.format(run=finished) for word in words]
    assert cli.main(["score", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert (finished / "result.json").read_bytes() == before


def test_a_run_that_is_not_finished_or_spoilt(finished, tmp_path, capsys):
    copy = shutil.copytree(finished, tmp_path / "run")
    data = (copy / "params.npz").read_bytes()
    for spoilt in (data[: len(data) // 2], b""):
        (copy / "params.npz").write_bytes(spoilt)
        assert cli.main(["score", f"--workdir={copy}"]) == 2
        err = capsys.readouterr().err
        assert "params.npz cannot be read" in err
        assert err.count("\n") == 1
    (copy / "params.npz").unlink()
    for verb in ("score", "ablate", "quantize"):
        assert cli.main([verb, f"--workdir={copy}", "--dry_run"]) == 2
        assert capsys.readouterr().err == (
            f"kscale {verb}: {copy} holds no finished run: finish it with --resume\n"
        )


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize("people", [13, -1])
def test_more_people_than_there_are_is_refused_dry_or_not(
    finished, capsys, dry, people
):
    words = ["score", f"--workdir={finished}", f"--people={people}", *dry]
    assert cli.main(words) == 2
    message = f"people={people} must be 1 to 12, the people whom the run's corpus"
    assert message in capsys.readouterr().err


def test_a_saved_file_scores_what_was_said_when_it_was_made(finished, tmp_path, capsys):
    copy = shutil.copytree(finished, tmp_path / "run")
    scheme = quant.Scheme(leaves=("*",))
    choice = Choice(bits=(2,), method="nearest", scheme=scheme)
    row = quantize_run(copy, choice, people=6, save=True)["rows"][1]
    before = result_of(copy)
    words = [f"--workdir={copy}", f"--weights={row['file']}", "--people=6"]
    assert cli.main(["score", *words, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    own = score_run(copy, people=6)
    assert again["bits"] == row["bits"] != own["bits"]  # to the last digit
    assert (again["weights"], again["weight_bits"]) == (row["file"], 2)
    last = score.text(again).splitlines()[-2]
    assert last == (
        f"Scored is {row['file']}: 2 bits a weight, {row['stored_bits']:,} stored bits,"
        f" {row['bits_per_stored_bit']:.4f} bits of knowledge in each."
    )
    for name in ("accuracy", "stored_bits", "bits_per_stored_bit"):
        assert again[name] == row[name]
    assert "stored_bits" not in own
    assert result_of(copy) == before


@pytest.mark.parametrize("dry", [(), ("--dry_run",)])
@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        (
            "other.npz",
            (),
            "are of another model than the run's; give a file that kscale",
        ),
        ("nowhere.npz", (), "nowhere.npz cannot be read"),
        ("params.npz", (), "params.npz is no file of kscale quantize --save, or is"),
        ("his.npz", (), "of the run or member 0123456789ab, not of {own}, which is"),
        ("right.npz", ("--write",), "their scores are not written over the run's own"),
    ],
)
def test_weights_that_cannot_be_scored(
    name, flags, message, dry, finished, tmp_path, capsys
):
    task, params = folder.load(finished)
    shutil.copy(finished / "params.npz", tmp_path / "params.npz")
    other = dataclasses.replace(task.config.model, head_size=8)
    for file, tree in {
        "right.npz": params,
        "other.npz": models.init(other, jax.random.key(0)),
    }.items():
        quant.save(tmp_path / file, quant.quantize(tree, quant.Scheme(bits=8)))
    his = quant.load(tmp_path / "right.npz")
    quant.save(tmp_path / "his.npz", his, about={"fingerprint": "0123456789ab"})
    before = (finished / "result.json").read_bytes()
    words = [f"--workdir={finished}", f"--weights={tmp_path / name}", *flags, *dry]
    assert cli.main(["score", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message.format(own=result_of(finished)["fingerprint"]) in err
    assert (finished / "result.json").read_bytes() == before
