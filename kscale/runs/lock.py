"""One writer a folder: a file in it is locked from the first look to the last write.

    with hold(pathlib.Path("runs/mine"), "trained"):
        ...

The lock ends with its process, however that dies, and network file systems pass it on
(`flock`). Where there are no such locks the file itself is the lock: one that a dead
process of this host has left makes way, one of another host is believed.
"""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator

from kscale import files
from kscale.files import Row

LOCK = ".kscale.lock"  # there as long as somebody writes
_READ_SECONDS = 0.5  # for the holder to write down who it is

_owners: dict[pathlib.Path, int] = {}  # what this process holds -> the thread
_changing = threading.Lock()


class HeldError(ValueError):
    """Somebody else writes into the folder; the message says who, and since when."""


@contextlib.contextmanager
def hold(folder: pathlib.Path, doing: str) -> Iterator[None]:
    """Keeps every other process and thread from writing into a folder.

    A thread that holds a folder may hold it again.

    Args:
      folder: made if it does not exist.
      doing: what happens to it, for the message of the others: "trained".

    Raises:
      HeldError: another process or thread holds it.
      OSError: the folder cannot be written.

    Example:
      >>> with hold(pathlib.Path("runs/mine"), "trained"):
      ...     run(config, "runs/mine")
    """
    path, me = folder.resolve() / LOCK, threading.get_ident()
    with _changing:
        owner = _owners.get(path)
        _owners.setdefault(path, me)
    if owner == me:
        yield
        return
    if owner is not None:
        raise HeldError(_say_who(folder))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        record = json.dumps(_describe_self(doing)).encode()
        lock = _lock if _has_flock(path.parent) else _put_in_place
        file = lock(folder, path, record)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is locked: it is still ours
            if file is not None:
                os.close(file)
    finally:
        del _owners[path]


def _lock(folder: pathlib.Path, path: pathlib.Path, record: bytes) -> int:
    """Returns the open file, locked, once the file of that name is the locked one."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(file), os.stat(path))
        except BlockingIOError:
            os.close(file)
            raise HeldError(_say_who(folder)) from None
        except FileNotFoundError:  # the holder before has just ended
            ours = False
        if ours:
            with contextlib.suppress(OSError):  # on a full disk nobody learns who
                os.ftruncate(file, 0)
                os.pwrite(file, record, 0)
            return file
        os.close(file)


def _put_in_place(folder: pathlib.Path, path: pathlib.Path, record: bytes) -> None:
    """Makes the file with its record in it, unless it is there and believed."""
    own = path.with_name(f"{path.name}.{os.getpid()}{files.PARTIAL}")
    aside = own.with_suffix(".stale")
    try:
        own.write_bytes(record)
        while True:
            try:
                return os.link(own, path)
            except FileExistsError:
                found = _read(path)
                if not _is_stale(found):
                    raise HeldError(
                        f"{_say_who(folder)}; if that has ended, remove {path}"
                    ) from None
                path.rename(aside)
                if _read(aside) != found:  # another was faster, and holds it
                    os.link(aside, path)
    finally:
        own.unlink(missing_ok=True)
        aside.unlink(missing_ok=True)


def _has_flock(folder: pathlib.Path) -> bool:
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _describe_self(doing: str) -> Row:
    now = datetime.datetime.now(datetime.UTC)
    return {
        "doing": doing,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "since": f"{now:%Y-%m-%d %H:%M} UTC",
    }


def _say_who(folder: pathlib.Path) -> str:
    """Says who holds a folder, once the holder has written it down."""
    until = time.monotonic() + _READ_SECONDS
    while True:
        found = _read(folder / LOCK)
        if (found and not _is_stale(found)) or time.monotonic() > until:
            break
        time.sleep(_READ_SECONDS / 50)
    if not found:
        return f"{folder} is being written by another process: wait for it"
    return (
        f"{folder} is being {found.get('doing')} by process"
        f" {found.get('process')} on {found.get('host')} since {found.get('since')}:"
        f" wait for it, or choose another folder"
    )


def _read(path: pathlib.Path) -> Row:
    """Returns the record of a holder; {} as long as there is none to be read."""
    try:
        return files.read_json(path, "record")
    except ValueError:
        return {}


def _is_stale(record: Row) -> bool:
    """Whether the process of a record is known to have ended."""
    process = record.get("process")
    if record.get("host") != socket.gethostname() or not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return record.get("started") != _started(process)  # its number was given anew


def _started(process: int) -> int | None:
    """Returns when a process started, in the kernel's ticks; None where not told."""
    try:
        stat = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])
