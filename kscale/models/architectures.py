"""The papers' architectures by name: `GPT2-4-2` is 4 layers and 2 heads of GPT2."""

import difflib
import functools
import re
from collections.abc import Callable
from typing import Any

from kscale.models.config import ModelConfig

# The models of Pan et al. 2025, Table 3: the modded-nanogpt block at 31 named sizes.
# name: (layers, heads, width). With 50304 tokens P runs from 3.4 to 252.8 million.
SIZES: dict[str, tuple[int, int, int]] = {
    "6xs2": (4, 4, 64),        "6xs": (3, 4, 80),         "5xs": (3, 4, 96),
    "5xs2": (3, 4, 112),       "5xs1": (3, 4, 128),       "4xs": (4, 4, 128),
    "4xs2": (4, 4, 144),       "4xs1": (4, 4, 192),       "3xs": (5, 4, 192),
    "3xs2": (5, 4, 224),       "3xs1": (5, 4, 256),       "xxs": (6, 4, 256),
    "xxs3": (6, 4, 288),       "xxs2": (6, 8, 352),       "xxs4": (6, 8, 416),
    "xxs1": (6, 8, 448),       "xs": (7, 8, 448),         "xs3": (8, 8, 448),
    "xs2": (8, 8, 512),        "xs1": (9, 8, 512),        "s": (10, 8, 512),
    "s3": (10, 8, 704),        "s2": (10, 12, 768),       "s1": (11, 12, 768),
    "base": (12, 12, 768),     "m5": (12, 16, 896),       "m4": (12, 16, 1024),
    "m3": (13, 16, 1024),      "m2": (14, 16, 1024),      "m1": (15, 16, 1024),
    "m": (16, 16, 1024),
}  # fmt: skip


def modded(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """Returns the modded-nanogpt block of October 2024: `P = 12 l d^2 + V d`.

    Pre-norm RMSNorm without parameters, unit RMS of queries and keys, MLP
    d -> 4d -> d with squared ReLU, no biases, tied output, all of each head rotates,
    and projections back into the residual stream start at zero.

    Source: Pan et al. 2025, appendix F.1 ("RoPE-encoded GPT-like models Jordan et al.
    (2024)"); the block is pinned down by P of all rows of Table 3.
    """
    block = {
        "norm": "rms",
        "norm_scale": False,
        "norm_bias": False,
        "qk_norm": True,
        "bias": False,
        "activation": "relu2",
        "rotary_fraction": 1.0,
        "residual_init": "zero",
    }
    return gpt2(layers, heads, **(block | overrides))


def gpt2(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """Returns GPT-2's block with rotary positions: `P = 12 l d^2 + V d + ...`.

    Pre-norm LayerNorm with bias, tanh gelu, MLP d -> 4d -> d, biases everywhere, tied
    output, no dropout; a quarter of each head rotates, as in GPT-NeoX.

    Source: Allen-Zhu & Li 2024, section 2.2 and appendix B.
    """
    return ModelConfig(**{"layers": layers, "heads": heads, **overrides})


def gpt2_moe(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """Returns GPT-2 with 32 experts d -> d -> d in place of each MLP, one a token.

    In training an expert has room for twice its share of tokens, when scored for eight
    times its share; appendix D of the paper also has `top_k=2` with a
    `capacity_factor` of 1 and of 2.

    Source: Allen-Zhu & Li 2024, section 9 and appendix D.
    """
    block = {"mlp_width": 1.0, "experts": 32}
    return gpt2(layers, heads, **(block | overrides))


def llama(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """Returns LLaMA's block: gated MLP of `8 d^2`, RMSNorm, no biases, untied.

    Source: Allen-Zhu & Li 2024, appendix B.
    """
    block = {
        "mlp": "gated",
        "mlp_width": 8 / 3,
        "activation": "silu",
        "norm": "rms",
        "norm_bias": False,
        "bias": False,
        "rotary_fraction": 1.0,
        "tied": False,
        "residual_init": "plain",
    }
    return gpt2(layers, heads, **(block | overrides))


def mistral(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """Returns Mistral's block: LLaMA with `10.5 d^2` of MLP and grouped attention.

    Key and value matrices shrink by 4 where 4 divides the heads, by 2 where only 2
    does, and stay where the number of heads is odd.

    Source: Allen-Zhu & Li 2024, appendix B, items 3 and 4.
    """
    shared = 4 if heads % 4 == 0 else 2 if heads % 2 == 0 else 1
    block = {"mlp_width": 3.5, "kv_heads": heads // shared}
    return llama(layers, heads, **(block | overrides))


# 8 d^2 parameters, as many as the gated MLP's; its activation stays silu.
_STANDARD_MLP: dict[str, Any] = {"mlp": "plain", "mlp_width": 4.0}

# The variants of LLaMA are the changes of Allen-Zhu & Li 2024, figure 5 and appendix
# B.2; its other tokenizer is a field of the corpus.
ARCHITECTURES: dict[str, Callable[..., ModelConfig]] = {
    "GPT2": gpt2,
    "GPT2_1/4": functools.partial(gpt2, mlp_width=1.0),
    "GPT2_0": functools.partial(gpt2, mlp="none"),
    "GPT2_MoE": gpt2_moe,
    "LLaMA": llama,
    "LLaMA_tied": functools.partial(llama, tied=True),
    "LLaMA_mlp": functools.partial(llama, **_STANDARD_MLP),
    "LLaMA_tied_mlp": functools.partial(llama, tied=True, **_STANDARD_MLP),
    "LLaMA_gelu": functools.partial(llama, activation="gelu"),
    "LLaMA_bias": functools.partial(llama, norm_bias=True),
    "Mistral": mistral,
    "modded": modded,
}


def from_name(name: str, **overrides: Any) -> ModelConfig:
    """Returns the model of a name `ARCHITECTURE-layers-heads` or `modded-SIZE`.

    Args:
      name: for example `"GPT2-4-2"` or `"modded-xxs"` (a size out of `SIZES`); heads
        may be followed by their size, as in `"modded-4-4x16"` (else 64).
      **overrides: fields of `ModelConfig` to change.

    Returns:
      The config; its `vocab` is 0 unless overridden.

    Raises:
      ValueError: an unknown name.

    Example:
      >>> from_name("GPT2-4-2", vocab=3275).width
      128
      >>> from_name("modded-xxs") == from_name("modded-6-4x64")
      True
    """
    architecture, _, size = name.partition("-")
    if architecture == "modded" and size in SIZES:
        layers, heads, width = SIZES[size]
        fields = {"layers": layers, "heads": heads, "head_size": width // heads}
        return modded(**(fields | overrides))
    match = re.fullmatch(r"(.+)-([1-9]\d*)-([1-9]\d*)(?:x([1-9]\d*))?", name)
    if match is None or match[1] not in ARCHITECTURES:
        known = [f"modded-{size}" for size in SIZES]
        numbers = re.search(r"-[1-9]\d*-[1-9]\d*$", name)
        known += [f"{one}{numbers[0] if numbers else '-4-2'}" for one in ARCHITECTURES]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6) or ["GPT2-4-2"]
        raise ValueError(
            f"Model name is {name!r}, must be ARCHITECTURE-layers-heads with an "
            f"architecture out of {', '.join(ARCHITECTURES)}, or modded- and a size of "
            f"Pan et al. 2025; the nearest are {', '.join(near)}."
        )
    if match[4]:
        overrides = {"head_size": int(match[4]), **overrides}
    return ARCHITECTURES[match[1]](int(match[2]), int(match[3]), **overrides)
