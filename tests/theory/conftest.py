"""What several tests of the theory are given."""

import numpy as np
import pytest

from kscale.theory.fitting.chinchilla import chinchilla_law, fit_chinchilla


@pytest.fixture(scope="session")
def fitted():
    """Eighty noisy points of Chinchilla's law, and the fit of them."""
    rng = np.random.default_rng(0)
    parameters = np.exp(rng.uniform(17.5, 23.5, 80))
    tokens = np.exp(rng.uniform(22.3, 27.0, 80))
    loss = chinchilla_law(parameters, tokens, 406.4, 0.3392, 410.7, 0.2849, 1.6934)
    points = parameters, tokens, loss * np.exp(0.004 * rng.normal(size=80))
    start = np.array([[6.0, 0.3, 6.0, 0.3, 0.5]])
    return points, fit_chinchilla(*points, start)
