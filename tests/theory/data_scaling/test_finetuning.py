"""Fine-tuning redundancies: closed cases, ceilings, limits."""

import math

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kscale import theory
from kscale.theory.data_scaling import finetuning as ft


def test_as_many_new_sentences_as_old_ones_and_none_old():
    got = ft.finetuning_knowledge([100, 0], 100, 0.5, scale=2.0)
    exact = [2 * (math.sqrt(200) - 10) / 100, 0.2]
    np.testing.assert_allclose(got, exact, rtol=1e-14)


def test_a_few_new_sentences_keep_their_digits():
    with mpmath.workdps(50):
        n = mpmath.mpf(10) ** 12
        exact = ((n + 3) ** mpmath.mpf(0.3) - n ** mpmath.mpf(0.3)) / 3
    got = ft.finetuning_knowledge(1e12, 3, 0.3)
    assert got == pytest.approx(float(exact), rel=1e-14)
    ceiling = ft.finetuning_knowledge_ceiling(1e12, 0.3)
    assert got == pytest.approx(ceiling, rel=1e-11)


@settings(max_examples=40)
@given(st.floats(1, 1e12), st.floats(1, 1e12), st.floats(0.01, 0.99))
def test_order(old, new, alpha):
    cost = ft.finetuning_knowledge(old, new, alpha)
    ceiling = ft.finetuning_knowledge_ceiling(old, alpha)
    assert 0 < cost <= ceiling * (1 + 1e-12)
    assert ft.finetuning_knowledge(old, 2 * new, alpha) <= cost * (1 + 1e-12)
    assert ft.finetuning_knowledge(2 * old, new, alpha) <= cost * (1 + 1e-12)


def test_the_four_cases():
    def cost(knowledge, syntax):
        return ft.finetuning_redundancy(
            1e6, 1e3, 0.5, syntax_parameters=20, knowledge=knowledge, syntax=syntax
        )

    tuning = cost("same", "new")
    assert tuning.knowledge == ft.finetuning_knowledge(1e6, 1e3, 0.5)
    assert tuning.syntax == pytest.approx(0.01 * math.log(1001), rel=1e-14)
    assert tuning.per_sample == tuning.knowledge + tuning.syntax
    injection = cost("new", "same")
    assert injection.knowledge == pytest.approx(1e3**-0.5, rel=1e-14)
    assert injection.syntax == pytest.approx(0.01 * math.log(1001001 / 1000001))
    worst = cost("new", "new").per_sample
    assert cost("same", "same").per_sample < tuning.per_sample < worst
    assert injection.per_sample < worst


def test_the_first_old_sentence_helps_without_limit():
    with theory.float64():
        slope = jax.grad(lambda old: ft.finetuning_knowledge(old, 1.0, 0.5))
        assert slope(0.0) == -np.inf
        assert slope(1e-3) == pytest.approx(0.5 * (1.001**-0.5 - 1e-3**-0.5))
        new = jax.grad(lambda a: ft.finetuning_knowledge(0.0, 2.0, a))(0.5)
    assert new == pytest.approx(2**-0.5 * np.log(2))
