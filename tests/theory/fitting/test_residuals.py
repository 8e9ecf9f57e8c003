"""True power laws pass; biased, cut and uniform data do not, whatever their R^2."""

import jax
import numpy as np
import pytest

from kscale import theory
from kscale.theory.fitting.power_laws import power_law
from kscale.theory.fitting.residuals import (
    diagnose,
    second_difference_noise,
    sign_runs,
    von_neumann,
)
from kscale.theory.model_scaling.allocation import water_level
from kscale.theory.model_scaling.frequencies import zipf_frequencies
from kscale.theory.model_scaling.homogeneous import infinite_allocation

X = np.geomspace(1.0, 1e3, 16)


def test_true_laws_are_recognized_at_every_noise():
    noise = np.random.default_rng(0).normal(size=(300, 16))
    for sigma in (0.003, 0.03):
        curves = power_law(X, 0.4, 10.0, 0.2) * (1 + sigma * noise)
        with theory.float64():
            judge = jax.jit(jax.vmap(lambda y: diagnose(X, y)))
            found = jax.tree.map(np.asarray, judge(curves))
        assert found.is_power_law.mean() > 0.95
        np.testing.assert_allclose(found.rms.mean(), sigma, rtol=0.15)


def test_an_exact_law_is_one_although_rounding_is_systematic():
    capacity = np.geomspace(1e4, 1e7, 16)
    y = infinite_allocation(capacity, 0.6).redundancy + 0.1
    found = diagnose(capacity, y)
    assert found.is_power_law == 1.0
    assert found.largest < 1e-4
    assert diagnose(X, power_law(X, 0.4, 10.0, 0.2)).largest < 1e-12


@pytest.mark.parametrize("exponent", [0.0, 1.05, 1.2])
@pytest.mark.parametrize("sigma", [0.0, 0.01])
def test_biased_and_uniform_data_are_none(exponent, sigma):
    p = zipf_frequencies(40_000, exponent, 1000.0)
    capacity = np.geomspace(100, 1e5, 16)
    y = water_level(capacity, p).redundancy + 0.3
    y = y * (1 + sigma * np.random.default_rng(1).normal(size=16))
    found = diagnose(capacity, y)
    assert found.is_power_law == 0.0
    assert found.p_smooth < 0.01
    assert found.runs <= 6
    assert found.misfit > 2 * found.noise


def test_a_high_r_squared_does_not_help():
    p = zipf_frequencies(400_000, 1.2, 1000.0)
    capacity = np.geomspace(1e4, 2e6, 16)
    found = diagnose(capacity, water_level(capacity, p).redundancy + 0.3)
    assert found.r_squared > 0.99
    assert found.is_power_law == 0.0


def test_a_law_that_bends_upwards_has_no_exponent():
    found = diagnose(X, np.linspace(1.0, 2.0, 16))
    assert found.is_power_law == 0.0


def test_order_does_not_matter():
    y = power_law(X, 0.4, 10.0, 0.2) * (1 + 0.1 * np.sin(np.log(X)))
    shuffle = np.random.default_rng(0).permutation(16)
    np.testing.assert_allclose(diagnose(X, y), diagnose(X[shuffle], y[shuffle]))


def test_a_tolerance_excuses_and_a_known_noise_accuses():
    rng = np.random.default_rng(2)
    y = power_law(X, 0.4, 10.0, 0.2) * (1 + 0.05 * rng.normal(size=16))
    assert diagnose(X, y).is_power_law == 1.0
    assert np.isnan(diagnose(X, y).p_noise)
    accused = diagnose(X, y, noise=0.002, tolerance=0.0)
    assert accused.p_noise < 1e-6
    assert diagnose(X, y, noise=0.06).p_noise > 0.05
    smooth = power_law(X, 0.4, 10.0, 0.2) * (1 + 0.1 * np.sin(2 * np.log(X)))
    assert diagnose(X, smooth, tolerance=0.02).is_power_law == 0.0
    assert diagnose(X, smooth, tolerance=0.5).is_power_law == 1.0


def test_the_parts_by_hand():
    with theory.float64():
        up_down = np.array([1.0, -1.0, 1.0, -1.0])
        assert float(von_neumann(jax.numpy.asarray(up_down))[0]) == 3.0
        assert float(sign_runs(jax.numpy.asarray(up_down))[0]) == 4
        line = jax.numpy.asarray([-1.0, -0.5, 0.5, 1.0])
        assert float(von_neumann(line)[0]) == pytest.approx(1.5 / 2.5)
        assert float(sign_runs(line)[0]) == 2
        assert float(second_difference_noise(line)) == pytest.approx(
            np.sqrt((0.25 + 0.25) / 2 / 6)
        )
        noise = jax.numpy.asarray(np.random.default_rng(0).normal(size=20_000))
        assert float(second_difference_noise(noise)) == pytest.approx(1.0, abs=0.03)
        assert float(von_neumann(noise)[0]) == pytest.approx(2.0, abs=0.05)


def test_a_constant_has_no_variance_to_explain():
    assert np.isnan(diagnose(X, np.full(16, 0.3)).r_squared)
