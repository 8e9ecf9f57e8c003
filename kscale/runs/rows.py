"""The result row of a model, where it comes from, and the sentences it makes."""

import datetime
import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from kscale import quant, scores, train
from kscale.configs import fields
from kscale.configs.base import fingerprint, member_config
from kscale.files import Row
from kscale.runs.task import Task
from kscale.scores.capacity import PARTS

# Why a part of the bits can be below 0.
_NEGATIVE = {
    "name": "names cost the model more than an even guess among all there could be",
    "value": "values cost the model more than an even guess from their lists",
    "diversity": "what a value begins with costs the model more than it is worth to"
    " know which strings there are",
}
_SHOWN = 0.05  # bits are printed with one decimal
_PACKAGES = ("kscale", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def make_row(task: Task, capacity: scores.Capacity, member: int = 0) -> Row:
    """Makes the result row of a member, but for what only training knows."""
    return capacity.summary() | _describe(task, member)


def make_diverged_row(task: Task, member: int, step: int) -> Row:
    """Makes the row of a member whose loss was not finite from a step on: no bits."""
    most, size = task.counts.bits_max(), task.parameters.total
    parts = PARTS
    return {
        "diverged": step,
        "bits_per_param": None,
        "max_bits_per_param": most.total / size,
        "parameters": size,
        "people": task.corpus.num_people,
        "bits": dict.fromkeys(parts),
        "bits_max": {part: float(getattr(most, part)) for part in parts},
    } | _describe(task, member)


def _describe(task: Task, member: int) -> Row:
    """Returns what a member is, where from, and how it was made."""
    hyper, visits = task.hypers[member], task.order.visits()
    config = member_config(task.config, hyper)
    model = config.model
    size = f"{model.layers}-{model.heads}"
    return {
        "name": config.name,
        "model": size if model.head_size == 64 else f"{size}x{model.head_size}",
        "parameters_by_base": task.parameters._asdict(),
        "exposures": task.order.exposures,
        "visits": {
            "fewest": int(visits.min()),
            "most": int(visits.max()),
            "never": int((visits == 0).sum()),
            "total": int(visits.sum()),
        },
        "seed": int(hyper.seed),
        "fingerprint": fingerprint(config),
        "content": task.content,
        "config": fields.to_dict(config),
        **provenance(),
    }


def sum_speed(logged: Sequence[Row], members: int) -> Row:
    """Sums what a whole run took by its logged rows, however often it was resumed.

    These are seconds (neither of compilation nor of scoring) and tokens_per_second,
    both None if nothing was logged.
    """
    if not logged:
        return {"seconds": None, "tokens_per_second": None}
    seconds = sum(row["seconds"] for row in logged)
    tokens = members * sum(row["tokens"] for row in logged)
    return {"seconds": seconds, "tokens_per_second": tokens / max(seconds, 1e-9)}


def last_routing(logged: Sequence[Row], member: int) -> Row:
    """Returns how a member's experts were used at the end; nothing if it has none."""
    last = logged[-1] if logged else {}
    found = {name: last[name] for name in train.ROUTING if name in last}
    return {k: x[member] if isinstance(x, list) else x for k, x in found.items()}


def measure_storage(tree: Any, bits: float) -> Row:
    """Returns stored_bits and bits_per_stored_bit of a model.

    Args:
      tree: rounded weights, or plain parameters; what is not rounded takes 16 bits.
      bits: of knowledge that the model holds.
    """
    size = quant.stored_bits(tree)
    return {"stored_bits": size, "bits_per_stored_bit": bits / size}


def summarize(rows: Sequence[Row]) -> Row:
    """Returns the best member's row, with all rows of a population as `members`."""
    left = [row for row in rows if not row.get("diverged")] or rows[:1]
    best = max(left, key=lambda row: row["bits"]["total"])
    return best if len(rows) == 1 else best | {"members": list(rows)}


def answer(rows: Sequence[Row]) -> str:
    """Answers in a sentence how much is held; of an extraction, how much is right.

    A second one says how many members diverged, if some did.
    """
    best, lost = summarize(rows), sum(bool(row.get("diverged")) for row in rows)
    among = f", the best of {len(rows)}" if len(rows) > max(lost, 1) else ""
    who = f"{best['name']} ({best['model']}, {best['parameters']:,} parameters{among})"
    and_lost = f" {lost} of {len(rows)} members diverged." * bool(lost and among)
    if best.get("diverged"):
        return f"{who} diverged at step {best['diverged']}: nothing was scored."
    if not best.get("visits", {}).get("total", 1):  # nobody's text was read
        for part in best.get("parts", {}).values():
            if "held_out" in part:
                return (
                    f"{who} answers {part['held_out']['accuracy']:.0%} of the questions"
                    f" about people held out right,"
                    f" {part['trained']['accuracy']:.0%} of those about people trained"
                    f" on.{and_lost}"
                )
    below = "; below 0, the truth costs more than an even guess from the lists"
    return (
        f"{who} holds {best['bits']['total']:,.0f} of"
        f" {best['bits_max']['total']:,.0f} bits after {best['exposures']:g} exposures:"
        f" {best['bits_per_param']:.3f} bits per parameter"
        f" (at most {best['max_bits_per_param']:.3f})"
        f"{below * (best['bits']['total'] < 0)}.{and_lost}"
    )


def explain_negative(bits: Sequence[Mapping[str, float]]) -> list[str]:
    """Explains the parts that are below 0 in any of several bits, a line each."""
    return [
        f"Negative bits of {part}: {why}; nothing is cut off at 0."
        for part, why in _NEGATIVE.items()
        if any(one.get(part, 0.0) < -_SHOWN for one in bits)
    ]


def list_findings(row: Row) -> list[str]:
    """Lists what a row says besides its bits: classes, visits, experts, parts.

    Nothing is listed where everybody is seen alike, nothing is dropped and nothing is
    mixed in.
    """
    lines, visits = [], row["visits"]
    if visits["fewest"] != visits["most"] and visits["total"] and "classes" in row:
        never = f", {visits['never']:,} never" if visits["never"] else ""
        right = ", ".join(f"{each['accuracy']:.0%}" for each in row["classes"])
        lost = ", ".join(f"{each['loss_bits']:.1f}" for each in row["classes"])
        lines += [
            f"People were seen {visits['fewest']:,} to {visits['most']:,} times{never};"
            f" visits.npy has each.",
            f"Values right by class of frequency, the most frequent first: {right};"
            f" bits lost a person: {lost}.",
        ]
    if start := row["config"].get("start"):
        lines.append(f"It went on from {start}; counts are of this run.")
    trainable = row["config"].get("train", {}).get("trainable", ["*"])
    if list(trainable) != ["*"]:
        lines.append(f"Only {', '.join(trainable)} was trained.")
    if not row.get("normalized_forms", True):
        lines.append(
            "The pronoun paid for its wording: forms of two of its values begin with"
            " one token; a larger vocabulary tells them apart."
        )
    if row.get("dropped_when_scored"):
        lines.append(
            f"When scored, experts dropped {100 * row['dropped_when_scored']:.2g}% of"
            f" the choices; model.eval_capacity_factor=0 drops none."
        )
    for name, part in row.get("parts", {}).items():
        right, about = part.get("trained", part)["accuracy"], ""
        what = "answers" if "trained" in part else "values"
        if "held_out" in part:
            about = f", {part['held_out']['accuracy']:.0%} about the people held out"
        lines.append(f"Part {name}: {right:.0%} of {what} right{about}.")
    return lines


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
        git("ls-files", "--error-unmatch", __file__)
        head = git("rev-parse", "--short=12", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + "+" * bool(changed)
