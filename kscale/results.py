"""Results as rows: what was run, on what, and what came out, one JSON line each."""

import datetime
import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from typing import Any

import jax

Row = dict[str, Any]
_PACKAGES = ("kscale", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def provenance() -> Row:
    """What a row must say of how it was made: commit, versions, device, time (UTC)."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "commit": commit(),
        "versions": versions(),
        "device": device(),
        "time": now.isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str]:
    """Python and the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def device() -> str:
    """The devices in words: "8 x NVIDIA H200", or the processor's name and cores."""
    devices = jax.devices()
    kind = devices[0].device_kind
    if devices[0].platform == "cpu":
        cores = len(os.sched_getaffinity(0))
        return f"{_processor()}, {cores} core{'s' * (cores > 1)}"
    return f"{len(devices)} x {kind}"


@functools.cache
def commit() -> str:
    """The commit of the source tree that kscale runs from, "+" if it has changes.

    "unknown" where kscale was installed from a wheel.
    """
    source = pathlib.Path(__file__).resolve().parent
    try:
        tracked = _git(source, "ls-files", "--error-unmatch", __file__)
        head = _git(source, "rev-parse", "--short=12", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + "+" * bool(changed) if tracked else "unknown"


def write_json(path: pathlib.Path, row: Row) -> None:
    """Writes a JSON object, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)


def append_row(path: pathlib.Path, row: Row) -> None:
    """Appends a row to a JSONL file, making it and its folder if they are absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: pathlib.Path) -> list[Row]:
    """The rows of a JSONL file; none if it is absent.

    Raises:
      ValueError: a line is not a JSON object, such as one cut off by a crash.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}, line {number}: {line[:40]!r} is not a row (a run may have"
                f" been killed while writing it); remove the line"
            )
        rows.append(row)
    return rows


def _git(folder: pathlib.Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout.strip()


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [x.partition(":")[2].strip() for x in lines if x.startswith("model name")]
    return names[0] if names else platform.machine()
