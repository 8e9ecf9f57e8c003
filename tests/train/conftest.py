"""The mesh of one device, on which most of these tests train."""

import pytest


@pytest.fixture(scope="session")
def mesh():
    from kscale.train import one_device

    return one_device()
