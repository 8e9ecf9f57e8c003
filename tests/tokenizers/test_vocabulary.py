"""The dense vocabulary: a bijection that keeps order, whatever order it was given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kscale.tokenizers import build_vocabulary

SMALL = build_vocabulary([[9, 4], np.array([[4, 700]], np.int32), []], eos=50)

id_arrays = st.lists(st.lists(st.integers(0, 50256), max_size=20), max_size=6)


def test_literal_example():
    assert SMALL.original_ids.tolist() == [4, 9, 50, 700]
    assert SMALL.eos == 2
    with pytest.raises(ValueError, match="read-only"):
        SMALL.original_ids[0] = 3
    assert SMALL.size == 4
    dense = SMALL.to_dense(np.array([[700, 4], [50, 9]]))
    assert dense.tolist() == [[3, 0], [2, 1]]
    assert dense.dtype == np.int32
    assert SMALL.to_original(dense).tolist() == [[700, 4], [50, 9]]
    assert SMALL.to_original(dense).dtype == np.int32
    assert SMALL.to_dense([]).shape == (0,)
    assert SMALL.to_original(np.zeros((2, 0), int)).shape == (2, 0)
    assert build_vocabulary([], eos=7).original_ids.tolist() == [7]


@given(id_arrays, st.randoms())
def test_bijection_that_keeps_order_whatever_the_order_of_the_input(arrays, random):
    flat = [token for array in arrays for token in array]
    random.shuffle(flat)
    mixed, made = (build_vocabulary(x, 50256) for x in ([flat, flat[:3]], arrays))
    assert mixed.original_ids.tolist() == made.original_ids.tolist()
    assert mixed.eos == made.eos
    dense = np.arange(made.size)
    assert made.to_dense(made.to_original(dense)).tolist() == dense.tolist()
    assert np.all(np.diff(made.original_ids) > 0)
    assert made.original_ids[made.eos] == 50256
    for array in arrays:
        assert made.to_original(made.to_dense(array)).tolist() == array


def test_an_id_outside_is_named():
    for outside in (-1, 5, 701):
        with pytest.raises(ValueError, match=f"token id {outside} is not among the 4 "):
            SMALL.to_dense([4, outside, 9])
    for outside in (-1, 4):
        with pytest.raises(ValueError, match=f"dense id {outside} must be from 0 to 3"):
            SMALL.to_original([0, outside])
    for ids in ([0.5], [True], ["a"]):
        with pytest.raises(ValueError, match="must be integers, but are"):
            build_vocabulary([ids], eos=0)
