"""The bench of all benches: what it makes of their lines."""

import pytest

from tools import bench


def test_batches_beside_steps():
    step = (
        "demo      tokens/s  kscale   138,012  eager    45,333  ratio 2.40\n"
        "GPT2-2-1  tokens/s  kscale    31,457\n"
    )
    made = (
        "bioS      50.0 million tokens/s composed   1.000 formatted\n"
        "demo      41.4 million tokens/s composed   0.900 formatted\n"
    )
    found = bench.beside(step, made)
    assert found["demo"] == pytest.approx(300, rel=1e-3)
    assert found["GPT2-2-1"] == pytest.approx(50e6 / 31457)
