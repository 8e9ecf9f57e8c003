"""Programs are compiled without optimizing them: these tests allow for rounding."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick(quick_compiles):
    """Spares most of the time of compiling."""
