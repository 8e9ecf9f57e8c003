"""Runs side by side, each a process of its own on a core of its own.

For models of ten thousand parameters that beats sharing cores.
"""

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from kscale.files import Row
from kscale.runs.folder import RunFolder
from kscale.train.interruption import raise_on_sigterm

_POLL_SECONDS = 1.0
_LINE_SECONDS = 15.0


def train_side_by_side(
    folder: pathlib.Path, specs: Sequence[str], overwrite: bool, progress: TextIO
) -> list[Row]:
    """Trains named configs, one process on each core.

    Args:
      folder: gets a run folder and a log for each.
      specs: named configs, longest first.
      overwrite: train anew; otherwise a run that is there goes on, or is done.
      progress: where lines go.

    Raises:
      ValueError: a run failed; the message is its own.
      Interrupted: SIGTERM came. The runs are stopped, too, and have saved their state.
    """
    waiting = [RunFolder(folder / spec) for spec in specs]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    running: dict[int, tuple[RunFolder, subprocess.Popen]] = {}
    began = spoke = time.monotonic()
    with raise_on_sigterm():
        try:
            while waiting or running:
                for core in cores:
                    if core not in running and waiting:
                        run = waiting.pop(0)
                        running[core] = (run, _start(run, core, overwrite))
                time.sleep(_POLL_SECONDS)
                for core, (run, process) in list(running.items()):
                    if process.poll() is not None:
                        del running[core]
                        progress.write(f"done: {_last_line(run, process)}\n")
                if time.monotonic() - spoke > _LINE_SECONDS and running:
                    spoke = time.monotonic()
                    steps = [_last_step(run) for run, _ in running.values()]
                    progress.write(f"{spoke - began:4.0f} s  {'; '.join(steps)}\n")
        finally:
            for _, process in running.values():
                process.terminate()  # saves a checkpoint, so that the run can go on
            for _, process in running.values():
                process.wait()
    return [RunFolder(folder / spec).read_result() for spec in specs]


def _start(run: RunFolder, core: int, overwrite: bool) -> subprocess.Popen:
    mode = ["--overwrite" if overwrite else "--resume"] if run.config.exists() else []
    words = ["train", f"--config={run.path.name}", f"--workdir={run.path}"]
    words += ["--device=cpu", *mode]
    single = "--xla_cpu_multi_thread_eigen=false"
    inherited = os.environ.get("XLA_FLAGS", "")
    with run.log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kscale", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"XLA_FLAGS": f"{inherited} {single}".strip()},
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def _last_line(run: RunFolder, process: subprocess.Popen) -> str:
    """Returns the last line of a run that has ended, or raises it as an error."""
    lines = run.log.read_text().strip().splitlines()
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
