"""Makes the stand-in model importable: ``import standin``."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def mesh():
    """The trivial mesh."""
    from kscale.train import one_device

    return one_device()
