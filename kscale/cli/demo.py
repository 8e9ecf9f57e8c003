"""`kscale demo`: three facts about capacity in one picture, in minutes on two cores.

A model at its limit holds about 1 bit per parameter after 100 exposures and about 2
after 1000; a model with room to spare holds all there is. Each run is a process of its
own on a core of its own: for models this small that beats sharing cores.

kscale demo                         # goes on with what is in runs/demo
kscale demo --overwrite             # trains anew
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from absl import flags

from kscale import configs, report
from kscale.cli import flags as command_flags
from kscale.cli.flags import Command
from kscale.configs import base as config_module
from kscale.files import Row

# The longest first, so that two cores end at about the same time.
RUNS = {
    "demo_d48": "at its limit, 1000 exposures",
    "demo_room": "room to spare, 1000 exposures",
    "demo_d48_100": "at its limit, 100 exposures",
}
_POLL_SECONDS = 1.0
_LINE_SECONDS = 15.0


def demo(folder: pathlib.Path, specs: Sequence[str], overwrite: bool) -> list[Row]:
    """Trains configs side by side, one process on each core, and draws the picture.

    Args:
      folder: gets a run folder for each, and demo.png.
      specs: named configs, longest first.
      overwrite: train anew; otherwise a run that is there goes on, or is done.

    Returns:
      A row per config.

    Raises:
      ValueError: a run failed; the message is its own.
    """
    waiting = list(specs)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    running: dict[int, tuple[str, subprocess.Popen]] = {}
    began = spoke = time.monotonic()
    try:
        while waiting or running:
            for core in cores:
                if core not in running and waiting:
                    spec = waiting.pop(0)
                    running[core] = (spec, _start(folder, spec, core, overwrite))
            time.sleep(_POLL_SECONDS)
            for core, (spec, process) in list(running.items()):
                if process.poll() is not None:
                    del running[core]
                    _finish(folder, spec, process)
            if time.monotonic() - spoke > _LINE_SECONDS and running:
                spoke = time.monotonic()
                names = [spec for spec, _ in running.values()]
                sys.stderr.write(
                    f"{spoke - began:4.0f} s  {_progress(folder, names)}\n"
                )
    finally:
        for _, process in running.values():
            process.terminate()  # saves a checkpoint, so that the demo can go on
        for _, process in running.values():
            process.wait()
    rows = [json.loads((folder / s / "result.json").read_text()) for s in specs]
    report.draw_exposures(
        rows, folder / "demo.png", "What small models hold of a world"
    )
    return rows


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM as Ctrl-C, so that the runs are stopped, too, and saved."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(
    folder: pathlib.Path, spec: str, core: int, overwrite: bool
) -> subprocess.Popen:
    there = (folder / spec / "config.json").exists()
    mode = ["--overwrite" if overwrite else "--resume"] if there else []
    words = ["train", f"--config={spec}", f"--workdir={folder / spec}", "--device=cpu"]
    single = "--xla_cpu_multi_thread_eigen=false"
    inherited = os.environ.get("XLA_FLAGS", "")
    log = folder / f"{spec}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kscale", *words, *mode],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"XLA_FLAGS": f"{inherited} {single}".strip()},
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def _finish(folder: pathlib.Path, spec: str, process: subprocess.Popen) -> None:
    said = (folder / f"{spec}.log").read_text().strip().splitlines()
    last = said[-1] if said else "it said nothing"
    if process.returncode or not (folder / spec / "result.json").exists():
        raise ValueError(f"the run {spec} failed: {last}")
    sys.stderr.write(f"done: {last}\n")


def _progress(folder: pathlib.Path, specs: Sequence[str]) -> str:
    """Where each run is: the last row of its metrics."""
    out = []
    for spec in specs:
        metrics = folder / spec / "metrics.jsonl"
        lines = metrics.read_text().splitlines() if metrics.exists() else []
        try:
            row = json.loads(lines[-1])
            out.append(f"{spec} step {row['step']:,}, loss {row['loss']:.3f}")
        except (IndexError, ValueError, KeyError):
            out.append(f"{spec} compiling")
    return "; ".join(out)


def table(rows: Sequence[Row]) -> str:
    """The rows for a person to read."""
    out = [
        f"{'':<30}{'people':>7}{'params':>8}{'bits held':>11}{'of':>9}"
        f"{'bits/param':>12}{'at most':>9}{'values right':>14}"
    ]
    for row in rows:
        right = [x for name, x in row["accuracy"].items() if name != "name"]
        out.append(
            f"{RUNS.get(row['name'], row['name']):<30}{row['people']:>7,}"
            f"{row['parameters']:>8,}{row['bits']['total']:>11,.0f}"
            f"{row['bits_max']['total']:>9,.0f}{row['bits_per_param']:>12.2f}"
            f"{row['max_bits_per_param']:>9.2f}{sum(right) / len(right):>14.0%}"
        )
    return "\n".join(out)


def sentence(rows: Sequence[Row]) -> str:
    """What the demo shows, in one sentence."""
    by_name = {row["name"]: row["bits_per_param"] for row in rows}
    room = next(row for row in rows if row["name"] == "demo_room")
    return (
        f"A transformer at its limit holds {by_name['demo_d48_100']:.2f} bits per"
        f" parameter after 100 exposures and {by_name['demo_d48']:.2f} after 1000; one"
        f" with room to spare holds {room['bits_per_param']:.2f} of"
        f" {room['max_bits_per_param']:.2f}."
    )


def _define(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "workdir", "runs/demo", "where it runs", flag_values=flag_values
    )
    for name, meaning in {
        "overwrite": "train anew what is there",
        "dry_run": "print what would run, and stop",
    }.items():
        flags.DEFINE_boolean(name, False, meaning, flag_values=flag_values)
    command_flags.define_output(flag_values)


def _demo(command: Command) -> None:
    """Train three tiny models side by side and draw bits per parameter."""
    command_flags.refuse_arguments(command)
    chosen = command.flags
    folder = command_flags.folder(chosen.workdir)
    if chosen.dry_run:
        marks = {spec: config_module.fingerprint(configs.load(spec)) for spec in RUNS}
        as_text = "".join(f"{s:<14}{marks[s]}  {RUNS[s]}\n" for s in RUNS)
        sys.stdout.write(json.dumps(marks) + "\n" if chosen.json else as_text)
        return
    folder.mkdir(parents=True, exist_ok=True)
    sys.stderr.write("three models on all cores: about five minutes on two cores\n")
    with _stopped_by_sigterm():
        rows = demo(folder, list(RUNS), chosen.overwrite)
    if chosen.json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    sys.stdout.write(f"{table(rows)}\n\npicture: {folder / 'demo.png'}\n")
    sys.stdout.write(sentence(rows) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The verb; gives the exit code."""
    words = sys.argv[1:] if argv is None else argv
    return command_flags.run("demo", _demo, _define, words, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
