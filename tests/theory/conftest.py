"""Solvers are compiled as users compile them: they promise their last digits."""

import jax
import pytest

NAME = "jax_disable_most_optimizations"


@pytest.fixture(scope="package", autouse=True)
def optimized():
    """Undoes what `make test` sets; no program goes from one to the other."""
    before = jax.config.read(NAME)
    jax.config.update(NAME, False)
    jax.clear_caches()
    yield
    jax.config.update(NAME, before)
    jax.clear_caches()
