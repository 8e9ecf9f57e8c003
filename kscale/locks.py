"""One writer a folder or file: locked from the first look to the last write.

    with hold(pathlib.Path("runs/mine"), "trained"):
        ...

The lock is a file that says who holds it. `flock` guards it where the file system has
that for all its hosts, and ends with the process, however that dies. Elsewhere the file
itself is the lock: one that a dead process of this machine has left makes way, any
other is believed. Each way respects the other. What a dead process has left is taken
over under a third file, by one process at a time.
"""

import contextlib
import datetime
import errno
import fcntl
import functools
import glob
import json
import os
import pathlib
import re
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from kscale import stopping

LOCK = ".kscale.lock"  # in a folder as long as somebody writes
_READ_SECONDS = 0.5  # for the holder to write down who it is
_POLL_SECONDS = 0.01
_STALE_SECONDS = 3600.0  # a record is put in place, or removed, in less

_NO_FLOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)
# Mounts whose flock holds on one host alone: NFS and Lustre.
_LOCAL = re.compile(r"[ ,](nolock|localflock|local_lock=(all|flock))(?=[ ,]|$)")

_INITIAL = "pid:[4026531836]"  # the process numbers of a machine outside containers

_Owner = tuple[int, int]  # a process and its thread
_owners: dict[pathlib.Path, _Owner] = {}


class HeldError(ValueError):
    """Somebody else writes into the folder; the message says who, and since when."""


def hold(
    folder: pathlib.Path, doing: str, make: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Keeps every other process and thread from writing into a folder.

    A thread that holds a folder may hold it again; a process that it forks may not.

    Args:
      folder: must exist, unless it is made.
      doing: what happens to it, for the message of the others: "trained".
      make: makes the folder if it does not exist.

    Raises:
      HeldError: another process or thread holds it.
      OSError: the folder cannot be written.

    Example:
      >>> with hold(pathlib.Path("runs/mine"), "trained"):
      ...     run(config, "runs/mine")
    """
    if make:
        with _naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
    return take(folder / LOCK, folder, doing)


@contextlib.contextmanager
def take(
    path: pathlib.Path, what: pathlib.Path, doing: str, seconds: float = 0.0
) -> Iterator[None]:
    """Holds a lock file; see `hold`.

    Args:
      path: of the lock file, made and removed.
      what: is locked, for the messages.
      doing: what happens to it: "trained".
      seconds: to wait while another holds it.
    """
    path = path.parent.resolve() / path.name
    me = os.getpid(), threading.get_ident()
    if _owners.get(path) == me:
        yield
        return
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        with _naming(what):
            flock = _has_flock(path.parent)
        while True:
            # A signal in the middle would leave a lock that nobody lets go.
            with stopping.defer(), _naming(what):
                if _acquire(path, me, _describe_self(doing, flock), stack):
                    break
            if time.monotonic() >= until:
                raise HeldError(_say_who(path, what, flock))
            time.sleep(_POLL_SECONDS)
        yield


def _acquire(
    path: pathlib.Path, me: _Owner, row: dict[str, Any], stack: contextlib.ExitStack
) -> bool:
    """Takes a lock, and leaves its release to the stack; returns False if it is held.

    Between threads the table of owners decides, between processes the file.
    """
    if _owners.setdefault(path, me)[0] != me[0]:
        _owners[path] = me  # the other is of the process that this one was forked from
    if _owners[path] != me:
        return False
    taken, record = False, json.dumps(row).encode()
    try:
        if row["lock"] == "flock":
            file = _lock(path, record)
            taken = file is not None
        else:
            file, taken = None, _put_in_place(path, record)
    finally:
        if not taken:
            del _owners[path]
    if taken:
        _clear(path)
        stack.callback(_owners.pop, path, None)
        stack.callback(_release, path, me, file, record)
    return taken


def _clear(path: pathlib.Path) -> None:
    """Removes records that were never put in place, as their writers were killed."""
    with contextlib.suppress(OSError):
        for left in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
            old = time.time() - left.stat().st_mtime > _STALE_SECONDS
            if old or _has_ended(_parse(_read(left) or b"")):
                left.unlink(missing_ok=True)


def _release(path: pathlib.Path, me: _Owner, file: int | None, record: bytes) -> None:
    """Removes a lock file that is still ours; a forked process leaves its parent's."""
    if os.getpid() != me[0]:
        return
    with stopping.defer():
        ours = _read(path) == record if file is None else _is_at(path, file)
        if ours:
            path.unlink(missing_ok=True)  # while it is locked
        if file is not None:
            os.close(file)


def _lock(path: pathlib.Path, record: bytes) -> int | None:
    """Returns the open file, locked, with the record in it; None if another has it."""
    while True:
        file, there, taken = os.open(path, os.O_RDWR | os.O_CREAT, 0o666), True, False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = _is_at(path, file)  # else the holder before has just ended
            taken = there and _write_record(path, file, record)
        except BlockingIOError:
            return None
        finally:
            if not taken:
                os.close(file)
        if there:
            return file if taken else None


def _write_record(path: pathlib.Path, file: int, record: bytes) -> bool:
    """Writes a record into the locked file, unless the one in it is believed."""
    with contextlib.ExitStack() as stack:
        if found := os.pread(file, 2**16, 0):  # after a kill, or of one without flock
            row = _parse(found)
            if row.get("lock") == "record" and not _has_ended(row):
                return False
            if not (stack.enter_context(_take_over(path)) and _is_at(path, file)):
                return False  # else it is still what was read: others need the guard
        with contextlib.suppress(OSError):  # on a full disk nobody learns who
            os.ftruncate(file, 0)
            os.pwrite(file, record, 0)
    return True


def _put_in_place(path: pathlib.Path, record: bytes) -> bool:
    """Makes the file with its record in it, unless one is there and believed."""
    # Containers on one file system may have the same process numbers.
    own = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        own.write_bytes(record)
        while True:
            with contextlib.suppress(FileExistsError):
                os.link(own, path)
                return True
            found = _read(path)
            if found is None:
                continue
            if not _has_ended(_parse(found)):
                return False
            with _take_over(path) as alone:
                if not alone:
                    return False
                if _read(path) == found:
                    own.replace(path)
                    return True
    finally:
        own.unlink(missing_ok=True)


@contextlib.contextmanager
def _take_over(path: pathlib.Path) -> Iterator[bool]:
    """Says whether this process alone takes over what a dead one has left."""
    guard = _guard_of(path)
    try:
        os.close(os.open(guard, os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        yield False
        return
    try:
        yield True
    finally:
        guard.unlink(missing_ok=True)


def _guard_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f"{path.name}.taking")


def _has_flock(folder: pathlib.Path) -> bool:
    """Returns whether flock keeps all processes out, also those of other hosts."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in _read_system("self/mountinfo").splitlines():
        if line.split()[2] == number and _LOCAL.search(line):
            return False
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            return False
    return True


def _describe_self(doing: str, flock: bool) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC)
    return {
        "doing": doing,
        "host": socket.gethostname(),
        "machine": _name_machine(),
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "since": f"{now:%Y-%m-%d %H:%M} UTC",
        "lock": "flock" if flock else "record",
    }


def _say_who(path: pathlib.Path, what: pathlib.Path, flock: bool) -> str:
    """Says who holds a lock, once the holder has written it down."""
    until = time.monotonic() + _READ_SECONDS
    while True:
        row = _parse(_read(path) or b"")
        ended = not row or _has_ended(row)
        if not ended or time.monotonic() > until:
            break
        time.sleep(_POLL_SECONDS)
    if ended:
        said = f"{what} is being written by another process: wait for it"
    else:
        said = (
            f"{what} is being {row.get('doing')} by process {row.get('process')} on"
            f" {row.get('host')} since {row.get('since')}: wait for it, or choose"
            f" another folder"
        )
    guard = _guard_of(path)
    if ended and guard.exists():
        return f"{said}; if there is none, remove {guard}"
    if flock and (ended or row.get("lock") == "flock"):
        return said
    return f"{said}; if that has ended, remove {path}"


def _read(path: pathlib.Path) -> bytes | None:
    """Returns what is in a file; None if it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _is_at(path: pathlib.Path, file: int) -> bool:
    """Returns whether an open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _parse(record: bytes) -> dict[str, Any]:
    """Returns the record of a holder; {} if it is none."""
    try:
        row = json.loads(record)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _has_ended(row: dict[str, Any]) -> bool:
    """Returns whether the process of a record is known to have ended."""
    process = row.get("process")
    if _has_restarted(row.get("machine")):
        return True
    if row.get("machine") != _name_machine() or not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return row.get("started") != _started(process)  # its number was given anew


def _has_restarted(machine: Any) -> bool:
    """Returns whether this machine bore that name before it was started anew.

    Containers, and hosts without a name of their own, may bear a name side by side.
    """
    before, now = str(machine).split(), _name_machine().split()
    if len(before) != 3 or len(now) != 3 or now[0].startswith("localhost"):
        return False
    named = [now[0], _INITIAL]
    return before[::2] == now[::2] == named and before[1] != now[1]


@functools.cache
def _name_machine() -> str:
    """Names all that shares this process's numbers: containers have their own."""
    boot = _read_system("sys/kernel/random/boot_id").strip()
    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbers = ""
    return f"{socket.gethostname()} {boot} {numbers}"


def _started(process: int) -> int | None:
    """Returns when a process started, in the kernel's ticks; None where not known."""
    stat = _read_system(f"{process}/stat")
    return int(stat.rpartition(")")[2].split()[19]) if stat else None


def _read_system(name: str) -> str:
    """Returns a file of /proc; "" where there is none."""
    try:
        return (pathlib.Path("/proc") / name).read_text()
    except OSError:
        return ""


@contextlib.contextmanager
def _naming(what: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{what} cannot be written ({error.strerror or error}): choose another"
            f" folder, or change who may write there"
        ) from error
