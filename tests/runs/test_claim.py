"""A run takes its folder: known by its config, refused, replaced whole or not."""

import contextlib
import functools
import io
import os
import pathlib
import shutil
import warnings

import pytest
from support.run_folders import read_files

from kscale.configs import fields
from kscale.locks import LOCK, hold
from kscale.runs.claim import claim, reopen
from kscale.runs.folder import RunFolder

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
    theirs = ("notes.txt", "params_x.npz", "checkpoints/mine.pt", "tensorboard/mine")
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


def test_leftovers_of_a_kill_are_cleared_by_the_next_writer(run, little):
    before = read_files(run)
    left = ("scores.npz.7.partial", "checksums.json.7.partial", ".params.npz.7.tmp")
    for writer in (claim(RunFolder(run), little(), resume=True), reopen(run, "scored")):
        write(run, dict.fromkeys(left, "x"))
        with writer:
            assert read_files(run).keys() - {LOCK} == before.keys()
    assert read_files(run) == before
    with (
        pytest.raises(ValueError, match="no readable config"),
        reopen(run / "x", "scored"),
    ):
        pass
    assert not (run / "x").exists()


def test_a_folder_that_is_held_is_refused_whatever_is_asked(run, little):
    with pytest.MonkeyPatch.context() as patched, hold(run, "swept"):
        patched.setattr("threading.get_ident", lambda: -1)
        for flags in EVERY:
            with pytest.raises(ValueError, match="is being swept by process"):
                claimed(run, little(), **flags)


def test_a_run_is_replaced_once_the_new_one_is_under_way(run, other):
    with claim(RunFolder(run), other, overwrite=True) as on_row:
        assert not (run / "params.npz").exists()
        on_row({})
        assert (run / ".kscale.replaced" / "params.npz").exists()
        write(run, {"checkpoints/1/state": "new"})
        on_row({})
        assert not (run / ".kscale.replaced").exists()
    names = {"notes.txt", "params_x.npz", "checkpoints/mine.pt", "tensorboard/mine"}
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


@pytest.mark.parametrize("started", [False, True])
def test_a_kill_at_any_time_of_an_overwriting_loses_neither_run(
    run, other, little, tmp_path, monkeypatch, started
):
    """The process ends before its n-th change of a name, and nothing more runs."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the power stays on

    def overwrite(folder):
        with claim(RunFolder(folder), other, overwrite=True) as on_row:
            if started:
                write(folder, {"checkpoints/1/state": "new"})
                on_row({})

    old, at, code = read_files(run), 0, 1
    overwrite(shutil.copytree(run, tmp_path / "new"))
    ends = [old, read_files(tmp_path / "new")] if started else [old]
    while code:
        folder = shutil.copytree(run, tmp_path / str(at))
        code = end_at_call(at, lambda folder=folder: overwrite(folder))
        assert code in (0, 1)
        for config in (little(), other):  # whose run it is now is for the folder to say
            with contextlib.suppress(ValueError):
                claimed(folder, config, resume=True)
        assert read_files(folder) in ends
        assert not list(folder.glob(".kscale.replaced*"))
        at += 1
    assert at > 20


def end_at_call(at, do):
    """Forks a process that ends before its call of that number; returns its code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of JAX, whose threads the child does not need
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [at]

    def call(real, *words, **options):
        left[0] -= 1
        return os._exit(1) if left[0] < 0 else real(*words, **options)

    try:
        for name in ("mkdir", "rename", "replace", "rmdir", "unlink"):
            setattr(os, name, functools.partial(call, getattr(os, name)))
        do()
        os._exit(0)
    finally:
        os._exit(2)


def test_what_is_no_runs_file_is_never_thrown_away_with_one(run, other, little):
    names = (".replaced/a.txt", ".replaced.dropped/b.txt")  # of whoever made them
    before = read_files(write(run, dict.fromkeys(names, "mine")))
    claimed(run, other, overwrite=True)
    assert read_files(run) == before
    for name in (".kscale.replaced/c.txt", ".kscale.replaced.dropped/c.txt"):
        before = read_files(write(run, {name: "mine"}))
        with pytest.raises(ValueError, match=r"c\.txt is in the way: it is"):
            claimed(run, little(), resume=True)
        assert read_files(run) == before
        (run / name).unlink()


@pytest.mark.parametrize("name", ["notes.txt", ".nfs0001", "tensorboard/.DS_Store"])
def test_what_is_in_the_way_of_clearing_ends_no_training(run, other, name):
    said = io.StringIO()
    with claim(RunFolder(run), other, overwrite=True, progress=said) as on_row:
        write(run / ".kscale.replaced", {name: "x"})
        write(run, {"checkpoints/1/state": "new"})
        on_row({})
        on_row({})
    if name == "notes.txt":
        assert (
            said.getvalue().count("\n") == said.getvalue().count("is in the way") == 1
        )
        with pytest.raises(ValueError, match=r"notes\.txt is in the way"):
            claimed(run, other, resume=True)
    else:
        assert not said.getvalue()
        assert not list(run.glob(".kscale*"))


def test_what_a_system_holds_on_to_hinders_no_run(run, other, little, monkeypatch):
    keep = pathlib.Path.unlink

    def unlink(path, **options):
        if path.name.startswith(".nfs"):
            raise OSError("busy")
        keep(path, **options)

    monkeypatch.setattr(pathlib.Path, "unlink", unlink)
    for config in (other, little(), other):
        with claim(RunFolder(run), config, overwrite=True) as on_row:
            write(run / ".kscale.replaced", {".nfs1": "x"})
            write(run, {"checkpoints/1/state": "new"})
            on_row({})
        claimed(run, config, resume=True)
    assert (run / "checkpoints/1/state").exists()
