"""One writer a folder: threads, processes, file systems without locks, dead holders."""

import concurrent.futures
import json
import os
import socket
import subprocess
import sys

import pytest

from kscale.runs import lock
from kscale.runs.lock import LOCK, HeldError, hold

CHILD = """
import pathlib, sys
from kscale.runs.lock import hold
with hold(pathlib.Path(sys.argv[1]), "trained"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=[True, False], ids=["flock", "records"])
def flock(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(lock, "_has_flock", lambda _: False)
    monkeypatch.setattr(lock, "_READ_SECONDS", 0.05)
    return request.param


def test_a_thread_may_hold_a_folder_again_and_no_other_may(tmp_path, flock):
    folder = tmp_path / "new" / "run"

    def try_to():
        with pytest.raises(HeldError, match=f"run is being scored.* {os.getpid()} "):
            hold(folder, "trained").__enter__()

    with hold(folder, "scored"):
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
        ({"process": 2**22 + 1}, False),
        ({"process": 2**22 + 1, "host": "elsewhere"}, True),
        ({"process": "?"}, True),
    ],
)
def test_where_there_are_no_locks_a_record_is_believed(
    tmp_path, monkeypatch, changes, held
):
    monkeypatch.setattr(lock, "_has_flock", lambda _: False)
    monkeypatch.setattr(lock, "_READ_SECONDS", 0.05)
    record = lock._describe_self("trained") | changes
    (tmp_path / LOCK).write_text(json.dumps(record))
    if held:
        with pytest.raises(HeldError, match=r"if that has ended, remove .*lock$"):
            hold(tmp_path, "trained").__enter__()
    else:
        with hold(tmp_path, "trained"):
            pass
    assert [x.name for x in tmp_path.iterdir()] == [LOCK] * held
