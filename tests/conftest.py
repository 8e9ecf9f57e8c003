"""What every test runs under.

The environment is set before anything imports JAX: the CPU backend, and an error where
two arrays of different rank meet without being asked to. Warnings are errors by
pyproject.toml. Slow tests carry `@pytest.mark.slow`.
"""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"

from hypothesis import HealthCheck, settings

# No deadlines: the first example of a property may wait for a compilation. In CI the
# examples are the same every time, so that a red run can be repeated.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
