"""Batches are checked, stacked and padded before they reach the devices."""

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils
from support.standin import batch, batches

from kscale.train.infeed import Infeed, stack_steps


def arrays(*shape, names=("tokens", "labels")):
    return {name: np.zeros(shape, np.int32) for name in names}


def test_dispatches_come_in_order_and_the_last_is_padded(mesh):
    infeed = Infeed(batches(10), 3, 10, mesh)
    assert (infeed.rows, infeed.context) == (4, 6)
    assert infeed.fields == ["labels", "tokens"]
    shapes = infeed.open(4)
    for steps in ((3, 4, 5, 6), (7, 8, 9, 9)):
        found = infeed.take()
        for name in ("tokens", "labels"):
            expected = np.stack([batch(step)[name] for step in steps])
            np.testing.assert_array_equal(found[name], expected)
            assert found[name].dtype == expected.dtype == shapes[name].dtype
            assert found[name].shape == shapes[name].shape
    message = r"batches end before step 10: .* of total_steps"
    with pytest.raises(ValueError, match=message):
        infeed.take()
    infeed.close()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (arrays(2, 3, names=["tokens"]), "must have tokens, labels"),
        (arrays(2, 3, names=["tokens", "labels", "x"]), "at most segments"),
        (arrays(2, 3) | {"labels": np.zeros((2, 2))}, r"must have \[B, T\+1\]"),
        (arrays(2, 2, 3), r"must have \[B, T\+1\]"),
        (arrays(2, 1), "T is 1 or more"),
    ],
)
def test_a_batch_that_does_not_fit_is_an_error(mesh, arrays, message):
    with pytest.raises(ValueError, match=message):
        Infeed(stack_steps(lambda step: arrays, 9), 0, 9, mesh)


def test_later_batches_of_another_shape_are_an_error(mesh):
    infeed = Infeed(stack_steps(lambda step: arrays(2 - step // 4, 3), 9), 0, 9, mesh)
    infeed.open(4)
    infeed.take()
    with pytest.raises(ValueError, match=r"later batches have shapes .*\(4, 1, 3\)"):
        infeed.take()


def test_processes_that_all_give_the_whole_batch_are_found_out(mesh, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(
        multihost_utils, "process_allgather", lambda own: np.stack([own, own])
    )
    with pytest.raises(ValueError, match="processes 0 and 1 give the same rows of a b"):
        Infeed(batches(10), 0, 10, mesh)
    monkeypatch.setattr(
        multihost_utils, "process_allgather", lambda own: np.stack([own, own + 1])
    )
    assert Infeed(batches(10), 0, 10, mesh).rows == 8
