import dataclasses

import jax
import pytest

from kscale.models import (
    ARCHITECTURES,
    ModelConfig,
    count_parameters,
    from_name,
    init,
)

VARIANTS = [
    {},
    {"tied": False, "bias": False},
    {"mlp": "gated", "mlp_width": 1.3, "norm_bias": False},
    {"kv_heads": 1, "norm_scale": False},
    {"experts": 3, "top_k": 2},
    {"experts": 2, "mlp": "gated", "mlp_width": 1.3, "bias": False},
]


def real(config):
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    sizes = {jax.tree_util.keystr(p): x.size for p, x in leaves(shapes)}
    return sum(sizes.values()), sum(n for p, n in sizes.items() if "table" in p)


def leaves(tree):
    return jax.tree_util.tree_leaves_with_path(tree)


def test_counts_by_hand():
    demo = ModelConfig(vocab=131, layers=2, heads=3, head_size=16)
    assert count_parameters(demo) == (62_928, 6_288, 56_640, 62_928, 0)
    small = ModelConfig(vocab=99, layers=2, heads=2, head_size=16)
    assert count_parameters(small).total == 28_640


@pytest.mark.parametrize(
    ("name", "total"),
    [
        # d = 24: a layer has 4 d^2 + 8 d^2 and norms of 2 d; the final norm; 10 tokens.
        ("LLaMA", 2 * (12 * 576 + 48) + 24 + 2 * 240),
        ("LLaMA_tied", 2 * (12 * 576 + 48) + 24 + 240),
        ("LLaMA_mlp", 2 * (12 * 576 + 48) + 24 + 2 * 240),
        ("LLaMA_tied_mlp", 2 * (12 * 576 + 48) + 24 + 240),
        ("LLaMA_gelu", 2 * (12 * 576 + 48) + 24 + 2 * 240),
        ("LLaMA_bias", 2 * (12 * 576 + 2 * 48) + 2 * 24 + 2 * 240),
    ],
)
def test_single_changes_of_llama_by_hand(name, total):
    config = from_name(f"{name}-2-4x6", vocab=10)
    assert count_parameters(config).total == total
    assert real(config)[0] == total


def test_experts_by_hand():
    # d = 32: attention 4,224 and norms 128; a router 32 E; 2,112 in each expert.
    config = from_name("GPT2_MoE-2-2x16", vocab=99, rotary_fraction=0.25)
    counts = count_parameters(config)
    assert counts.total == 2 * (4_224 + 128 + 1_024 + 32 * 2_112) + 64 + 99 * 32
    assert counts.active == 2 * (4_224 + 128 + 1_024 + 2_112) + 64 + 99 * 32
    assert (counts.total, counts.active) == (149_152, 18_208)
    config = dataclasses.replace(config, experts=8, top_k=2)
    assert count_parameters(config).total == 46_240
    assert count_parameters(config).active == 20_896


def test_a_dense_model_is_all_active():
    counts = count_parameters(from_name("LLaMA-2-2", vocab=99))
    assert counts.active == counts.total


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_counts_of_architectures(name):
    config = from_name(f"{name}-2-4", vocab=37, head_size=8)
    assert real(config) == count_parameters(config)[:2]


@pytest.mark.parametrize("fields", VARIANTS)
def test_counts_of_variants(fields):
    config = ModelConfig(vocab=37, layers=2, heads=2, head_size=8, **fields)
    counts = count_parameters(config)
    assert real(config) == counts[:2]
    assert counts.non_embedding == counts.total - counts.embedding


def test_unknown_vocabulary():
    with pytest.raises(ValueError, match=r"ModelConfig\.vocab is 0"):
        count_parameters(ModelConfig())
