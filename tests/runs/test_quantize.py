"""Finished models rounded: by which method, from which texts."""

import jax
import numpy as np
import pytest

from kscale import models, quant
from kscale.quant import Scheme
from kscale.runs.quantize import Choice, quantize_params, sample_windows


def params_of(task, seed=0):
    return models.init(task.config.model, jax.random.key(seed))


def same(one, other):
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves) == len(others) and all(
        np.array_equal(x, y) for x, y in zip(leaves, others, strict=True)
    )


def test_the_nearest_points_need_no_texts(made):
    task, params = made(), params_of(made())
    found = quantize_params(task, params, 3, Choice(method="nearest", sample=0))
    assert same(found, quant.quantize(params, Scheme(bits=3)))


@pytest.mark.slow
def test_gptq_sees_the_texts(made):
    task, params = made(), params_of(made())
    scheme = Scheme(bits=3)
    options = {"act_order": False}
    tree = quantize_params(task, params, 3, Choice(options=options, sample=20))
    windows = sample_windows(task, 20)
    ours = quant.gptq(task.config.model, params, scheme, *windows, **options)
    assert same(tree, ours)
    assert not same(tree, quant.quantize(params, scheme))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"method": "magic"}, r"method='magic' must be one of \('gptq', 'nearest'\)"),
        ({"sample": 0}, "sample=0 must be 1 or more biographies"),
        ({"options": {"damp": -0.1}}, "damp is -0.1, must be 0 or more and finite"),
        ({"options": {"damp": float("nan")}}, "damp is nan, must be 0 or more and fin"),
        ({"options": {"block": 0}}, "block is 0, must be 1 or more inputs"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        Choice(**asked)


@pytest.mark.parametrize("sample", [1, 16, 40])
def test_texts_are_so_many_biographies(made, sample):
    task = made()
    tokens, segments = sample_windows(task, sample)
    assert tokens.shape == segments.shape
    assert tokens.shape[1] == task.config.data.context
    end = task.pool.eos
    real = tokens[segments >= 0]
    assert abs(int((real == end).sum()) - sample) <= 1
    assert (tokens[segments < 0] == end).all() or (segments >= 0).all()


def documents(tokens, end):
    """The whole documents between two <EOS> of a stream."""
    text = " ".join(map(str, tokens)).split(f" {end} ")
    return set(text[1:-1])


def test_texts_are_documents_that_the_model_has_met(made):
    task = made()
    end, context = task.pool.eos, task.config.data.context
    tokens, segments = sample_windows(task, 16)
    found = documents(tokens[segments >= 0], end)
    stream = task.order.stream
    met = stream.windows(0, stream.num_windows)["tokens"][:, :-1].ravel()
    assert len(found) > 10
    assert found <= documents(met, end)
    assert tokens.shape[1] == context


def test_texts_are_told_apart_where_training_does(made):
    _, segments = sample_windows(made(corpus__mask_documents=True), 16)
    assert len(np.unique(segments[0])) > 1
    _, segments = sample_windows(made(), 16)
    assert set(np.unique(segments)) <= {-1, 0}
