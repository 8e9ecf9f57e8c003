"""Peak operations of devices that are known."""

from types import SimpleNamespace

import pytest

from kscale.train.metrics import peak_flops


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["NVIDIA H200"], 989e12),
        (["NVIDIA L4"], 121e12),
        (["NVIDIA L40S"], 362e12),
        (["TPU v5 lite"] * 4, 4 * 197e12),
        (["TPU v5"], 459e12),
        (["cpu"], 0.0),
        (["NVIDIA H200", "cpu"], 0.0),
    ],
)
def test_by_kind(kinds, expected):
    devices = [SimpleNamespace(device_kind=kind) for kind in kinds]
    assert peak_flops(devices) == expected
