import dataclasses

import pytest

from kscale.models import ModelConfig


def test_derived_sizes():
    config = ModelConfig(heads=6, head_size=16, kv_heads=2, mlp_width=8 / 3)
    sizes = (config.width, config.key_value_heads, config.hidden, config.rotary_size)
    assert sizes == (96, 2, 256, 4)
    assert dataclasses.replace(config, kv_heads=0).key_value_heads == 6
    assert dataclasses.replace(config, mlp="none").hidden == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("layers", 0, "ModelConfig.layers is 0, must be 1 or more"),
        ("heads", -1, "ModelConfig.heads is -1, must be 1 or more"),
        ("vocab", -1, "ModelConfig.vocab is -1, must be 0 or more"),
        ("kv_heads", 3, "kv_heads is 3, must be a divisor of heads=4"),
        ("mlp", "big", "mlp is 'big', must be one of"),
        ("mlp_width", 0.0, "mlp_width is 0.0, must be greater than 0"),
        ("mlp_width", 1e-4, "mlp_width is 0.0001, must be such that"),
        ("norm", "batch", "norm is 'batch', must be one of"),
        ("compute", "float16", "compute is 'float16', must be one of"),
        ("init_std", -0.1, "init_std is -0.1, must be 0 or more"),
        ("rotary_fraction", 1.5, "rotary_fraction is 1.5, must be between 0 and 1"),
        ("rotary_fraction", 0.05, "rotary_fraction \\* head_size=64 is an even"),
    ],
)
def test_field_out_of_range(field, value, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**{"heads": 4, field: value})
