"""Which document each lane is at."""

import numpy as np
import pytest

from kscale.compression.lanes import Lanes
from kscale.compression.range_coder import Decoder, Encoder, code_bits

EOS, DOMAIN, SIZE = 0, 9, 10


def test_three_documents_in_two_lanes():
    """Documents 5 6, an escape, and nothing; a window of 3."""
    documents = [[5, 6, EOS], [SIZE + 65, EOS], [EOS]]
    lanes, seen = Lanes(3, 2, 3, (EOS, DOMAIN), SIZE), []
    while lanes.busy:
        coded = lanes.coded
        items = [documents[lanes.document[i]][lanes.place[i]] for i in coded]
        seen.append((lanes.tokens.tolist(), lanes.past.tolist(), coded.tolist(), items))
        lanes.advance(np.array(items, np.int64))
    assert seen == [
        ([EOS, EOS], [0, 0], [], []),
        ([DOMAIN, DOMAIN], [1, 1], [0, 1], [5, SIZE + 65]),
        ([5, DOMAIN], [2, 1], [0, 1], [6, EOS]),  # the escape is not fed
        ([6, EOS], [0, 0], [0], [EOS]),  # a new window; the lane's next document
        ([EOS, DOMAIN], [0, 1], [1], [EOS]),
    ]


def test_bits_are_those_of_the_coder():
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 2**24, (500, 7)) >> rng.integers(0, 25, (500, 7))
    weights[:, 0] += 1
    symbols = rng.integers(0, 7, 500)
    encoder = Encoder()
    encoder.write(symbols, weights)
    data = encoder.finish()
    assert (Decoder(data).read(weights) == symbols).all()
    assert -1 <= 8 * len(data) - code_bits(symbols, weights).sum() <= 64


def test_shares_fill_the_interval():
    weights = np.array([[3, 0, 5, 1], [1, 1, 1, 1], [2**40, 0, 0, 1]])
    every = [code_bits(np.full(3, i), weights) for i in range(4)]
    assert np.sum(2.0 ** -np.array(every), axis=0) == pytest.approx(1, abs=1e-12)
    assert np.max(every) == 24.0  # nothing has less than 2^-24
