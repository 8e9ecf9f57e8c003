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
