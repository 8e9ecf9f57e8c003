"""Sums over dispatches on the host, divided once, when a row is written.

Axes: K steps of a dispatch, M members, L labels.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kscale.files import to_json_types

_SUMS = ("nats_sum", "token_count", "label_nats_sum", "label_count")
_SUMS += ("grad_norm", "routing")  # the latter of a mixture of experts
ROUTING = ("dropped_share", "load_max", "load_entropy", "router_entropy")


class NotFiniteError(ValueError):
    """The loss or the gradient is NaN or infinite; the message names the step.

    Attributes:
      steps: at which each member diverged, counted from 1.
    """

    def __init__(self, message: str, steps: Sequence[int]) -> None:
        super().__init__(message)
        self.steps = list(steps)


def find_diverged(
    metrics: Mapping[str, np.ndarray],
    first_step: int,
    known: Sequence[int | None],
    saved: str,
) -> list[int | None]:
    """Checks every step of a dispatch; members that diverge are left behind.

    Args:
      metrics: arrays [K] or [K, M]; padded steps left out.
      first_step: number of steps before the first of them.
      known: the first bad step of each member before, counted from 1; None: it is well.
      saved: where the run can go on from, for the error.

    Returns:
      The same with these steps.

    Raises:
      NotFiniteError: nobody is left; where both are finite, so is the state after the
        step.
    """
    names = ("nats_sum", "grad_norm")
    nats, norm = (metrics[name].reshape(-1, len(known)) for name in names)
    bad = ~(np.isfinite(nats) & np.isfinite(norm))
    rows = [int(np.argmax(each)) if each.any() else None for each in bad.T]
    found = [
        before if before or row is None else first_step + row + 1
        for before, row in zip(known, rows, strict=True)
    ]
    left = [step for step in found if step is not None]
    if len(left) < len(found):
        return found
    last = int(np.argmax(left))
    row = left[last] - first_step - 1
    member = f", member {last}," if len(found) > 1 else ""
    raise NotFiniteError(
        f"the loss ({nats[row, last]}) and the gradient's norm ({norm[row, last]}) of"
        f" step {left[last]}{member} must be finite: lower learning_rate, or clip the"
        f" gradient (clip > 0); {saved}",
        left,
    )


class Totals:
    """Sums of the steps since the last row.

    Args:
      labels: names of the L labels.
      flops_per_token: of one forward and backward pass; 0: not known.
      peak_flops: of all devices together; 0: not known.
    """

    def __init__(
        self, labels: Sequence[str], flops_per_token: float, peak_flops: float
    ) -> None:
        self._labels = list(labels)
        self._flops_per_token = flops_per_token
        self._peak_flops = peak_flops
        self._sums: dict[str, Any] = {}
        self._rate: Any = 0.0
        self._since = time.perf_counter()
        self.steps = 0

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Adds the steps of a dispatch: arrays [K, ...], padded steps left out."""
        sums = {name: metrics[name] for name in _SUMS if name in metrics}
        with np.errstate(invalid="ignore"):  # of members that diverged
            sums = jax.tree.map(lambda x: np.sum(x, axis=0, dtype=np.float64), sums)
            self._sums = jax.tree.map(np.add, self._sums, sums) if self._sums else sums
        self._rate = metrics["learning_rate"][-1]
        self.steps += len(metrics["nats_sum"])

    def pause(self, seconds: float) -> None:
        """Leaves out time in which nothing was trained."""
        self._since += seconds

    def row(self, step: int) -> dict[str, Any]:
        """Returns the means since the last row, and starts afresh.

        Returns:
          JSON types: `step` (steps taken so far), `loss` (nats per token),
          `loss_by_label` (labels that occurred), `learning_rate`, `grad_norm` (mean
          over steps), `tokens`, `seconds`, `tokens_per_second`, where known `mfu`, and
          those of `summarize_routing`. In a population, numbers of the members are
          lists; `tokens` is of one. Those of one that diverged are None.
        """
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        sums, tokens = self._sums, self._sums["token_count"]
        nats, counts = sums["label_nats_sum"], sums["label_count"]
        members = int(np.size(tokens))
        speed = float(np.sum(tokens)) / seconds
        row = {
            "step": step,
            "loss": _to_json(sums["nats_sum"] / np.maximum(tokens, 1)),
            "loss_by_label": {
                name: _to_json(nats[..., i] / np.maximum(counts[..., i], 1))
                for i, name in enumerate(self._labels)
                if np.any(counts[..., i])
            },
            "learning_rate": _to_json(self._rate),
            "grad_norm": _to_json(sums["grad_norm"] / max(self.steps, 1)),
            "tokens": round(float(np.sum(tokens)) / members),
            "seconds": round(seconds, 4),
            "tokens_per_second": round(speed, 1),
        }
        if self._flops_per_token and self._peak_flops:
            row["mfu"] = speed * self._flops_per_token / self._peak_flops
        if "routing" in sums:
            routing = summarize_routing(sums["routing"])
            row |= {name: _to_json(x) for name, x in routing.items()}
        self._sums, self.steps, self._since = {}, 0, now
        return to_json_types(row)


def summarize_routing(sums: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Measures how evenly tokens went to experts.

    Args:
      sums: `aux["routing"]` of `models.apply`; each may have leading axes.

    Returns:
      `dropped_share` of the choices; `load_max`, the largest share of an expert
      times E (1: even, E: all choices to one), a mean over layers; `load_entropy`,
      the entropy of the shares over ln E (1: even, 0: one expert), likewise;
      `router_entropy`, nats per token.
    """
    load = np.asarray(sums["load_LE"], np.float64)
    share = load / np.maximum(np.sum(load, axis=-1, keepdims=True), 1)
    experts = load.shape[-1]
    nats = -np.sum(share * np.log(np.where(share > 0, share, 1)), axis=-1)
    even = np.where(experts > 1, np.mean(nats, axis=-1) / np.log(max(experts, 2)), 1.0)
    return {
        "dropped_share": sums["dropped"] / np.maximum(sums["choices"], 1),
        "load_max": np.mean(np.max(share, axis=-1), axis=-1) * experts,
        "load_entropy": even,
        "router_entropy": sums["entropy"] / np.maximum(sums["tokens"], 1),
    }


def _to_json(value: Any) -> Any:
    """Returns a float, or a list of floats for a population."""
    return np.asarray(value, np.float64).tolist()


# Floating point operations a second of a device: dense bfloat16 (TPU, and GPUs from
# Ampere on) or float16 (older GPUs) of the makers' data sheets, by a part of
# `device_kind`; first match.
PEAK_FLOPS: tuple[tuple[str, float], ...] = (
    ("B200", 2250e12), ("H200", 989e12), ("H100 PCIe", 756e12), ("H100", 989e12),
    ("A100", 312e12), ("L40S", 362e12), ("L4", 121e12), ("A10", 125e12),
    ("V100", 125e12), ("T4", 65e12), ("TPU v6 lite", 918e12), ("TPU v5p", 459e12),
    ("TPU v5 lite", 197e12), ("TPU v5", 459e12), ("TPU v4", 275e12), ("TPU v3", 123e12),
)  # fmt: skip


def peak_flops(devices: Sequence[Any]) -> float:
    """Sums the peak operations a second of devices; 0 if a kind is not known."""
    kinds = [device.device_kind for device in devices]
    peaks = [next((p for name, p in PEAK_FLOPS if name in k), 0.0) for k in kinds]
    return float(sum(peaks)) if all(peaks) else 0.0
