"""What several tests of fits are given."""

import numpy as np
import pytest

from kscale.theory.fitting import chinchilla_law, fit_chinchilla


@pytest.fixture(scope="session")
def chinchilla_points():
    """Makes noisy points of Chinchilla's law."""

    def points(sigma, n=80):
        rng = np.random.default_rng(0)
        parameters = np.exp(rng.uniform(17.5, 23.5, n))
        tokens = np.exp(rng.uniform(22.3, 27.0, n))
        loss = chinchilla_law(parameters, tokens, 406.4, 0.3392, 410.7, 0.2849, 1.6934)
        return parameters, tokens, loss * np.exp(sigma * rng.normal(size=n))

    return points


@pytest.fixture(scope="session")
def fitted(chinchilla_points):
    """Eighty noisy points of Chinchilla's law, and the fit of them."""
    points = chinchilla_points(0.004)
    return points, fit_chinchilla(*points, np.array([[6.0, 0.3, 6.0, 0.3, 0.5]]))
