import dataclasses

import pytest

from kscale.models import ARCHITECTURES, ModelConfig, from_name


def test_names_of_the_paper():
    assert from_name("GPT2-4-2", vocab=3275) == ModelConfig(
        vocab=3275, layers=4, heads=2
    )
    assert from_name("GPT2_1/4-2-1").hidden == 64
    assert from_name("GPT2_0-2-1").mlp == "none"
    llama = from_name("LLaMA-8-8")
    assert (llama.tied, llama.bias, llama.norm, llama.mlp) == (
        False,
        False,
        "rms",
        "gated",
    )


def test_experts_of_the_paper():
    config = from_name("GPT2_MoE-4-2")
    assert (config.experts, config.hidden, config.width) == (32, 128, 128)
    assert (config.top_k, config.capacity_factor) == (1, 2.0)
    assert config.eval_capacity_factor == 8.0
    assert from_name("GPT2_MoE-4-2", experts=8).experts == 8
    dense = from_name("GPT2_1/4-4-2")
    assert dataclasses.replace(config, experts=0) == dense


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("LLaMA_tied", {"tied": True}),
        ("LLaMA_mlp", {"mlp": "plain", "mlp_width": 4.0}),
        ("LLaMA_tied_mlp", {"tied": True, "mlp": "plain", "mlp_width": 4.0}),
        ("LLaMA_gelu", {"activation": "gelu"}),
        ("LLaMA_bias", {"norm_bias": True}),
    ],
)
def test_single_changes_of_llama(name, changed):
    expected = dataclasses.replace(from_name("LLaMA-8-8"), **changed)
    assert from_name(f"{name}-8-8") == expected


@pytest.mark.parametrize(
    ("heads", "kv_heads"), [(1, 1), (2, 1), (3, 3), (4, 1), (6, 3), (8, 2), (12, 3)]
)
def test_mistral_shares_key_heads(heads, kv_heads):
    assert from_name(f"Mistral-2-{heads}").key_value_heads == kv_heads


def test_heads_may_be_given_with_their_size():
    assert from_name("GPT2-2-3x16") == ModelConfig(layers=2, heads=3, head_size=16)
    assert from_name("GPT2-2-3x16", head_size=8).head_size == 8


def test_overrides_win():
    assert from_name("LLaMA-2-2", tied=True, activation="gelu").tied
    assert from_name("Mistral-2-4", kv_heads=4).key_value_heads == 4


@pytest.mark.parametrize(
    "name", ["GPT2", "GPT2-4", "GPT3-4-2", "GPT2-0-1", "GPT2-4-2x0", "-4-2", ""]
)
def test_unknown_name_lists_the_known(name):
    with pytest.raises(ValueError, match="architecture out of GPT2, GPT2_1/4, GPT2_0"):
        from_name(name)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_has_the_asked_size(name):
    config = from_name(f"{name}-3-4")
    assert (config.layers, config.heads, config.width) == (3, 4, 256)
