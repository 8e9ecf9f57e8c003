"""Commands of kscale as processes that can be struck: real ones, and forks.

A fork has all of kscale imported, which takes a real process seconds; nothing of JAX
has started in it. Both write to files `out` and `err` in a folder.
"""

import importlib
import os
import pathlib
import pkgutil
import shlex
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import kscale

HOME = pathlib.Path(kscale.__file__).parents[1]
_TRACES = ("Traceback (most recent", "Exception ignored", "Fatal Python error")


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
      code: its exit code, -N of signal N; None: it had not ended in time.
      out: standard output.
      err: standard error.
    """

    code: int | None
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of standard error."""
        return (self.err.strip().splitlines() or [""])[-1][-300:]

    @property
    def traced(self) -> bool:
        """Whether it showed a traceback."""
        return any(mark in self.out + self.err for mark in _TRACES)

    def expect(self, *codes: int) -> str:
        """Returns what is wrong if the code is none of these, or there is a trace."""
        if self.code is None:
            return f"it hangs; {self.last}"
        if self.code not in codes or self.traced:
            return f"exit code {self.code}: {self.last}"
        return ""


def import_all() -> None:
    """Imports every module of kscale, and reads lists and tokenizers, for the forks."""
    for module in pkgutil.walk_packages(kscale.__path__, "kscale."):
        if module.name != "kscale.__main__":
            importlib.import_module(module.name)
    kscale.prepare(kscale.configs.load("smoke"))


def command(words: Sequence[str]) -> str:
    """Returns a command line that a person can type."""
    return shlex.join(["kscale", *words])


class Forked:
    """`kscale WORDS` in a fork of this process; used as a Popen.

    Args:
      words: after `kscale`.
      folder: gets the files out and err.
      before: called in the fork, before the command.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: pathlib.Path,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self.returncode: int | None = None
        self.folder = folder
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _be(words, folder, before)

    def poll(self) -> int | None:
        """Returns the exit code if the process has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _be(
    words: Sequence[str], folder: pathlib.Path, before: Callable[[], object]
) -> None:
    """Is the fork: carries out a command and ends."""
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
        sys.argv = ["kscale", *words]
        before()
        from kscale.cli import main

        code = main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def start(
    words: Sequence[str],
    folder: pathlib.Path,
    env: Mapping[str, str] | None = None,
    shell: str = "exec {}",
    mounts: bool = False,
) -> subprocess.Popen:
    """Starts `kscale WORDS` as a real process.

    Args:
      words: after `kscale`.
      folder: gets the files out and err.
      env: what is other in its environment.
      shell: a script in which the command stands for {}.
      mounts: what the script mounts is there for it alone, until it ends.
    """
    bash = ["unshare", "-rm", "bash", "-c"] if mounts else ["bash", "-c"]
    own = shlex.join([sys.executable, "-P", "-m", "kscale", *words])
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [*bash, shell.replace("{}", own)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=os.environ | {"PYTHONPATH": str(HOME)} | dict(env or {}),
            start_new_session=True,
        )
    process.folder = folder  # type: ignore[attr-defined]
    return process


def end(process: Forked | subprocess.Popen, seconds: float = 120.0) -> Ended:
    """Waits for the end of a process; one that has not ended in time is killed."""
    until = time.monotonic() + seconds
    while (code := process.poll()) is None and time.monotonic() < until:
        time.sleep(0.01)
    if code is None:
        os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            time.sleep(0.01)
    folder: pathlib.Path = process.folder  # type: ignore[union-attr]
    out, err = (
        (folder / name).read_text(errors="replace") if (folder / name).exists() else ""
        for name in ("out", "err")
    )
    return Ended(code, out, err)


def run(words: Sequence[str], folder: pathlib.Path, seconds: float = 300.0) -> Ended:
    """Carries out a command in a fork, to its end."""
    return end(Forked(words, folder), seconds)


def make(words: Sequence[str], folder: pathlib.Path) -> None:
    """Carries out a command that must succeed: what attacks start from."""
    ended = run(words, folder)
    if ended.code:
        raise RuntimeError(f"{command(words)}: {ended.last}")
