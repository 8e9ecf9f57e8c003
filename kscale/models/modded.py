"""The compression paper's models: the modded-nanogpt block at 31 named sizes."""

from typing import Any

from kscale.models.config import ModelConfig

# name: (layers, heads, width). With 50304 tokens P runs from 3.4 to 252.8 million.
SIZES: dict[str, tuple[int, int, int]] = {
    "6xs2": (4, 4, 64),
    "6xs": (3, 4, 80),
    "5xs": (3, 4, 96),
    "5xs2": (3, 4, 112),
    "5xs1": (3, 4, 128),
    "4xs": (4, 4, 128),
    "4xs2": (4, 4, 144),
    "4xs1": (4, 4, 192),
    "3xs": (5, 4, 192),
    "3xs2": (5, 4, 224),
    "3xs1": (5, 4, 256),
    "xxs": (6, 4, 256),
    "xxs3": (6, 4, 288),
    "xxs2": (6, 8, 352),
    "xxs4": (6, 8, 416),
    "xxs1": (6, 8, 448),
    "xs": (7, 8, 448),
    "xs3": (8, 8, 448),
    "xs2": (8, 8, 512),
    "xs1": (9, 8, 512),
    "s": (10, 8, 512),
    "s3": (10, 8, 704),
    "s2": (10, 12, 768),
    "s1": (11, 12, 768),
    "base": (12, 12, 768),
    "m5": (12, 16, 896),
    "m4": (12, 16, 1024),
    "m3": (13, 16, 1024),
    "m2": (14, 16, 1024),
    "m1": (15, 16, 1024),
    "m": (16, 16, 1024),
}


def modded(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """The modded-nanogpt block of October 2024: ``P = 12 l d^2 + V d``, nothing else.

    Pre-norm RMSNorm without parameters, unit RMS of queries and keys, MLP
    d -> 4d -> d with squared ReLU, no biases, tied output, all of each head rotates,
    and projections back into the residual stream start at zero.

    Source: Pan, Wang & Li, appendix F.1 ("RoPE-encoded GPT-like models Jordan et al.
    (2024)"); the block is pinned down by P of all rows of Table 3.
    """
    block = {
        "layers": layers,
        "heads": heads,
        "norm": "rms",
        "norm_scale": False,
        "norm_bias": False,
        "qk_norm": True,
        "bias": False,
        "activation": "relu2",
        "rotary_fraction": 1.0,
        "residual_init": "zero",
    }
    return ModelConfig(**(block | overrides))


def size_fields(size: str) -> dict[str, int]:
    """Layers, heads and head size of a named size: ``"xxs"`` has 6, 4 and 64.

    Source: Pan, Wang & Li, Table 3.
    """
    layers, heads, width = SIZES[size]
    return {"layers": layers, "heads": heads, "head_size": width // heads}
