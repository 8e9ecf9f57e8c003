"""Weights as bytes."""

import jax
import numpy as np
import pytest

from kscale import quant
from kscale.compression import decode_model, encode_model


@pytest.fixture(scope="module")
def params():
    draw = np.random.default_rng(0).normal(size=(2, 90, 12)).astype(np.float32)
    return {
        "embed": {"table": draw[0]},
        "layer_0": {"up": {"kernel": draw[1]}},
        "final_norm": {"scale": np.linspace(-1, 2, 5, dtype=np.float32)},
    }


@pytest.mark.parametrize(
    "scheme",
    [
        quant.Scheme(bits=4, leaves=("*/kernel", "*/table")),
        quant.Scheme(bits=3, group=45, symmetric=False),
        quant.NO_ROUNDING,
    ],
)
def test_a_model_comes_back(scheme, params):
    tree = quant.cast_rest(quant.quantize(params, scheme))
    like = quant.quantize(jax.tree.map(np.zeros_like, params), scheme)
    data = encode_model(tree)
    same = jax.tree.map(np.array_equal, decode_model(data, like), tree)
    assert jax.tree.all(same)
    if scheme.bits:  # codes of a bell-shaped density take fewer bits than they have
        assert 8 * len(data) < quant.stored_bits(tree)


def test_a_model_of_one_number_costs_little(params):
    zeros = jax.tree.map(np.zeros_like, params)
    assert 8 * len(encode_model(zeros)) < 0.3 * quant.stored_bits(zeros)
