"""Signals as requests: raised, deferred, never swallowed; a second one ends at once."""

import signal
import threading
import time

import pytest

from kscale import cli, stopping
from kscale.stopping import Interrupted, check, defer, received_signal, watch

# In C code that does not come back to Python, where no handler is called.
BUSY = """
import contextlib, hashlib
from kscale import stopping
stopping._GRACE_SECONDS = stopping._AGAIN_SECONDS = 0.2
with stopping.watch(ends_process=True):
    with stopping.defer() if sys.argv[1:] else contextlib.nullcontext():
        print(flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 75),
        (signal.SIGUSR2, 75),
        (signal.SIGXCPU, 75),
    ],
)
def test_a_signal_is_raised_at_once_and_has_an_exit_code(
    number, code, monkeypatch, capsys
):
    before = [signal.getsignal(each) for each in stopping.SIGNALS]

    def run(*_):
        with watch():  # inside another it does nothing
            signal.raise_signal(number)

    monkeypatch.setattr(cli, "_main", run)
    assert cli.main(["train"]) == code
    name = signal.Signals(number).name
    line = f"kscale train: stopped by {name}; what was saved is kept\n"
    assert capsys.readouterr() == ("", line)
    assert [signal.getsignal(each) for each in stopping.SIGNALS] == before


def test_a_signal_waits_for_a_good_end_and_is_not_swallowed(monkeypatch, capsys):
    with watch():
        with defer():
            signal.raise_signal(signal.SIGHUP)
            check()
        with pytest.raises(Interrupted, match="SIGHUP; all is kept"):
            check("all is kept")
        assert received_signal() == signal.SIGHUP
    assert not received_signal()

    def swallow(*_):
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:  # as JAX does in its callbacks
            return 0

    monkeypatch.setattr(cli, "_main", swallow)
    assert cli.main(["train"]) == 143
    line = "kscale train: SIGTERM came when the work was done\n"
    assert capsys.readouterr().err == line


def test_a_mistake_of_the_library_has_its_traceback_and_an_exit_code(
    monkeypatch, capsys
):
    monkeypatch.setattr(cli, "_main", lambda _: {}["no such key"])
    assert cli.main([]) == 70
    assert "KeyError: 'no such key'" in capsys.readouterr().err


def test_what_is_ignored_stays_so_and_threads_watch_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
    try:
        with watch():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    thread = threading.Thread(target=lambda: watch().__enter__())
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_signal_goes_to_the_handler_before(monkeypatch):
    monkeypatch.setattr(stopping, "_AGAIN_SECONDS", -1.0)
    with watch(), defer():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as second:
            signal.raise_signal(signal.SIGINT)
    assert not isinstance(second.value, Interrupted)


def test_a_command_ends_also_where_no_python_code_runs(start):
    alone, saving = start(code=BUSY), start("deferred", code=BUSY)
    for process in (alone, saving):
        process.stdout.readline()
    time.sleep(0.3)  # until they are where no Python code runs
    for process in (alone, saving):
        process.send_signal(signal.SIGTERM)
    lines = [alone.communicate(timeout=60)[1]]
    time.sleep(0.3)
    assert saving.poll() is None
    saving.send_signal(signal.SIGINT)
    lines.append(saving.communicate(timeout=60)[1])
    assert lines == [
        "kscale: stopped by SIGTERM; what was saved is kept\n",
        "kscale: stopped at once by a second signal; what was saved is kept\n",
    ]
    assert (alone.returncode, saving.returncode) == (143, 130)
