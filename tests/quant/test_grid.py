"""Codes without gaps between them."""

import jax.numpy as jnp
import numpy as np
import pytest

from kscale.quant import BITS
from kscale.quant.grid import pack, packed_size, unpack


@pytest.mark.parametrize(
    ("codes", "bits", "bytes_"),
    [
        # Low bits 1100 0000, high bits 0101 0000.
        ([1, 3, 0, 2], 2, [0b11000000, 0b01010000]),
        # Of 5 and 6: low 10, middle 01, high 11.
        ([5, 6], 3, [0b10000000, 0b01000000, 0b11000000]),
        # Nine codes: eight times 1, and 15 alone in the next four bytes.
        ([1] * 8 + [15], 4, [255, 0, 0, 0, 128, 128, 128, 128]),
        # One code of 8 bits: a byte for each of its bits, the lowest first.
        ([0b10000011], 8, [128, 128, 0, 0, 0, 0, 0, 128]),
    ],
)
def test_literal_bytes(codes, bits, bytes_):
    packed = pack(jnp.array(codes, jnp.uint8), bits)
    assert packed.dtype == jnp.uint8
    np.testing.assert_array_equal(packed, bytes_)
    np.testing.assert_array_equal(unpack(packed, bits, (len(codes),)), codes)


@pytest.mark.parametrize("bits", BITS)
def test_round_trips_of_odd_sizes_in_few_bytes(bits):
    for shape in [(1,), (8,), (3, 1, 11)]:
        count = int(np.prod(shape))
        codes = np.random.default_rng(count).integers(0, 2**bits, shape, np.uint8)
        packed = pack(jnp.asarray(codes), bits)
        assert packed.size == packed_size(count, bits)
        assert count * bits <= 8 * packed.size < (count + 8) * bits
        np.testing.assert_array_equal(unpack(packed, bits, shape), codes)
