import pytest

from kscale.models import SIZES, ModelConfig, count_parameters, from_name

MODDED = {"norm": "rms", "norm_scale": False, "norm_bias": False, "qk_norm": True}
MODDED |= {"bias": False, "activation": "relu2", "rotary_fraction": 1.0}
MODDED |= {"residual_init": "zero"}
MOE = {"mlp_width": 1.0, "experts": 32, "top_k": 1, "capacity_factor": 2.0}
MOE |= {"eval_capacity_factor": 8.0}
LLAMA = {"mlp": "gated", "mlp_width": 8 / 3, "activation": "silu", "norm": "rms"}
LLAMA |= {"norm_bias": False, "bias": False, "rotary_fraction": 1.0, "tied": False}
LLAMA |= {"residual_init": "plain"}
CHANGES = {
    "": {},
    "_tied": {"tied": True},
    "_mlp": {"mlp": "plain", "mlp_width": 4.0},
    "_tied_mlp": {"tied": True, "mlp": "plain", "mlp_width": 4.0},
    "_gelu": {"activation": "gelu"},
    "_bias": {"norm_bias": True},
}


@pytest.mark.parametrize(
    ("name", "overrides", "fields"),
    [
        ("GPT2-4-2", {"vocab": 3275}, {"vocab": 3275, "layers": 4, "heads": 2}),
        ("GPT2_1/4-2-1", {}, {"layers": 2, "heads": 1, "mlp_width": 1.0}),
        ("GPT2_0-2-1", {}, {"layers": 2, "heads": 1, "mlp": "none"}),
        ("GPT2-2-3x16", {}, {"layers": 2, "heads": 3, "head_size": 16}),
        ("GPT2-2-3x16", {"head_size": 8}, {"layers": 2, "heads": 3, "head_size": 8}),
        ("modded-4-4x16", {}, {"layers": 4, "heads": 4, "head_size": 16, **MODDED}),
        ("modded-6xs2", {}, {"layers": 4, "heads": 4, "head_size": 16, **MODDED}),
        ("modded-xxs", {"layers": 2, "vocab": 9}, MODDED | {"heads": 4, "vocab": 9}),
        ("GPT2_MoE-4-2", {}, {"layers": 4, "heads": 2, **MOE}),
        *(
            (f"LLaMA{end}-8-8", {}, {"layers": 8, "heads": 8} | LLAMA | change)
            for end, change in CHANGES.items()
        ),
        ("LLaMA-2-1", CHANGES["_mlp"], LLAMA | CHANGES["_mlp"]),
    ],
)
def test_what_a_name_stands_for(name, overrides, fields):
    assert from_name(name, **overrides) == ModelConfig(**fields)


def test_mistral_shares_key_heads():
    expected = {1: 1, 2: 1, 3: 3, 4: 1, 6: 3, 8: 2, 12: 3}
    for heads, kv_heads in expected.items():
        fields = LLAMA | {"mlp_width": 3.5, "heads": heads, "kv_heads": kv_heads}
        assert from_name(f"Mistral-2-{heads}") == ModelConfig(**fields)
        assert from_name(f"Mistral-2-{heads}", kv_heads=heads).key_value_heads == heads


# Table 3 of Pan et al. 2025: millions of parameters of 6xs2, 6xs, ..., m.
TABLE_3 = """
3.4 4.3 5.2 6.1 7.0 7.2 8.2 11.4 11.9 14.3 16.8 17.6 20.5 26.6 33.4 37.0 39.4 41.8 50.9
54.1 57.2 94.9 109.4 116.5 123.6 160.7 202.5 215.1 227.7 240.3 252.8
"""


def test_published_sizes():
    for (size, shape), millions in zip(SIZES.items(), TABLE_3.split(), strict=True):
        config = from_name(f"modded-{size}", vocab=50304)
        assert (config.layers, config.heads, config.width) == shape
        total = count_parameters(config).total
        assert total == 12 * shape[0] * shape[2] ** 2 + 50304 * shape[2], size
        assert f"{total / 1e6:.1f}" == millions, size


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("modded-xxs9", "modded-xxs"),
        ("modded-bsae", "modded-base"),
        ("moded-4-4", "modded-4-4"),
        ("GTP2-8-4", "GPT2-8-4"),
        *((x, "GPT2-4-2") for x in ("GPT2", "GPT2-4", "GPT2-4-2x0", "-4-2", "")),
        ("GPT2-0-1", "GPT2"),
    ],
)
def test_unknown_names_are_answered_with_the_known_and_the_nearest(name, near):
    message = f"architecture out of GPT2, GPT2_1/4, GPT2_0.* nearest are .*{near}"
    with pytest.raises(ValueError, match=message):
        from_name(name)
