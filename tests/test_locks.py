"""One writer a folder: threads, processes, file systems without locks, dead holders."""

import concurrent.futures
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from kscale import locks, stopping
from kscale.locks import LOCK, HeldError, hold

DEAD = 2**22 + 1  # no process has this number
CHILD = """
import pathlib, sys
from kscale.locks import hold
with hold(pathlib.Path(sys.argv[1]), "trained"):
    print("held", flush=True)
    sys.stdin.read()
"""
FORKED = """
import os, pathlib, sys
from kscale import locks
folder, flock = pathlib.Path(sys.argv[1]), sys.argv[2] == "True"
locks._has_flock, locks._READ_SECONDS = lambda _: flock, 0.0
with locks.hold(folder, "trained"):
    if not (child := os.fork()):
        try:
            with locks.hold(folder, "trained"):
                print("held", flush=True)
        except locks.HeldError:
            print("refused", flush=True)
        sys.exit()  # through the parent's lock
    os.waitpid(child, 0)
    assert (folder / locks.LOCK).exists()
assert not list(folder.iterdir())
"""
# Each leaves the record of a process that has ended, as if it had been killed.
CONTENDING = f"""
import json, os, pathlib, sys, time
from kscale import locks
folder, kinds = pathlib.Path(sys.argv[1]), [x == "True" for x in sys.argv[2:]]
locks._READ_SECONDS = 0.0

def leave(path, me, file, record):
    own = folder / str(os.getpid())
    own.write_text(json.dumps(json.loads(record) | {{"process": {DEAD}}}))
    own.replace(path)
    if file is not None:
        os.close(file)

def contend(flock):
    locks._has_flock, held = lambda _: flock, 0
    for _ in range(80):
        try:
            with locks.hold(folder, "trained"):
                os.close(os.open(folder / "busy", os.O_CREAT | os.O_EXCL))
                held += 1
                time.sleep(0.001)
                (folder / "busy").unlink()
        except locks.HeldError:
            pass
    return held

locks._release, children = leave, []
for i in range(4):
    if child := os.fork():
        children.append(child)
    else:
        os.write(1, b"%d\\n" % contend(kinds[i % len(kinds)]))
        os._exit(0)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


@pytest.fixture(params=[True, False], ids=["flock", "records"])
def flock(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(locks, "_has_flock", lambda _: False)
    monkeypatch.setattr(locks, "_READ_SECONDS", 0.05)
    return request.param


def test_a_thread_may_hold_a_folder_again_and_no_other_may(tmp_path, flock):
    folder = tmp_path / "new" / "run"

    def try_to():
        with pytest.raises(HeldError, match=f"run is being scored.* {os.getpid()} "):
            hold(folder, "trained").__enter__()

    with hold(folder, "scored", make=True):
        with hold(folder.parent / ".." / "new" / "run", "trained"):
            pass
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(try_to).result()
        assert [x.name for x in folder.iterdir()] == [LOCK]
    with hold(folder, "trained"):
        pass
    assert not list(folder.iterdir())


def test_another_process_is_refused_until_it_has_been_killed(tmp_path, flock):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    host = socket.gethostname()
    said = f"is being trained by process {child.pid} on {host} since 20"
    with pytest.raises(HeldError, match=said + ".* UTC: wait for it, or choose"):
        hold(tmp_path, "trained").__enter__()
    child.kill()
    child.communicate()
    assert (tmp_path / LOCK).exists()
    with hold(tmp_path, "trained"):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, True),
        ({"started": 1}, False),  # the number of a process that has ended, given anew
        ({"process": DEAD}, False),
        ({"process": DEAD, "machine": "elsewhere"}, True),  # or another container
        ({"process": "?"}, True),
    ],
)
@pytest.mark.parametrize("kind", ["flock", "record"])
def test_what_was_left_is_believed_unless_its_process_has_ended(
    tmp_path, flock, kind, changes, held
):
    row = locks._describe_self("trained", kind == "flock") | changes
    (tmp_path / LOCK).write_text(json.dumps(row))
    if flock and kind == "flock":
        held = False  # or the file would be locked
    if held:
        with pytest.raises(HeldError, match=r"if that has ended, remove .*lock$"):
            hold(tmp_path, "trained").__enter__()
    else:
        with hold(tmp_path, "trained"):
            row = json.loads((tmp_path / LOCK).read_text())
            assert row["process"] == os.getpid()
    assert [x.name for x in tmp_path.iterdir()] == [LOCK] * held
    left = locks._describe_self("trained", False) | {"process": DEAD}
    (tmp_path / LOCK).write_text(json.dumps(left))
    (tmp_path / f"{LOCK}.taking").touch()  # of a process killed while it took over
    with pytest.raises(HeldError, match=r"by another process.*remove .*taking$"):
        hold(tmp_path, "trained").__enter__()


@pytest.mark.parametrize(
    ("before", "now", "held"),
    [
        ("a 1 pid:[4026531836]", "a 2 pid:[4026531836]", False),
        ("a 1 pid:[4026531836]", "b 2 pid:[4026531836]", True),
        ("a 1 pid:[4026532000]", "a 2 pid:[4026532000]", True),  # perhaps containers
        ("localhost 1 pid:[4026531836]", "localhost 2 pid:[4026531836]", True),
        ("a  pid:[4026531836]", "a 2 pid:[4026531836]", True),  # it is not known
    ],
)
def test_a_lock_from_before_a_restart_is_not_believed(
    tmp_path, monkeypatch, before, now, held
):
    monkeypatch.setattr(locks, "_has_flock", lambda _: False)
    monkeypatch.setattr(locks, "_READ_SECONDS", 0.0)
    monkeypatch.setattr(locks, "_name_machine", lambda: now)
    row = locks._describe_self("trained", False) | {"machine": before}
    (tmp_path / LOCK).write_text(json.dumps(row))
    with (
        pytest.raises(HeldError) if held else contextlib.nullcontext(),
        hold(tmp_path, "trained"),
    ):
        pass


def test_records_of_kills_are_cleared_by_the_next_holder(tmp_path, flock):
    dead = json.dumps(locks._describe_self("trained", False) | {"process": DEAD})
    mine = json.dumps(locks._describe_self("trained", False))
    for name, record in (("1", dead), ("1.ab", ""), ("2", ""), ("3.ab", mine)):
        (tmp_path / f"{LOCK}.{name}.partial").write_text(record)
    os.utime(tmp_path / f"{LOCK}.2.partial", (0, 0))
    with hold(tmp_path, "trained"):
        pass
    left = {f"{LOCK}.1.ab.partial", f"{LOCK}.3.ab.partial"}  # may be being written
    assert {x.name for x in tmp_path.iterdir()} == left


@pytest.mark.parametrize("kinds", [(True,), (False,), (True, False)])
def test_of_many_that_take_over_what_is_left_one_holds_it(tmp_path, kinds):
    words = [sys.executable, "-c", CONTENDING, str(tmp_path), *map(str, kinds)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    held = [int(x) for x in found.stdout.split()]
    assert len(held) == 4
    assert sum(held) >= 10, found.stderr


def test_a_forked_process_neither_holds_nor_ends_its_parents_lock(tmp_path, flock):
    kind = str(flock)
    words = [sys.executable, "-c", FORKED, str(tmp_path), kind]
    assert subprocess.run(words, check=True, capture_output=True).stdout == b"refused\n"


@pytest.mark.parametrize(
    ("options", "trusted"),
    [
        ("rw,vers=4.2,local_lock=none,addr=::1", True),
        ("rw,vers=3,nolock,local_lock=all", False),
        ("rw,local_lock=flock", False),
        ("rw,localflock,lazystatfs", False),
    ],
)
def test_locks_of_one_host_alone_are_not_trusted(
    tmp_path, monkeypatch, options, trusted
):
    device = tmp_path.stat().st_dev
    line = f"9 1 {os.major(device)}:{os.minor(device)} / /m rw - nfs a:/ {options}\n"
    monkeypatch.setattr(locks, "_read_system", lambda _: line)
    assert locks._has_flock(tmp_path) == trusted


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_, **options):
        raise PermissionError(errno.EACCES, "Permission denied", "tmpzt7huxzo")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    line = f"{tmp_path} cannot be written .Permission denied.: choose another folder"
    with pytest.raises(OSError, match=line):
        hold(tmp_path, "trained").__enter__()
    with pytest.raises(OSError, match=r"new cannot be written .No such file"):
        hold(tmp_path / "new", "trained").__enter__()
    assert not list(tmp_path.iterdir())


def test_a_signal_at_any_time_leaves_no_lock(tmp_path, flock, monkeypatch):
    """At every call of the operating system while a lock is taken and given back."""
    names, left = ("open", "close", "link", "unlink", "fstat", "pread"), [0]

    def count(real):
        def call(*words, **options):
            left[0] -= 1
            if left[0] == -1:
                signal.raise_signal(signal.SIGINT)
            return real(*words, **options)

        return call

    with monkeypatch.context() as patched:
        for name in names:
            patched.setattr(os, name, count(getattr(os, name)))
        for left[0] in range(20):
            with (
                contextlib.suppress(stopping.Interrupted),
                stopping.watch(),
                hold(tmp_path, "trained"),
            ):
                stopping.check()
            assert not list(tmp_path.iterdir())
            assert not locks._owners
    assert left[0] > 0
