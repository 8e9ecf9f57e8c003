"""`kscale train`: its plan, its answer, and what costs no run."""

import json
import re
import resource
import shutil

import pytest
from support.run_folders import read_files

from kscale import cli
from kscale.configs import base, fields


def damage(folder, how):
    """Spoils the largest file of the checkpoints."""
    files = [p for p in (folder / "checkpoints").rglob("*") if p.is_file()]
    path = max(files, key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    if how == "flipped":
        data[middle : middle + 64] = bytes(x ^ 0xFF for x in data[middle : middle + 64])
    path.write_bytes(data if how == "flipped" else data[:middle])


def test_a_dry_run_prints_sizes_and_writes_nothing(ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = ask("train", "--config=demo_d48", "--dry_run")
    for text in ("62,928", "2.247", "1000 exposures", "data.batch = 3", "bits"):
        assert text in out
    plan = ask("train", "--config=demo_d48", "--dry_run", "--json", "--workdir=there")
    assert plan["parameters"]["total"] == 62_928
    assert plan["hours"] == pytest.approx(plan["flops"] / 125e12 / 3600)
    assert "FLOPs" in out
    assert "h at 125 TFLOP/s" in out
    assert plan["steps"] == -(-(plan["tokens"] - 1) // (3 * 64))
    assert plan["max_bits_per_param"] == pytest.approx(2.2466, abs=1e-4)
    assert plan["bits"]["total"] == pytest.approx(2.2466 * 62_928, rel=1e-4)
    assert list(tmp_path.iterdir()) == []


def test_a_model_larger_than_this_machine_is_planned_and_not_trained(
    tiny, ask, refuse, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kscale.runs.memory.device_memory", lambda: 10**6)
    out = ask("train", *tiny, "--dry_run")
    cost, memory = out.splitlines()[-2:]
    assert cost.startswith("cost  ")
    assert re.fullmatch(
        r"memory       \S+ GB or more of a device, which has 0.001 GB here", memory
    )
    plan = ask("train", *tiny, "--dry_run", "--json")
    assert plan["memory"]["state"] == 16 * plan["parameters"]["total"]
    refuse(["train", *tiny], "out of memory: ")
    assert list(tmp_path.iterdir()) == []


def test_the_answer_is_the_last_line_and_json_is_one_object(
    tiny, ask, capsys, tmp_path, monkeypatch, refuse
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *tiny]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(
        r"smoke \(1-1x16, [\d,]+ parameters\) holds -?[\d,]+ of [\d,]+ bits after"
        r" 4 exposures: -?[\d.]+ bits per parameter \(at most [\d.]+\)"
        r"(; below 0, .*)?\.\n",
        out,
    )
    (folder,) = (tmp_path / "runs").iterdir()
    made = base.load_config(folder / "config.json")
    assert folder.name == f"smoke-{base.fingerprint(made)}"
    assert f"written to runs/{folder.name}" in err
    row = ask("train", *tiny, "--resume", "--json")
    assert row == json.loads((folder / "result.json").read_text())
    refuse(["train", *tiny], "pass --resume to go on, --overwrite to throw")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config.model.layres=3"], "config.model.layres: did you mean 'layers'?"),
        (["--config.data.batch=0"], "data.batch=0 must be at least 1"),
        (["--config.mesh.data=3"], "data=3, expert=1, model=1 must be 1, the devices"),
        (["--config.members.seeds=1,1"], "members.seeds=(1, 1) lists a value twice"),
        (["--config=biod:people=9,diversity=30"], "diversity=30"),
        (["--config=demo", "--config.data.context=42"], "take 43 or another context"),
    ],
)
def test_bad_input_is_one_line_and_touches_nothing(
    tiny, flags, message, refuse, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    refuse(["train", *tiny, "--workdir=run", *flags], message)
    refuse(["train"], "--config is needed; kscale train --help lists them")
    assert list(tmp_path.iterdir()) == []


def test_a_world_folder_with_an_empty_list(tiny, refuse, tmp_path):
    lists = tmp_path / "lists"
    source = base.WorldConfig(lists="mini").build().folder
    assert source is not None
    shutil.copytree(source, lists)
    (lists / "values" / "major.txt").write_text("")
    words = ["train", *tiny, f"--config.world.lists={lists}"]
    message = "major.txt is empty: write at least"
    refuse([*words, f"--workdir={tmp_path / 'run'}"], message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("how", ["flipped", "truncated"])
def test_a_checkpoint_that_was_altered(finished, tiny, how, refuse, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    damage(run, how)
    before = read_files(run)
    refuse(["train", *tiny, f"--workdir={run}", "--resume"], f"{run}/checkpoints/")
    assert read_files(run) == before


@pytest.mark.parametrize(
    ("field", "was"),
    [("train.seed", 0), ("world.seed", "unset")],
)
def test_a_checkpoint_of_another_run(finished, tiny, field, was, refuse, tmp_path):
    """The folder says that it is the other's: config.json alone was changed."""
    run = shutil.copytree(finished, tmp_path / "run")
    other = fields.override(base.load_config(run / "config.json"), field, 5)
    base.save_config(other, run / "config.json")
    before = read_files(run)
    words = ["train", *tiny, f"--config.{field}=5", f"--workdir={run}", "--resume"]
    assert "belongs to another run" in refuse(words, f"{field} was {was}, is 5")
    assert read_files(run) == before


def test_a_loss_that_is_not_finite_names_the_step(tiny, refuse, tmp_path):
    words = ["train", *tiny, "--config.train.learning_rate=1e30"]
    refuse([*words, f"--workdir={tmp_path / 'run'}"], ") of step ")
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_batch_that_three_devices_cannot_share(tiny, monkeypatch, refuse):
    monkeypatch.setattr("jax.device_count", lambda: 3)
    message = "data.batch=4 must be divisible by 3, the 3 devices of mesh.data"
    assert "take 6" in refuse(["train", *tiny, "--dry_run"], message)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no such limit")
def test_a_full_disk_is_one_line_and_the_run_can_go_on(
    finished, tiny, ask, capsys, tmp_path
):
    words = ["train", *tiny, f"--workdir={tmp_path / 'run'}"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        code = cli.main(words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    out, err = capsys.readouterr()
    *progress, last = err.splitlines()
    assert (code, out) == (2, "")
    assert last.startswith("kscale train: ")
    assert "the disk is full" in last
    assert all(line.startswith("step ") for line in progress)
    theirs = json.loads((finished / "result.json").read_text())
    assert ask(*words, "--resume", "--json")["bits"] == theirs["bits"]
