"""Structure functions: a literal family, the definition, and its laws."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kscale.theory.coding.two_part import structure_function

MODEL = [10, 20, 40, 80, 160]
DATA = [1000, 700, 650, 640, 660]
bits = hnp.arrays(float, st.shared(st.integers(1, 9)), elements=st.floats(0, 1e4))


def test_a_literal_family():
    found = structure_function(MODEL, DATA)
    assert found.h.tolist() == [1000, 700, 650, 640, 640]
    assert found.total.tolist() == [1010, 720, 690, 720, 800]
    assert (found.best_total, found.minimal_sufficient) == (690, 40)
    np.testing.assert_allclose(found.slack, math.log2(5))
    # slack decides what suffices
    assert structure_function(MODEL, DATA, slack=29.9).minimal_sufficient == 40
    assert structure_function(MODEL, DATA, slack=30).minimal_sufficient == 20
    assert structure_function(MODEL, DATA, slack=320).minimal_sufficient == 10
    assert structure_function([7], [3]).slack == 0
    found = structure_function(MODEL, DATA, alpha=[5, 10, 39.9, 1e6])
    assert found.h.tolist() == [math.inf, 1000, 700, 640]
    # of equal sizes the better model counts
    assert structure_function([5, 5, 5], [9, 3, 6]).h.tolist() == [3, 3, 3]


@given(bits, bits)
def test_the_definition_and_its_laws(model, data):
    found = structure_function(model, data)
    plain = [data[model <= a].min() for a in found.alpha]
    np.testing.assert_array_equal(found.h, plain)
    assert (np.diff(found.h) <= 0).all()
    assert found.best_total == (model + data).min()
    # the sufficiency line: no two-part code is shorter than the best
    assert (found.total >= found.best_total - 1e-9).all()
    k = np.argmin(model + data)
    assert found.minimal_sufficient <= model[k]
    order = np.random.default_rng(0).permutation(model.size)
    shuffled = structure_function(model[order], data[order])
    np.testing.assert_array_equal(shuffled.h, found.h)
