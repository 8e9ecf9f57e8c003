import dataclasses

import jax
import pytest

from kscale.models import (
    ARCHITECTURES,
    SIZES,
    ModelConfig,
    count_parameters,
    from_name,
    init,
)


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


# Table 3 of Pan et al. 2025: name, layers, heads, width, millions of parameters.
TABLE_3 = """
6xs2 4 4 64 3.4      6xs 3 4 80 4.3       5xs 3 4 96 5.2       5xs2 3 4 112 6.1
5xs1 3 4 128 7.0     4xs 4 4 128 7.2      4xs2 4 4 144 8.2     4xs1 4 4 192 11.4
3xs 5 4 192 11.9     3xs2 5 4 224 14.3    3xs1 5 4 256 16.8    xxs 6 4 256 17.6
xxs3 6 4 288 20.5    xxs2 6 8 352 26.6    xxs4 6 8 416 33.4    xxs1 6 8 448 37.0
xs 7 8 448 39.4      xs3 8 8 448 41.8     xs2 8 8 512 50.9     xs1 9 8 512 54.1
s 10 8 512 57.2      s3 10 8 704 94.9     s2 10 12 768 109.4   s1 11 12 768 116.5
base 12 12 768 123.6 m5 12 16 896 160.7   m4 12 16 1024 202.5  m3 13 16 1024 215.1
m2 14 16 1024 227.7  m1 15 16 1024 240.3  m 16 16 1024 252.8
"""
WORDS = TABLE_3.split()
ROWS = [tuple(WORDS[i : i + 5]) for i in range(0, len(WORDS), 5)]


def test_the_sizes_are_those_of_the_paper():
    assert [row[0] for row in ROWS] == list(SIZES)
    assert len(SIZES) == 31


@pytest.mark.parametrize(("size", "layers", "heads", "width", "millions"), ROWS)
def test_published_sizes(size, layers, heads, width, millions):
    config = from_name(f"modded-{size}", vocab=50304)
    layers, heads, width = int(layers), int(heads), int(width)
    assert (config.layers, config.heads, config.width) == (layers, heads, width)
    total = count_parameters(config).total
    assert total == 12 * layers * width**2 + 50304 * width
    assert f"{total / 1e6:.1f}" == millions


@pytest.mark.parametrize("size", SIZES)
def test_what_init_makes_has_the_published_size(size):
    config = from_name(f"modded-{size}", vocab=50304)
    shapes = jax.eval_shape(lambda key: init(config, key), jax.random.key(0))
    made = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert made == count_parameters(config).total


def test_the_block():
    assert from_name("modded-4-4x16") == ModelConfig(
        layers=4,
        heads=4,
        head_size=16,
        norm="rms",
        norm_scale=False,
        norm_bias=False,
        qk_norm=True,
        bias=False,
        activation="relu2",
        rotary_fraction=1.0,
        residual_init="zero",
    )
    assert from_name("modded-6xs2") == from_name("modded-4-4x16")


def test_overrides_win_over_the_size():
    config = from_name("modded-xxs", vocab=99, layers=2, compute="bfloat16")
    assert (config.vocab, config.layers, config.heads) == (99, 2, 4)
    assert config.compute == "bfloat16"
    assert from_name("modded-4-4x16", head_size=8).width == 32


def test_projections_into_the_residual_stream_start_at_zero():
    params = init(from_name("modded-1-2x4", vocab=5), jax.random.key(0))
    assert not params["layer_0"]["attention"]["out"]["kernel"].any()
    assert not params["layer_0"]["mlp"]["down"]["kernel"].any()
    assert params["layer_0"]["mlp"]["up"]["kernel"].all()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("modded-xxs9", "modded-xxs"),
        ("modded-bsae", "modded-base"),
        ("moded-4-4", "modded-4-4"),
        ("GTP2-8-4", "GPT2-8-4"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"the nearest are .*{near}[,.]"):
        from_name(name)
