"""What a scheme may say."""

import pytest

from kscale.quant import BITS, NO_ROUNDING, Scheme


def test_every_number_of_bits_that_can_be_asked_for():
    assert BITS == (8, 6, 5, 4, 3, 2)
    assert [Scheme(bits).bits for bits in BITS] == list(BITS)
    assert NO_ROUNDING.bits == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 7}, r"Scheme\.bits is 7, must be one of \(8, 6, 5, 4, 3, 2\) or 0"),
        ({"bits": 16}, r"Scheme\.bits is 16"),
        ({"group": -1}, r"Scheme\.group is -1, must be 0 or more"),
        ({"leaves": ()}, r"Scheme\.leaves is \(\), must be a tuple of one pattern"),
        ({"leaves": "layer*"}, r"Scheme\.leaves is 'layer\*', must be a tuple"),
    ],
)
def test_what_cannot_be_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Scheme(**fields)
