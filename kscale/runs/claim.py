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
from kscale.files import PARTIAL
from kscale.runs.folder import FILES, RunFolder
from kscale.runs.lock import hold
from kscale.train.checkpoint import CHECKPOINTS, DROPPED
from kscale.train.logs import TENSORBOARD

_REPLACED = ".replaced"  # the run that was there, until the new one has started
_DROPPED = ".replaced.dropped"  # no longer needed
_LEFTOVER = rf"({CONFIG}|{FILES.pattern})\.\d+{re.escape(PARTIAL)}"
# With these alone a folder can be used; all but leftovers are somebody's own, and stay.
_HARMLESS = re.compile(rf"\..*|.*\.(log|out|err)|(log|out|err)\.txt|{_LEFTOVER}")


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
      progress: where it is said that the old run is back.

    Yields:
      What throws the old run away if it is time to, and takes what is about to be
      written out of the seal: to be called with each logged row and after training.

    Raises:
      ValueError: the folder holds a run and it was not said what to do with it; it
        holds another run; it holds something that is no run; it is a file.
      HeldError: another process trains there, or writes.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: give one")
    if not (folder.path / _REPLACED).is_dir():
        _holds_run(folder)  # what is no run folder is not even locked
    with hold(folder.path, "trained"):
        _settle(folder)
        for path in folder.path.iterdir():
            if re.fullmatch(_LEFTOVER, path.name):
                path.unlink()
        there = _holds_run(folder)
        if there and resume:
            require_same(
                folder.read_config(),
                config,
                f"{folder.path} holds a run of another config",
                "resume with the old values or choose another folder",
            )
        elif there and not overwrite:
            raise ValueError(
                f"{folder.path} holds a run: pass --resume to go on, --overwrite to"
                f" throw it away, or choose another --workdir"
            )
        failed = False
        try:
            with stopping.defer():
                if there and overwrite:
                    _set_aside(folder)
                if not (there and resume):
                    save_config(config, folder.config)
            stopping.check()
            yield lambda _: _go_on(folder)
        except (ValueError, OSError, RuntimeError, MemoryError):
            failed = True  # and was not asked to stop
            raise
        finally:
            with stopping.defer():
                back = _settle(folder, failed)
            if back and progress is not None:
                progress.write(f"the run that was in {folder.path} is back\n")


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
    if CONFIG not in there:
        held = f"{', '.join(there[:3])} and no {CONFIG}"
        raise ValueError(f"{path} holds {held}: {left}")
    if not is_config(folder.config):
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


def _move(names: list[pathlib.Path], path: pathlib.Path, to: pathlib.Path) -> None:
    """Moves what a run has written from one folder to another, folders left empty."""
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).replace(to / name)
    for folder in sorted({path / name.parent for name in names}, reverse=True):
        while folder != path and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _set_aside(folder: RunFolder) -> None:
    aside = folder.path / _REPLACED
    aside.mkdir()
    _move(_list_own(folder.path), folder.path, aside)
    folder.config.replace(aside / CONFIG)


def _go_on(folder: RunFolder) -> None:
    """Leaves what was there behind: a run is under way that writes."""
    folder.unseal()
    _drop_replaced(folder)


def _drop_replaced(folder: RunFolder) -> bool:
    """Throws the replaced run away if the new one is under way; returns whether."""
    aside, dropped = folder.path / _REPLACED, folder.path / _DROPPED
    if not (aside / CONFIG).exists():
        return False
    if not folder.latest_step() and not list(folder.path.glob("params*.npz")):
        return False
    aside.rename(dropped)  # at once, so that no half of it can come back
    shutil.rmtree(dropped)
    return True


def _settle(folder: RunFolder, failed: bool = False) -> bool:
    """Throws away the run that was replaced, or brings it back and returns True."""
    path, aside = folder.path, folder.path / _REPLACED
    shutil.rmtree(path / _DROPPED, ignore_errors=True)
    if not aside.is_dir() or (not failed and _drop_replaced(folder)):
        return False
    if (aside / CONFIG).exists():
        _move(_list_own(path), path, path / _DROPPED)
        (aside / CONFIG).replace(folder.config)
        shutil.rmtree(path / _DROPPED, ignore_errors=True)
    _move(_list_own(aside), aside, path)
    shutil.rmtree(aside)
    return True
