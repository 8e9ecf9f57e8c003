"""What solvers are compiled with where `make test` spares the optimization."""

import jax
import pytest

NAME = "jax_disable_most_optimizations"


@pytest.fixture(scope="module")
def optimized():
    """Compiles as users do: for tests of last digits, or that compute for long."""
    before = jax.config.read(NAME)
    jax.config.update(NAME, False)
    jax.clear_caches()  # no program goes from one to the other
    yield
    jax.config.update(NAME, before)
    jax.clear_caches()
