import pytest

from kscale.quant import Scheme


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
def test_a_scheme_out_of_range_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Scheme(**fields)
