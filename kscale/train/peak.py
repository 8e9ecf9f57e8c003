"""How many floating point operations a second a device can do, where it is known."""

from collections.abc import Sequence
from typing import Any

# Dense bfloat16 (TPU, and GPUs from Ampere on) or float16 (older GPUs) of the makers'
# data sheets, by a part of ``device_kind``; first match.
PEAK_FLOPS: tuple[tuple[str, float], ...] = (
    ("B200", 2250e12),
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("L40S", 362e12),
    ("L4", 121e12),
    ("A10", 125e12),
    ("V100", 125e12),
    ("T4", 65e12),
    ("TPU v6 lite", 918e12),
    ("TPU v5p", 459e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5", 459e12),
    ("TPU v4", 275e12),
    ("TPU v3", 123e12),
)


def peak_flops(devices: Sequence[Any]) -> float:
    """Peak operations a second of all devices together; 0 if a kind is not known.

    Example:
      >>> peak_flops([])
      0.0
    """
    kinds = [device.device_kind for device in devices]
    peaks = [next((p for name, p in PEAK_FLOPS if name in k), 0.0) for k in kinds]
    return float(sum(peaks)) if all(peaks) else 0.0
