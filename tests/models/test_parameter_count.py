import dataclasses

import pytest
from support.drawn import shapes_of

from kscale.models import ARCHITECTURES, ModelConfig, count_parameters, from_name
from kscale.trees import leaves_by_path

SMALL = ModelConfig(vocab=37, layers=2, heads=2, head_size=8)
GATED = {"mlp": "gated", "mlp_width": 1.3}
VARIANTS = [
    {},
    {"tied": False, "bias": False},
    GATED | {"norm_bias": False},
    {"kv_heads": 1, "norm_scale": False},
    {"experts": 3, "top_k": 2},
    GATED | {"experts": 2, "bias": False},
]
CONFIGS = {
    **{name: from_name(f"{name}-3-4x8", vocab=37) for name in ARCHITECTURES},
    "modded-m": from_name("modded-m", vocab=50304),
    **{str(fields): dataclasses.replace(SMALL, **fields) for fields in VARIANTS},
}


def test_counts_by_hand():
    demo = ModelConfig(vocab=131, layers=2, heads=3, head_size=16)
    assert count_parameters(demo) == (62_928, 6_288, 56_640, 62_928, 0)
    small = ModelConfig(vocab=99, layers=2, heads=2, head_size=16)
    assert count_parameters(small).total == 28_640
    # d = 24: a layer has 4 d^2 + 8 d^2 and norms of 2 d; the final norm; 10 tokens.
    for end in ("", "_tied", "_mlp", "_tied_mlp", "_gelu", "_bias"):
        norms, tables = 1 + (end == "_bias"), 2 - ("tied" in end)
        counts = count_parameters(from_name(f"LLaMA{end}-2-4x6", vocab=10))
        total = 2 * (12 * 576 + norms * 48) + norms * 24 + tables * 240
        assert counts.active == counts.total == total, end


def test_experts_by_hand():
    # d = 32: attention 4,224 and norms 128; a router 32 E; 2,112 in each expert.
    config = from_name("GPT2_MoE-2-2x16", vocab=99, rotary_fraction=0.25)
    counts = count_parameters(config)
    assert counts.total == 2 * (4_224 + 128 + 1_024 + 32 * 2_112) + 64 + 99 * 32
    assert counts.active == 2 * (4_224 + 128 + 1_024 + 2_112) + 64 + 99 * 32
    assert (counts.total, counts.active) == (149_152, 18_208)
    counts = count_parameters(dataclasses.replace(config, experts=8, top_k=2))
    assert (counts.total, counts.active) == (46_240, 20_896)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_counts_are_those_of_init(config):
    sizes = {path: x.size for path, x in leaves_by_path(shapes_of(config)).items()}
    counts = count_parameters(config)
    assert counts.total == sum(sizes.values())
    assert counts.embedding == sum(n for path, n in sizes.items() if "table" in path)
    assert counts.non_embedding == counts.total - counts.embedding


def test_a_vocabulary_that_is_not_set_names_the_way_out():
    for use in (count_parameters, shapes_of):
        with pytest.raises(ValueError, match=r"ModelConfig\.vocab is 0.*; set it with"):
            use(ModelConfig())
