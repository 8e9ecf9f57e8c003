"""Levels against a loop in 40 digits; the giant component against Lambert's W in 50."""

import math

import jax
import mpmath
import numpy as np
import pytest
from blocks import accuracy_curve as curve_of

from kscale import theory
from kscale.theory.concepts.poisson import transition
from kscale.theory.skills.levels import accuracy_curve, giant_component, skill_levels
from kscale.theory.skills.tails import KINDS, pair_tail
from kscale.theory.skills.tasks import binomial_task, homogeneous_task


def plain_levels(R, T, kind, levels=100, S=1000):
    """gamma_0..gamma_L by the formulas as one would write them, in 40 digits."""
    published = kind == "published"
    with mpmath.workdps(40):
        R, T, S = mpmath.mpf(R), mpmath.mpf(T), mpmath.mpf(S)
        n, p = R * (R - 1) / 2, (1 - (1 - 36 / R**2) ** T) / S**2
        gammas = [mpmath.mpf(1)]
        for level in range(1, levels + 1):
            eta = mpmath.exp(mpmath.mpf(7 * level) / levels)
            sigma, below = mpmath.log(level, 2), gammas[-1]
            if published:
                eta, sigma = mpmath.nint(eta), mpmath.nint(sigma)
                below = gammas[11] if level >= 12 else below
            q = eta / n
            divergence = n * q * mpmath.log(q / p)
            divergence += n * (1 - q) * mpmath.log((1 - q) / (1 - p))
            w = 1 / mpmath.sqrt(8 * eta * (1 - q))
            if published:
                divergence, w = divergence / mpmath.log(2), 1 / mpmath.sqrt(2 * n)
            tail = w * mpmath.exp(-divergence)
            if eta <= n * p:
                tail = 1 - mpmath.exp(-divergence)
                tail = max(tail, w) if kind == "monotone" else tail
            c = tail * below ** (2 * sigma) * S if below or not sigma else mpmath.mpf(0)
            root = mpmath.lambertw(-c * mpmath.exp(-c)).real / c if c > 1 else -1
            gammas.append(1 + root)
        return [float(gamma) for gamma in gammas]


@pytest.mark.parametrize("N", [3e8, 2e9, 8e9, 5.5e10, 1e12])
@pytest.mark.parametrize("kind", ["literal", "monotone", "published"])
def test_against_a_plain_loop(N, kind):
    R, published = N / 2e5, kind == "published"
    T = 4.5 * R
    how = {"as_published": True} if published else {"kind": kind}
    found, plain = skill_levels(R, T, **how), plain_levels(R, T, kind)
    np.testing.assert_allclose(found.gamma, plain, rtol=1e-11, atol=1e-300)
    assert found.top == max(i for i, g in enumerate(plain) if i == 0 or g > 0)


@pytest.mark.parametrize("kind", KINDS.split(" | "))
def test_without_prerequisites_every_level_stands_alone(kind):
    eta = np.array([3.0, 1.0, 5.0])
    S = np.array([1000.0, 50.0, 2000.0])
    found = skill_levels(9000, 40000, eta, np.zeros(3), S, levels=3, kind=kind)
    tail = pair_tail(9000, 40000, eta, skills=S, kind=kind).tail
    np.testing.assert_allclose(found.p, [1, *tail], rtol=1e-13)
    alone = giant_component(tail * S)
    np.testing.assert_allclose(found.gamma, [1, *alone], rtol=1e-13)


def test_nothing_is_learnt_above_a_level_without_giant_component():
    found = skill_levels(9000, 40000, [1.0, 1e4, 1.0], [0.0, 1.0, 1.0], levels=3)
    assert found.gamma[1] > 0.9
    np.testing.assert_array_equal(found.gamma[2:], 0)
    assert found.top == 1


def test_thinned_skills_by_hand():
    given = {"eta": [12.0, 1.0], "prerequisites": [0.0, 2.0], "levels": 2}
    given["skills"] = [300.0, 1000.0]
    found = skill_levels(3000, 13600, **given, kind="two_ways", thinned="skills")
    printed = skill_levels(3000, 13600, **given, kind="two_ways")
    tail = pair_tail(3000, 13600, 1.0, kind="two_ways").tail
    assert found.gamma[1] == printed.gamma[1]  # without prerequisites they agree
    ready = found.gamma[1] ** 2
    hand = ready * giant_component(1000 * tail * ready)
    np.testing.assert_allclose(found.gamma[2], hand, rtol=1e-13)
    assert hand <= ready < printed.gamma[2]
    np.testing.assert_allclose(found.p, printed.p, rtol=1e-13)


@pytest.mark.parametrize("kind", ["monotone", "exact", "two_ways", "bound"])
def test_accuracy_grows_with_size_from_nothing_to_one(kind):
    curve = curve_of(np.geomspace(2e6, 1e15, 200), kind=kind)
    assert curve.accuracy.shape == (200, 3)
    assert np.diff(curve.accuracy, axis=0).min() >= -1e-15
    assert curve.accuracy[0].max() < 1e-9
    np.testing.assert_allclose(curve.accuracy[-1], 1, rtol=1e-14)
    assert (np.diff(curve.top) >= 0).all()


def test_the_ratio_is_where_learning_sets_in_and_sigma_a_scale():
    at = float(transition(5.0).texts_per_concept)
    free = accuracy_curve(3e9, d=5.0).accuracy
    given = accuracy_curve(3e9, texts_per_concept=at, d=5.0).accuracy
    np.testing.assert_array_equal(free, given)
    # and the parameters of a concept only scale the axis
    scaled = accuracy_curve(3e4, d=5.0, sigma=2.0).accuracy
    np.testing.assert_allclose(free, scaled, rtol=1e-14)


def test_tasks_of_ones_own():
    q = np.stack([homogeneous_task(3, 5, (2,)), binomial_task(0.5, 5, (1, 2))])
    curve = accuracy_curve([1e9, 5e12], q, levels=5)
    np.testing.assert_allclose(curve.accuracy[:, 0], curve.gamma[:, 3] ** 2)
    alone = accuracy_curve([1e9, 5e12], q[1], levels=5).accuracy
    np.testing.assert_allclose(curve.accuracy[:, 1], alone)


@pytest.mark.slow
def test_derivatives_match_differences():
    def accuracy(log_n):
        return accuracy_curve(jax.numpy.exp(log_n), kind="exact").accuracy[0]

    at, step = math.log(6.4e8), 1e-6
    with theory.float64():
        slope = np.asarray(jax.grad(accuracy)(at))
    ends = curve_of(np.exp([at - step, at + step]), kind="exact").accuracy[:, 0]
    np.testing.assert_allclose(slope, np.diff(ends)[0] / (2 * step), rtol=1e-5)
    assert slope > 1


@pytest.mark.parametrize(
    "excess",
    [1e-14, 1e-12, 1e-8, 1e-5, 1e-3, 0.05, 0.5, 0.62, 0.66, 1.0, 5.0, 50.0, 1e3, 1e6],
)
def test_a_giant_component_against_lambert_w(excess):
    c = 1.0 + excess
    with mpmath.workdps(50):
        x = mpmath.mpf(c)
        truth = 1 + mpmath.lambertw(-x * mpmath.exp(-x)).real / x
        assert abs(float(giant_component(c)) / truth - 1) < 1e-15


def test_a_giant_component_solves_its_equation_and_has_its_slope():
    c = np.array([0.0, 0.3, 1.0, 1.0001, 1.5, 9.0, np.inf])
    gamma = giant_component(c)
    assert gamma[[0, 1, 2, 6]].tolist() == [0, 0, 0, 1]
    c, gamma = c[:6], gamma[:6]
    np.testing.assert_allclose(gamma, -np.expm1(-c * gamma), atol=1e-15)
    with theory.float64():
        slope = np.asarray(jax.jit(jax.vmap(jax.grad(giant_component)))(c))
        # what is no number stays none
        assert np.isnan(np.asarray(jax.jit(giant_component)(np.nan)))
    some = c != 1
    exact = gamma * (1 - gamma) / (1 - np.where(some, c * (1 - gamma), 0))
    np.testing.assert_allclose(slope[some], exact[some], rtol=1e-9)
