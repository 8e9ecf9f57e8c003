"""A run that goes on: what was lost, damaged or removed in it is not made worse."""

import io
import shutil

import pytest
from support.run_folders import read_files

from kscale import configs
from kscale.configs import fields
from kscale.runs.folder import RunFolder
from kscale.runs.training import run


@pytest.mark.parametrize("lost", ["gone", "changed", "gone with the result"])
def test_what_training_told_is_not_lost_with_its_log(learned, little, tmp_path, lost):
    copy = shutil.copytree(learned[0], tmp_path / "run")
    log, said = copy / "metrics.jsonl", io.StringIO()
    if lost == "changed":
        log.write_text(log.read_text().replace('"tokens": ', '"tokens": 9', 1))
    else:
        log.unlink()
    if "result" in lost:
        (copy / "result.json").unlink()
    (row,) = run(little(), copy, resume=True, progress=said)
    told = [row["seconds"], row["tokens_per_second"]]
    if "result" in lost:
        assert told == [None, None]
        assert f"{log} has no row of step {row['steps']}: " in said.getvalue()
        assert f"{copy / 'result.json'} was changed or removed and" in said.getvalue()
    else:
        assert told == [learned[1]["seconds"], learned[1]["tokens_per_second"]]
        assert f"stay as in {copy / 'result.json'}" in said.getvalue()
    assert (copy / "metrics.jsonl.damaged.1").exists() == (lost == "changed")
    assert row["bits"] == learned[1]["bits"]


def test_resume_leads_out_of_damaged_checksums_and_lost_checkpoints(
    learned, little, tmp_path
):
    copy, said = shutil.copytree(learned[0], tmp_path / "run"), io.StringIO()
    (copy / "checksums.json").write_text("{")
    (copy / "metrics.jsonl").write_text("nothing\n")
    (copy / "result.json").write_text("{")
    shutil.rmtree(copy / "checkpoints")
    (row,) = run(little(), copy, resume=True, progress=said)
    assert row["bits"] == learned[1]["bits"]
    assert row["seconds"] > 0
    assert not RunFolder(copy).find_broken()
    assert (copy / "metrics.jsonl.damaged.1").read_text() == "nothing\n"
    assert (copy / "result.json.damaged.1").read_text() == "{"
    for line in (
        f"{copy / 'checksums.json'} cannot be read and is removed\n",
        f"{copy} has no checkpoint: trains from the start\n",
        "is not a row; remove the line (kept as metrics.jsonl.damaged.1): steps, sec",
    ):
        assert line in said.getvalue()


def test_a_finished_run_without_checkpoints_is_not_begun_anew(
    learned, little, tmp_path
):
    copy = shutil.copytree(learned[0], tmp_path / "run")
    shutil.rmtree(copy / "checkpoints")
    before = read_files(copy)
    message = r"finished at step \d+ and has no checkpoint: .*; --overwrite trains it"
    with pytest.raises(ValueError, match=message):
        run(little(), copy, resume=True)
    assert read_files(copy) == before


def test_a_run_with_a_field_that_nothing_reads_goes_on_and_none_begins(
    learned, little, tmp_path
):
    """Earlier versions let such fields pass."""
    copy = shutil.copytree(learned[0], tmp_path / "run")
    unread = fields.override(little(), "qat.leaves", ("*",))
    configs.base.save_config(unread, copy / "config.json")
    (row,) = run(unread, copy, resume=True)
    assert row["bits"] == learned[1]["bits"]
    for flags in ({}, {"overwrite": True}):
        with pytest.raises(ValueError, match=r"says nothing with qat\.bits=0"):
            run(unread, tmp_path / "new", **flags)
