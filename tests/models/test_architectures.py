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


def test_published_sizes():
    words = TABLE_3.split()
    assert words[::5] == list(SIZES)
    for i in range(0, len(words), 5):
        size, *numbers, millions = words[i : i + 5]
        layers, heads, width = map(int, numbers)
        config = from_name(f"modded-{size}", vocab=50304)
        assert (config.layers, config.heads, config.width) == (layers, heads, width)
        total = count_parameters(config).total
        assert total == 12 * layers * width**2 + 50304 * width, size
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
