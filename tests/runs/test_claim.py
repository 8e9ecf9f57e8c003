"""A run takes its folder: known by its config, refused, replaced whole or not."""

import pathlib
import shutil

import pytest
from support.run_folders import read_files

from kscale.configs import fields
from kscale.runs import claim as module
from kscale.runs.claim import claim
from kscale.runs.folder import RunFolder
from kscale.runs.lock import LOCK, hold

EVERY = ({}, {"resume": True}, {"overwrite": True})


def claimed(folder, config, **flags):
    """Claims a folder, and lets it go."""
    with claim(RunFolder(folder), config, **flags):
        pass


def write(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def other(little):
    return fields.override(little(), "train.seed", 7)


@pytest.fixture
def run(little, tmp_path):
    """A folder with every kind of file of a run, and some that are somebody's own."""
    folder = tmp_path / "run"
    claimed(folder, little())
    theirs = ("notes.txt", "checkpoints/mine.pt", "tensorboard/mine")
    ours = ("params.npz", "checkpoints/9/state", "tensorboard/events.out.tfevents.1")
    return write(folder, dict.fromkeys((*theirs, *ours, "result.json"), "x"))


@pytest.mark.parametrize("text", ['{"architectures": ["Llama"]}', "", '{"model": {}}'])
def test_the_folder_of_another_program_is_left_as_it_is(little, tmp_path, text):
    write(tmp_path, {"config.json": text, "checkpoints/step_90000/model.pt": "x"})
    before = read_files(tmp_path)
    for flags in EVERY:
        with pytest.raises(ValueError, match=r"holds a config\.json that is none"):
            claimed(tmp_path, little(), **flags)
    assert read_files(tmp_path) == before


@pytest.mark.parametrize("flags", EVERY)
def test_a_folder_of_logs_hidden_files_and_leftovers_can_be_used(
    little, tmp_path, flags
):
    own = dict.fromkeys((".DS_Store", "slurm-1.out", "log.txt", "a.log"), "mine")
    killed = ("config.json.7.partial", "params_1.npz.7.partial", LOCK)
    write(tmp_path, own | dict.fromkeys(killed, "{"))
    claimed(tmp_path, little(), **flags)
    assert read_files(tmp_path).keys() == {*own, "config.json"}


def test_leftovers_of_a_kill_are_cleared_by_the_next_run(run, little):
    before = read_files(run)
    write(run, dict.fromkeys(("scores.npz.7.partial", "result.json.7.partial"), "x"))
    claimed(run, little(), resume=True)
    assert read_files(run) == before


def test_a_folder_that_is_held_is_refused_whatever_is_asked(run, little):
    with pytest.MonkeyPatch.context() as patched, hold(run, "swept"):
        patched.setattr("threading.get_ident", lambda: -1)
        for flags in EVERY:
            with pytest.raises(ValueError, match="is being swept by process"):
                claimed(run, little(), **flags)


def test_a_run_is_replaced_once_the_new_one_is_under_way(run, other):
    with claim(RunFolder(run), other, overwrite=True) as settle:
        assert not (run / "params.npz").exists()
        settle({})
        assert (run / ".replaced" / "params.npz").exists()
        write(run, {"checkpoints/1/state": "new"})
        settle({})
        assert not (run / ".replaced").exists()
    names = {"notes.txt", "checkpoints/mine.pt", "tensorboard/mine"}
    assert read_files(run).keys() == names | {"config.json", "checkpoints/1/state"}


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyboardInterrupt])
def test_an_overwriting_run_that_fails_leaves_the_one_before(run, other, error):
    before = read_files(run)

    def train():
        with claim(RunFolder(run), other, overwrite=True):
            write(run, {"metrics.jsonl": "new"})
            if error is not KeyboardInterrupt:  # asked to stop, a run keeps what it has
                write(run, {"checkpoints/1/state": "new"})
            raise error

    with pytest.raises(error):
        train()
    assert read_files(run) == before


def test_a_kill_at_any_time_of_an_overwriting_loses_neither_run(
    run, other, little, tmp_path, monkeypatch
):
    before, kills = read_files(run), 0
    calls = [(pathlib.Path, "replace"), (pathlib.Path, "rename"), (shutil, "rmtree")]
    for at in range(100):
        left = [at]
        with monkeypatch.context() as patched:
            for owner, name in calls:
                real = getattr(owner, name)

                def killed(*words, real=real, left=left, **options):
                    left[0] -= 1
                    if left[0] < 0:
                        raise SystemExit
                    return real(*words, **options)

                patched.setattr(owner, name, killed)
            try:
                claimed(run, other, overwrite=True)  # and ends before a checkpoint
                break
            except SystemExit:
                kills += 1
        claimed(run, little(), resume=True)
        assert read_files(run) == before
    assert kills > 10
    assert module._REPLACED not in {x.name for x in run.iterdir()}
