"""The papers' architectures by name: ``GPT2-4-2`` is 4 layers and 2 heads of GPT2."""

import difflib
import functools
import re
from collections.abc import Callable
from typing import Any

from kscale.models.config import ModelConfig
from kscale.models.modded import SIZES, modded, size_fields


def gpt2(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """GPT-2's block with rotary positions and no dropout: ``P = 12 l d^2 + V d + ...``

    Pre-norm LayerNorm with bias, tanh gelu, MLP d -> 4d -> d, biases everywhere, tied
    output; a quarter of each head rotates, as in GPT-NeoX.

    Source: "Physics of Language Models: Part 3.3", section 2.2 and appendix B.
    """
    return ModelConfig(**{"layers": layers, "heads": heads, **overrides})


def gpt2_moe(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """GPT-2 with 32 experts d -> d -> d in place of each MLP, one for each token.

    In training an expert has room for twice its share of tokens, when scored for eight
    times its share; appendix D of the paper also has ``top_k=2`` with a
    ``capacity_factor`` of 1 and of 2.

    Source: "Physics of Language Models: Part 3.3", section 9 and appendix D.
    """
    block = {"mlp_width": 1.0, "experts": 32}
    return gpt2(layers, heads, **(block | overrides))


def llama(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """LLaMA's block: gated MLP of ``8 d^2`` parameters, RMSNorm, no biases, untied.

    Source: "Physics of Language Models: Part 3.3", appendix B.
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
    """Mistral's block: LLaMA with an MLP of ``10.5 d^2`` and grouped-query attention.

    Key and value matrices shrink by 4 where 4 divides the heads, by 2 where only 2
    does, and stay where the number of heads is odd.

    Source: "Physics of Language Models: Part 3.3", appendix B (items 3 and 4: "4
    groups, thus reducing the K/V matrices to d^2/4 in size").
    """
    shared = 4 if heads % 4 == 0 else 2 if heads % 2 == 0 else 1
    block = {"mlp_width": 3.5, "kv_heads": heads // shared}
    return llama(layers, heads, **(block | overrides))


# 8 d^2 parameters, as many as the gated MLP's; its activation stays silu.
_STANDARD_MLP: dict[str, Any] = {"mlp": "plain", "mlp_width": 4.0}

# The variants of LLaMA are the changes of paper 002's figure 5 and appendix B.2; its
# other tokenizer is a field of the corpus.
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
    """The model that a paper calls ``ARCHITECTURE-layers-heads`` or ``modded-SIZE``.

    Args:
      name: for example ``"GPT2-4-2"``, ``"LLaMA-8-8"``, ``"GPT2_1/4-2-1"``; heads may
        be followed by their size, as in ``"modded-4-4x16"`` (else 64); ``"modded-xxs"``
        and the other names in ``SIZES`` are the sizes of the compression paper.
      **overrides: fields of ``ModelConfig`` to change.

    Returns:
      The config; its ``vocab`` is 0 unless overridden.

    Raises:
      ValueError: the name is not of this form, or its architecture or size is unknown;
        the message names the nearest known ones.

    Example:
      >>> from_name("GPT2-4-2", vocab=3275).width
      128
      >>> from_name("modded-xxs") == from_name("modded-6-4x64")
      True
    """
    architecture, _, size = name.partition("-")
    if architecture == "modded" and size in SIZES:
        return modded(**(size_fields(size) | overrides))
    match = re.fullmatch(r"(.+)-([1-9]\d*)-([1-9]\d*)(?:x([1-9]\d*))?", name)
    if match is None or match[1] not in ARCHITECTURES:
        raise ValueError(
            f"Model name is {name!r}, must be ARCHITECTURE-layers-heads with an "
            f"architecture out of {', '.join(ARCHITECTURES)}, or modded- and a size of "
            f"the compression paper; {_nearest(name)}."
        )
    if match[4]:
        overrides = {"head_size": int(match[4]), **overrides}
    return ARCHITECTURES[match[1]](int(match[2]), int(match[3]), **overrides)


def _nearest(name: str) -> str:
    """Known names near an unknown one, in words."""
    known = [f"modded-{size}" for size in SIZES]
    numbers = re.search(r"-[1-9]\d*-[1-9]\d*$", name)
    known += [f"{one}{numbers[0] if numbers else '-4-2'}" for one in ARCHITECTURES]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"the nearest are {', '.join(near)}" if near else "for example GPT2-4-2"
