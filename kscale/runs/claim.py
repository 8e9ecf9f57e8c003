"""A run takes its folder: looked at, locked, refused, or the run in it replaced.

    with claim(folder, config, resume=False, overwrite=True) as settle:
        train(on_row=settle)

The run that is replaced waits in a hidden folder until the new one has a checkpoint and
logs a row, or ends well; else it comes back. It is moved in an order that lets the next
run see, after a kill at any time, whose files it finds: the config goes last and comes
back first.
"""

import contextlib
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from kscale import stopping
from kscale.configs.base import CONFIG, Config, is_config, require_same, save_config
from kscale.files import PARTIAL, sync_folder
from kscale.locks import hold
from kscale.runs.folder import FILES, RunFolder
from kscale.train.checkpoint import CHECKPOINTS, DROPPED
from kscale.train.logs import TENSORBOARD

_REPLACED = ".kscale.replaced"  # the run that was there, until the new one has started
_DROPPED = ".kscale.replaced.dropped"  # no longer needed; .1, .2 if one is left
# What systems put into folders themselves, and may hold on to: NFS, FUSE, macOS.
_OF_SYSTEMS = re.compile(r"\.nfs[0-9a-f]+|\.fuse_hidden\w+|\.DS_Store|\._.*")
_LEFTOVER = (
    rf"({CONFIG}|{FILES.pattern})\.\d+{re.escape(PARTIAL)}"
    r"|\.(params|scores|adapters|quantised_[a-z]+_\d)(_\d+)?\.npz\.\d+\.tmp"
)
# With these alone a folder can be used; all but leftovers are somebody's own, and stay.
_HARMLESS = re.compile(rf"\..*|.*\.(log|out|err)|(log|out|err)\.txt|{_LEFTOVER}")


@contextlib.contextmanager
def reopen(workdir: pathlib.Path, doing: str) -> Iterator[None]:
    """Holds the folder of a run, to add files to it; clears what kills have left.

    Args:
      workdir: what is no run folder is refused, and not even locked.
      doing: what happens to it, for the message of the others: "scored".
    """
    RunFolder.find(workdir)
    with hold(workdir, doing):
        _clear_leftovers(workdir)
        yield


@contextlib.contextmanager
def claim(
    folder: RunFolder,
    config: Config,
    resume: bool = False,
    overwrite: bool = False,
    progress: TextIO | None = None,
) -> Iterator[Callable[[Any], object]]:
    """Makes and holds a run's folder, writes the config or finds the run to go on with.

    Args:
      folder: of the run.
      config: of the run that is about to start.
      resume: go on with the run that is there, if one is.
      overwrite: throw away the run that is there, once the new one is under way;
        other files stay.
      progress: where it is said that the old run is back, or could not be removed:
        that ends no training, and is an error of the next claim.

    Yields:
      Call with each logged row, and after training: deletes the replaced run once the
      new one has a checkpoint.

    Raises:
      ValueError: the folder holds a run and it was not said what to do with it; it
        holds another run; it holds something that is no run; it is a file.
      HeldError: another process trains there, or writes.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: give one")
    warned = False

    def restore(failed: bool = False) -> None:
        with stopping.defer():
            back = _finish_replacing(folder, failed)
        if back and progress is not None:
            progress.write(f"the run that was in {folder.path} is back\n")

    def attempt(clear: Callable[[], object]) -> None:
        nonlocal warned
        try:
            clear()
        except (ValueError, OSError) as error:
            if progress is not None and not warned:
                progress.write(f"the run that is replaced stays for now: {error}\n")
            warned = True

    _holds_run(folder)  # what is no run folder is not even locked
    with hold(folder.path, "trained", make=True):
        restore()
        _clear_leftovers(folder.path)
        there = _holds_run(folder)
        if there and not overwrite:
            _require_resumable(folder, config, resume)
        failed = False
        try:
            with stopping.defer():
                if there and overwrite:
                    _set_aside(folder)
                if not (there and resume):
                    save_config(config, folder.config)
            stopping.check()
            yield lambda _: attempt(lambda: _drop_replaced(folder))
        except (ValueError, OSError, RuntimeError, MemoryError):
            failed = True  # and was not asked to stop
            raise
        finally:
            attempt(lambda: restore(failed))


def _require_resumable(folder: RunFolder, config: Config, resume: bool) -> None:
    """Checks that a run that is there is to be gone on with, and is the same."""
    if not resume:
        raise ValueError(
            f"{folder.path} holds a run: pass --resume to go on, --overwrite to"
            f" throw it away, or choose another --workdir"
        )
    require_same(
        folder.read_config(),
        config,
        f"{folder.path} holds a run of another config",
        "resume with the old values or choose another folder",
    )


def _clear_leftovers(path: pathlib.Path) -> None:
    """Removes the halves of files that kills have left."""
    for left in path.iterdir():
        if re.fullmatch(_LEFTOVER, left.name) and left.is_file():
            left.unlink()


def _holds_run(folder: RunFolder) -> bool:
    """Returns whether a run is in a folder; raises if anything else is."""
    path = folder.path
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: choose another --workdir")
    names = sorted(x.name for x in path.iterdir()) if path.is_dir() else []
    there = [name for name in names if not _HARMLESS.fullmatch(name)]
    if not there:
        return False
    left = "it is no run folder and is left as it is; choose another --workdir"
    # A kill may have come when the config of the replaced run was aside.
    aside = path / _REPLACED / CONFIG
    if CONFIG not in there and not aside.exists():
        held = f"{', '.join(there[:3])} and no {CONFIG}"
        raise ValueError(f"{path} holds {held}: {left}")
    if not is_config(folder.config if CONFIG in there else aside):
        raise ValueError(f"{path} holds a {CONFIG} that is none of kscale: {left}")
    return True


def _list_own(path: pathlib.Path) -> list[pathlib.Path]:
    """Lists what a run has written below its folder, but for its config."""
    found = [x for x in path.iterdir() if FILES.fullmatch(x.name)]
    found += [x for x in (path / CHECKPOINTS).glob("*") if x.name.isdecimal()]
    found += (path / CHECKPOINTS).glob("*.orbax-checkpoint-tmp*")
    found += (path / CHECKPOINTS).glob(DROPPED)
    found += (path / TENSORBOARD).rglob("events.out.tfevents.*")
    return [x.relative_to(path) for x in found]


def _require_own(folder: pathlib.Path) -> None:
    """Checks that nothing but a run is in a folder that is about to go."""
    own = {folder / CONFIG, *(folder / name for name in _list_own(folder))}
    for path in folder.rglob("*"):
        if path.is_dir() or _OF_SYSTEMS.fullmatch(path.name):
            continue
        if own.isdisjoint((path, *path.parents)):
            raise ValueError(
                f"{path} is in the way: it is none of a run's files, and {folder.name}"
                f" is about to be removed; move it elsewhere"
            )


def _move(names: list[pathlib.Path], path: pathlib.Path, to: pathlib.Path) -> None:
    """Moves what a run has written from one folder to another, folders left empty."""
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).replace(to / name)
    for folder in sorted({path / name.parent for name in names}, reverse=True):
        sync_folder(to / folder.relative_to(path))
        while folder != path and folder.is_dir() and not any(folder.iterdir()):
            if folder.is_symlink():
                break
            folder.rmdir()
            folder = folder.parent
    sync_folder(path)


def _move_config(path: pathlib.Path, to: pathlib.Path) -> None:
    (path / CONFIG).replace(to / CONFIG)
    sync_folder(to)
    sync_folder(path)


def _remove(folder: pathlib.Path) -> None:
    """Removes a folder with the run in it; one that is not there is none.

    What a system holds on to stays, and its folders.
    """
    if not folder.is_dir():
        return
    _require_own(folder)
    for name in (CONFIG, *_list_own(folder)):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for path in (*sorted(folder.rglob("*"), reverse=True), folder):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            if not (path.is_dir() or _OF_SYSTEMS.fullmatch(path.name)):
                raise


def _set_aside(folder: RunFolder) -> None:
    aside = folder.path / _REPLACED
    aside.mkdir(exist_ok=True)  # one that a system keeps
    _move(_list_own(folder.path), folder.path, aside)
    _move_config(folder.path, aside)


def _drop_replaced(folder: RunFolder) -> bool:
    """Throws the replaced run away if the new one is under way; returns whether."""
    aside = folder.path / _REPLACED
    if not ((aside / CONFIG).exists() and folder.config.exists()):
        return False
    names = [path.name for path in folder.path.glob("params*")]
    if not folder.latest_step() and not any(map(FILES.fullmatch, names)):
        return False
    _require_own(aside)
    dropped = _name_dropped(folder.path)
    aside.rename(dropped)  # at once, so that no half of it can come back
    _remove(dropped)
    return True


def _name_dropped(path: pathlib.Path) -> pathlib.Path:
    names = (_DROPPED, *(f"{_DROPPED}.{number}" for number in range(1, 1000)))
    return next(x for x in map(path.joinpath, names) if not x.exists())


def _finish_replacing(folder: RunFolder, failed: bool = False) -> bool:
    """Throws away the run that was replaced, or brings it back and returns True."""
    path, aside = folder.path, folder.path / _REPLACED
    for left in path.glob(f"{_DROPPED}*"):
        _remove(left)
    if not aside.is_dir() or (not failed and _drop_replaced(folder)):
        return False
    _require_own(aside)
    back = _list_own(aside)
    if whole := (aside / CONFIG).exists():
        dropped = _name_dropped(path)
        dropped.mkdir()
        if folder.config.exists():  # first, so that the next run sees what was decided
            _move_config(path, dropped)
        _move(_list_own(path), path, dropped)
        _move_config(aside, path)
        _remove(dropped)
    _move(back, aside, path)
    _remove(aside)
    return whole or bool(back)
