"""Chunks are checked before they reach the devices."""

import numpy as np
import pytest
from standin import CONFIG, batches

from kscale.train import Hyper, population, solo
from kscale.train.infeed import Chunks

PAIR = population([Hyper(1e-3, 0.0, 0)] * 2)


def one(chunk):
    return lambda dispatch: iter([chunk])


def arrays(*shape, names=("tokens", "labels")):
    return {name: np.zeros(shape, np.int32) for name in names}


def test_chunks_come_in_order(mesh):
    chunks = Chunks(batches(4), 3, 4, solo(CONFIG), mesh)
    expected = batches(4)(3)
    for _ in range(2):
        np.testing.assert_array_equal(chunks.take()["tokens"], next(expected)["tokens"])
    assert chunks.describe() == {
        "rows": 4,
        "context": 6,
        "fields": ["labels", "tokens"],
        "own_data": False,
    }
    chunks.close()


@pytest.mark.parametrize(
    ("chunk", "hyper", "message"),
    [
        (arrays(4, 2, 3, names=["tokens"]), None, "must have tokens, labels"),
        (arrays(4, 2, 3, names=["tokens", "labels", "x"]), None, "at most segments"),
        (arrays(4, 2, 3) | {"labels": np.zeros((4, 2, 2))}, None, "differ in shape"),
        (arrays(3, 2, 3), None, r"shape \(3, 2, 3\), must be \[4, B, T\+1\]"),
        (arrays(4, 2, 1), None, "T is 1 or more"),
        (arrays(4, 2, 2, 3), None, r"must be \[4, B, T\+1\], where"),
        (arrays(4, 3, 2, 3), PAIR, r"or, with batches .*, \[4, 2, B, T\+1\]"),
    ],
)
def test_a_chunk_that_does_not_fit_is_an_error(mesh, chunk, hyper, message):
    hyper = solo(CONFIG) if hyper is None else hyper
    with pytest.raises(ValueError, match=message):
        Chunks(one(chunk), 0, 4, hyper, mesh)


def test_members_may_share_or_own_their_batches(mesh):
    assert not Chunks(one(arrays(4, 2, 3)), 0, 4, PAIR, mesh).own_data
    assert Chunks(one(arrays(4, 2, 2, 3)), 0, 4, PAIR, mesh).own_data


def test_a_later_chunk_of_another_shape_is_an_error(mesh):
    both = [arrays(4, 2, 3), arrays(4, 1, 3)]
    chunks = Chunks(lambda dispatch: iter(both), 5, 4, solo(CONFIG), mesh)
    chunks.take()
    with pytest.raises(ValueError, match="chunk of dispatch 6 has shapes"):
        chunks.take()


def test_batches_that_end_early_are_an_error(mesh):
    chunks = Chunks(one(arrays(4, 2, 3)), 0, 4, solo(CONFIG), mesh)
    chunks.take()
    with pytest.raises(ValueError, match="batches end before dispatch 1"):
        chunks.take()
