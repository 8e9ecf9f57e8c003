"""Makes the stand-in model importable (`import standin`) and compiles it once."""

import sys
from pathlib import Path

import jax
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """Equal programs are compiled once in a session, also by other processes."""
    folder = jax.config.jax_compilation_cache_dir
    if folder is None:
        folder = str(tmp_path_factory.mktemp("compilation_cache"))
        jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


@pytest.fixture(scope="session")
def mesh():
    from kscale.train import one_device

    return one_device()
