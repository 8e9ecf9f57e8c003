"""Runs side by side, each a process of its own on a core of its own.

For models of ten thousand parameters that beats sharing cores.
"""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO

import kscale
from kscale import configs, stopping, streams
from kscale.configs.base import fingerprint
from kscale.files import Row
from kscale.locks import hold
from kscale.runs.folder import RunFolder

PARENT = "KSCALE_PARENT"  # the environment's variable of the process that launched one
_POLL_SECONDS = 1.0
_LINE_SECONDS = 15.0


def train_side_by_side(
    folder: pathlib.Path, specs: Sequence[str], overwrite: bool, progress: TextIO
) -> list[Row]:
    """Trains named configs, one process on each core.

    Args:
      folder: gets a run folder and a log for each.
      specs: named configs, longest first.
      overwrite: train anew; otherwise a run that is there goes on, or is done, also
        if its checkpoints were removed.
      progress: where lines go.

    Raises:
      ValueError: a run failed; the message is its own. Another process trains there.
      Interrupted: a signal came. The runs are stopped, too, and have saved their state.
    """
    progress = streams.guard(progress)
    runs = [RunFolder(folder / spec) for spec in specs]
    waiting = [run for run in runs if overwrite or not _is_done(run)]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    running: dict[int, tuple[RunFolder, subprocess.Popen, int]] = {}
    began = spoke = time.monotonic()
    with stopping.watch(), hold(folder, "trained", make=True):
        try:
            with stopping.defer():
                while (waiting or running) and not stopping.received_signal():
                    for core in cores:
                        if core not in running and waiting:
                            run = waiting.pop(0)
                            running[core] = (run, *_start(run, core, overwrite))
                    time.sleep(_POLL_SECONDS)
                    for core, (run, process, at) in list(running.items()):
                        if process.poll() is not None:
                            del running[core]
                            progress.write(f"done: {_last_line(run, process, at)}\n")
                    if time.monotonic() - spoke > _LINE_SECONDS and running:
                        spoke = time.monotonic()
                        steps = [_last_step(run) for run, _, _ in running.values()]
                        line = f"{spoke - began:4.0f} s  {'; '.join(steps)}\n"
                        progress.write(line)
        finally:
            with stopping.defer():
                for _, process, _ in running.values():
                    process.terminate()  # saves a checkpoint, so that the run can go on
                for _, process, _ in running.values():
                    process.wait()
        stopping.check("the runs are saved: the same command goes on")
    return [RunFolder(folder / spec).read_result() for spec in specs]


def end_with_parent() -> None:
    """Asks this process to stop when the one that launched it has gone, if one did.

    A parent that is killed cannot stop its children itself.
    """
    parent = os.environ.pop(PARENT, "")
    if not parent:
        return

    def wait() -> None:
        while os.getppid() == int(parent):
            time.sleep(_POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _is_done(run: RunFolder) -> bool:
    """Returns whether a run has finished and no checkpoint is left to go on from."""
    done = run.config.exists() and not run.latest_step() and run.is_finished()
    wanted = configs.load(run.path.name) if done else None
    return bool(wanted) and fingerprint(run.read_config()) == fingerprint(wanted)


def _start(run: RunFolder, core: int, overwrite: bool) -> tuple[subprocess.Popen, int]:
    """Starts a run on a core; returns its process, and where in its log it begins."""
    mode = ["--overwrite" if overwrite else "--resume"] if run.config.exists() else []
    words = ["train", f"--config={run.path.name}", f"--workdir={run.path}"]
    words += ["--device=cpu", *mode]
    single = "--xla_cpu_multi_thread_eigen=false"
    inherited = os.environ.get("XLA_FLAGS", "")
    changed = {"XLA_FLAGS": f"{inherited} {single}".strip(), PARENT: str(os.getpid())}
    # -P: what lies in the current folder, a numpy.py say, is not run. This kscale is,
    # also where it is not installed.
    home = pathlib.Path(kscale.__file__).parents[1]
    if home.name not in ("site-packages", "dist-packages"):
        paths = (os.environ.get("PYTHONPATH"), str(home))
        changed["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    with run.log.open("ab") as output:  # nothing is lost that was there
        begin = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kscale", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | changed,
            start_new_session=True,  # Ctrl-C of a terminal comes through this process
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process, begin


def _last_line(run: RunFolder, process: subprocess.Popen, begin: int) -> str:
    """Returns the last line of a run that has ended, or raises it as an error."""
    log = run.log.read_bytes()[begin:]
    lines = log.decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "its log is empty"
    if process.returncode or not run.result.exists():
        raise ValueError(f"the run {run.path.name} failed: {last}")
    return last


def _last_step(run: RunFolder) -> str:
    """Returns where a run is, by the last row of its metrics."""
    logged = run.read_logged()
    if not logged:
        return f"{run.path.name} compiling"
    row = logged[-1]
    return f"{run.path.name} step {row['step']:,}, loss {row['loss']:.3f}"
