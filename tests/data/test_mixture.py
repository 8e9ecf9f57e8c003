"""Mixtures: exact shares in every prefix, whole windows of one kind."""

import numpy as np
import pytest

from kscale.data import PAD, Mixture, Stream


@pytest.fixture
def parts(made):
    m = made("mini", 40)
    return [Stream(m.corpus, m.pool, e, 50, seed) for e, seed in ((2, 0), (3, 1))]


def test_a_mixture_by_hand(parts):
    """Seven windows of eight are of part 0: the eighth floor(8 x 7 / 8) is full."""
    mixture = Mixture(parts, [7, 1])
    assert mixture.kinds(0, 10).tolist() == [1, 0, 0, 0, 0, 0, 0, 0, -1, -1]
    assert mixture.num_windows == 8
    got = mixture.windows(0, 10, segments=True)
    one, other = parts[0].windows(0, 7, True), parts[1].windows(0, 1, True)
    for name, array in got.items():
        assert np.array_equal(array[0], other[name][0])
        assert np.array_equal(array[1:8], one[name])
    assert (got["labels"][8:] == PAD).all()
    assert (got["tokens"][8:] == mixture.eos).all()
