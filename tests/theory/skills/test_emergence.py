"""Crossings and phases: against the curve itself and on steps made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from blocks import accuracy_curve as curve_of

from kscale import theory
from kscale.theory.skills.emergence import emergence_size, phases
from kscale.theory.skills.tasks import homogeneous_task, mixture_task

LEVELS = np.array([0.05, 0.5, 0.95])


@pytest.mark.parametrize("kind", ["monotone", "exact"])
def test_accuracy_there_is_the_level(kind):
    N = emergence_size(LEVELS, kind=kind)
    assert N.shape == (3, 3)
    assert (np.diff(N, axis=0) > 0).all()
    reached = curve_of(N, kind=kind).accuracy  # [level, task of N, task]
    reached = np.diagonal(reached, axis1=1, axis2=2)
    np.testing.assert_allclose(reached, LEVELS[:, None] + np.zeros(3), rtol=1e-9)


def test_a_curve_that_dips_gives_its_first_crossing():
    found = emergence_size(0.5, homogeneous_task(), kind="literal")
    N = np.geomspace(1e8, 1e10, 2000)
    reached = curve_of(N, kind="literal").accuracy[:, 0] >= 0.5
    first = np.argmax(reached)
    assert not reached[first:].all()  # it falls below the level again
    assert N[first - 1] <= found <= N[first]


def test_other_settings():
    N = emergence_size(LEVELS)
    small = emergence_size(LEVELS, sigma=1e3)
    np.testing.assert_allclose(small, N / 200, rtol=1e-12)
    printed = emergence_size(0.5, as_published=True)
    assert printed[0] > 5 * N[1, 0]  # level 11 with seven skills, and looser bounds


def test_unreached_levels_are_nan():
    # every size reaches the first, none the second
    tasks = np.stack([homogeneous_task(level, levels=3) for level in (0, 3)])
    assert np.isnan(emergence_size(0.5, tasks, eta=[1.0, 2.0, 1e12], levels=3)).all()


SCENE = {"level": 0.5, "d": 6.0, "sigma": 2e5, "texts_per_concept": 4.5}
SCENE |= {"skills": 1000.0}


@pytest.mark.slow
def test_derivatives_are_those_of_the_curve():
    # beside a task without a crossing, which spoils none of them
    tasks = np.stack([homogeneous_task(level, levels=20) for level in (0, 3)])

    def log_size(scene):
        return jnp.log(emergence_size(**scene, tasks=tasks, levels=20)[1])

    with theory.float64():
        slopes = jax.jit(jax.grad(log_size))(SCENE)
        for name, at in SCENE.items():
            step = 1e-5 * at
            ends = (log_size(SCENE | {name: x}) for x in (at + step, at - step))
            ratio = np.subtract(*ends) / (2 * step)
            np.testing.assert_allclose(slopes[name], ratio, rtol=1e-7)


def test_phases_of_steps_made_by_hand():
    N = np.geomspace(1e6, 1e12, 601)
    x = np.log10(N)
    curve = 0.3 / (1 + np.exp(-40 * (x - 8))) + 0.7 / (1 + np.exp(-40 * (x - 10)))
    found = phases(N, curve)
    np.testing.assert_allclose(found.height, [0.3, 1.0], rtol=1e-6)
    np.testing.assert_allclose(np.log10(found.emergence), [8, 10], atol=1e-3)
    np.testing.assert_allclose(found.rise, [0.3, 0.7], rtol=1e-6)
    assert (found.start[1:] > found.stop[:-1]).all()
    assert found.stop[-1] == pytest.approx(1e12)
    # a step of height h within a window of 1/4 decade: slope 4 h
    np.testing.assert_allclose(found.slope, [1.2, 2.8], rtol=0.05)


def test_phases_of_the_three_tasks():
    N = np.geomspace(1e7, 1e13, 400)
    accuracy = curve_of(N).accuracy
    one, smooth, many = (phases(N, accuracy[:, i]) for i in range(3))
    np.testing.assert_allclose(one.height, [1.0])
    np.testing.assert_allclose(smooth.height, [1.0])
    np.testing.assert_allclose(many.height, [0.4, 0.8, 1.0], rtol=1e-4)
    assert one.slope[0] > 1.5 * smooth.slope[0]  # steps and slopes
    half = emergence_size(LEVELS)[1]
    np.testing.assert_allclose(one.emergence, half[0], rtol=0.03)
    np.testing.assert_allclose(smooth.emergence, half[1], rtol=0.03)
    # modes that touch make no plateau
    task = mixture_task((0.5, 0.5), (0.5, 0.55))
    assert phases(N, curve_of(N, task).accuracy).height.size == 1


def test_no_phases():
    for curve in (np.zeros(50), np.linspace(0, 1, 50)):
        found = phases(np.geomspace(1, 1e6, 50), curve)
        assert found.height.size == found.emergence.size == 0
