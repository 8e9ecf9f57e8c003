"""A fork that carries out one command line after another while its time and memory are
watched: what takes a process seconds to import or compile is done once.
"""

import json
import os
import pathlib
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_PAGE = resource.getpagesize()
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.2
_WALL = 10.0  # how much longer than its processor may the clock go on
_MOST_CALLS = 200  # of one fork; caches of what was compiled grow


class Answer(NamedTuple):
    """What became of a command line.

    Attributes:
      code: the exit code; None: an exception came out, or the fork is gone.
      out, err: what it printed.
      seconds: of the processor; of the clock if that waited for ten times as long.
      bytes: that its memory grew by at the most.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    bytes: float


class Worker:
    """Carries out command lines in a fork, which is made anew if one ends it.

    Args:
      folder: gets what is printed; commands run in it.
      seconds: that a command line may take.
      most: bytes that it may take before it is ended.
    """

    def __init__(self, folder: pathlib.Path, seconds: float, most: float) -> None:
        self.folder, self.seconds, self.most = folder, seconds, most
        self.pid, self.calls = 0, 0

    def call(self, words: Sequence[str]) -> Answer:
        """Carries out `kscale WORDS`."""
        if not self.pid or self.calls > _MOST_CALLS:
            self.close()
            self._fork()
        self.calls += 1
        base, used, began = self._bytes(), self._used(), time.monotonic()
        os.write(self.ask, json.dumps(list(words)).encode() + b"\n")
        while not select.select([self.answer], [], [], _POLL_SECONDS)[0]:
            grown, spent = self._bytes() - base, self._used() - used
            waited = (time.monotonic() - began) / _WALL
            if max(spent, waited) > self.seconds or grown > self.most:
                self.close()
                return Answer(None, *self._read(), max(spent, waited), grown)
        line = self._line()
        if not line:  # it died
            self.close()
            return Answer(None, *self._read(), time.monotonic() - began, 0.0)
        row: dict[str, Any] = json.loads(line)
        return Answer(row["code"], *self._read(), row["seconds"], row["bytes"])

    def close(self) -> None:
        """Ends the fork."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.ask)
            os.close(self.answer)
        self.pid, self.calls = 0, 0

    def _fork(self) -> None:
        orders, self.ask = os.pipe()
        self.answer, answers = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid:
            os.close(orders)
            os.close(answers)
            return
        try:
            os.setsid()
            os.close(self.ask)
            os.chdir(self.folder)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, name in ((1, "out"), (2, "err")):
                file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(file, number)
            with os.fdopen(orders) as lines:
                for line in lines:
                    os.write(answers, json.dumps(_carry_out(json.loads(line))).encode())
                    os.write(answers, b"\n")
        finally:
            os._exit(0)

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (more := os.read(self.answer, 4096)):
            line += more
        return line

    def _read(self) -> tuple[str, str]:
        found = []
        for name in ("out", "err"):
            path = self.folder / name
            text = path.read_bytes() if path.exists() else b""
            found.append(text.decode(errors="replace"))
            os.truncate(path, 0)
        return found[0], found[1]

    def _bytes(self) -> float:
        try:
            text = pathlib.Path(f"/proc/{self.pid}/statm").read_text()
        except OSError:
            return 0.0
        return int(text.split()[1]) * _PAGE

    def _used(self) -> float:
        try:
            text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return 0.0
        return sum(map(int, text.rpartition(")")[2].split()[11:13])) / _TICKS


def _carry_out(words: list[str]) -> dict[str, Any]:
    """Carries out one command line, in the fork."""
    from kscale.cli import main

    np.random.seed(0)  # noqa: NPY002 - of libraries that draw without being told how
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is now what it is
    base, began, code = _peak(), time.process_time(), None
    try:
        code = main(words)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    used = time.process_time() - began
    return {"code": code, "seconds": used, "bytes": _peak() - base}


def _peak() -> float:
    """Returns the most bytes that this process has had at once."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024.0
