"""What a row says besides its bits, in lines for a person to read.

Who is known, by class of frequency; how often people were met; what experts drop when
they are scored; what is known of each part of a mixture. Nothing is said where
everybody is met alike, nothing is dropped and nothing is mixed in.
"""

import datetime
import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

import jax

from kscale.files import Row

_PACKAGES = ("kscale", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def findings(row: Row) -> list[str]:
    """Lines about classes, visits, experts and parts; none of a dense run of people.

    Args:
      row: of a trained or scored run.

    Returns:
      Sentences, each of which fits a line or two.
    """
    lines = []
    if row["visits"]["fewest"] != row["visits"]["most"] and row["visits"]["total"]:
        lines.append(_of_visits(row["visits"]))
        lines.append(_of_classes(row["classes"]))
    if row["config"].get("start"):
        lines.append(
            f"It went on from {row['config']['start']}; counts are of this run."
        )
    trained = row["config"].get("train", {}).get("trainable", ["*"])
    if list(trained) != ["*"]:
        lines.append(f"Only {', '.join(trained)} was trained.")
    if row.get("dropped_when_scored"):
        lines.append(
            f"When scored, experts dropped {100 * row['dropped_when_scored']:.2g}% of"
            f" the choices; model.eval_capacity_factor=0 drops none."
        )
    return lines + [_of_part(name, told) for name, told in row.get("parts", {}).items()]


def _of_visits(visits: Row) -> str:
    never = f", {visits['never']:,} never" if visits["never"] else ""
    return (
        f"People were met {visits['fewest']:,} to {visits['most']:,} times{never};"
        f" visits.npy has each."
    )


def _of_classes(classes: list[Row]) -> str:
    right = ", ".join(f"{each['accuracy']:.0%}" for each in classes)
    lost = ", ".join(f"{each['loss_bits']:.1f}" for each in classes)
    return (
        f"Values right by class of frequency, the most frequent first: {right}; bits"
        f" lost a person: {lost}."
    )


def _of_part(name: str, told: Row) -> str:
    if "trained" not in told:
        return f"Part {name}: {told['accuracy']:.0%} of values right."
    said = f"Part {name}: {told['trained']['accuracy']:.0%} of answers right"
    if "held_out" in told:
        said += f", {told['held_out']['accuracy']:.0%} about the people held out"
    return said + "."


def provenance() -> Row:
    """Returns how a row was made: the commit, versions, the device, the time (UTC)."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "commit": commit(),
        "versions": versions(),
        "device": device(),
        "time": now.isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def device() -> str:
    """Returns the devices in words.

    "8 x NVIDIA H200", or the name of the processor and the number of its cores.
    """
    devices = jax.devices()
    if devices[0].platform != "cpu":
        return f"{len(devices)} x {devices[0].device_kind}"
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        names = [platform.processor()]
    else:
        names = [x.partition(":")[2] for x in lines if x.startswith("model name")]
    name = names[0].strip() if names else ""
    return f"{name or platform.machine()}, {cores} core{'s' * (cores > 1)}"


@functools.cache
def commit() -> str:
    """Returns the commit of the source tree that kscale runs from, "+" if it changed.

    "unknown" where kscale was installed from a wheel.
    """
    source = pathlib.Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        command = ["git", "-C", str(source), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        tracked = git("ls-files", "--error-unmatch", __file__)
        head = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + "+" * bool(changed) if tracked else "unknown"
