"""True power laws pass; biased, cut and uniform data do not, whatever their R^2."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kscale import theory
from kscale.theory.fitting import diagnose, power_law, residuals
from kscale.theory.model_scaling import (
    infinite_allocation,
    water_level,
    zipf_frequencies,
)

X = np.geomspace(1.0, 1e3, 16)
LAW = power_law(X, 0.4, 10.0, 0.2)


def test_true_laws_are_recognized_at_every_noise():
    noise = np.random.default_rng(0).normal(size=(300, 16))
    for sigma in (0.003, 0.03):
        curves = LAW * (1 + sigma * noise)
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
    assert diagnose(X, LAW).largest < 1e-12


@pytest.mark.parametrize("exponent", [0.0, 1.05, 1.2])
def test_biased_and_uniform_data_are_none(exponent):
    p = zipf_frequencies(40_000, exponent, 1000.0)
    capacity = np.geomspace(100, 1e5, 16)
    y = water_level(capacity, p).redundancy + 0.3
    for sigma in (0.0, 0.01):
        noise = 1 + sigma * np.random.default_rng(1).normal(size=16)
        found = diagnose(capacity, y * noise)
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


def test_what_rises_has_no_exponent_and_a_constant_no_variance_to_explain():
    assert diagnose(X, np.linspace(1.0, 2.0, 16)).is_power_law == 0.0
    assert np.isnan(diagnose(X, np.full(16, 0.3)).r_squared)


def test_order_does_not_matter():
    y = LAW * (1 + 0.1 * np.sin(np.log(X)))
    shuffle = np.random.default_rng(0).permutation(16)
    np.testing.assert_allclose(diagnose(X, y), diagnose(X[shuffle], y[shuffle]))


def test_a_tolerance_excuses_and_a_known_noise_accuses():
    rng = np.random.default_rng(2)
    y = LAW * (1 + 0.05 * rng.normal(size=16))
    assert diagnose(X, y).is_power_law == 1.0
    assert np.isnan(diagnose(X, y).p_noise)
    accused = diagnose(X, y, noise=0.002, tolerance=0.0)
    assert accused.p_noise < 1e-6
    assert diagnose(X, y, noise=0.06).p_noise > 0.05
    smooth = LAW * (1 + 0.1 * np.sin(2 * np.log(X)))
    assert diagnose(X, smooth, tolerance=0.02).is_power_law == 0.0
    assert diagnose(X, smooth, tolerance=0.5).is_power_law == 1.0


@pytest.mark.parametrize(
    ("residual", "ratio", "runs", "noise", "error"),
    [
        ([1.0, -1.0, 1.0, -1.0], 3.0, 4, (16 / 6) ** 0.5, 1e-12),
        ([-1.0, -0.5, 0.5, 1.0], 1.5 / 2.5, 2, (0.25 / 6) ** 0.5, 1e-12),
        (np.random.default_rng(0).normal(size=20_000), 2.0, None, 1.0, 0.025),
    ],
)
def test_the_parts_by_hand(residual, ratio, runs, noise, error):
    with theory.float64():
        residual = jnp.asarray(residual)
        found = residuals.von_neumann(residual)[0], residuals.sign_runs(residual)[0]
        found = [*map(float, found), float(residuals.second_difference_noise(residual))]
    assert found[0] == pytest.approx(ratio, rel=error)
    assert runs in (None, found[1])
    assert found[2] == pytest.approx(noise, rel=error)
