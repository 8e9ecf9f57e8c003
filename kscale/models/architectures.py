"""The papers' architectures by name: ``GPT2-4-2`` is 4 layers and 2 heads of GPT2."""

import functools
import re
from collections.abc import Callable
from typing import Any

from kscale.models.config import ModelConfig


def gpt2(layers: int, heads: int, **overrides: Any) -> ModelConfig:
    """GPT-2's block with rotary positions and no dropout: ``P = 12 l d^2 + V d + ...``

    Pre-norm LayerNorm with bias, tanh gelu, MLP d -> 4d -> d, biases everywhere, tied
    output; a quarter of each head rotates, as in GPT-NeoX.

    Source: "Physics of Language Models: Part 3.3", section 2.2 and appendix B.
    """
    return ModelConfig(**{"layers": layers, "heads": heads, **overrides})


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


ARCHITECTURES: dict[str, Callable[..., ModelConfig]] = {
    "GPT2": gpt2,
    "GPT2_1/4": functools.partial(gpt2, mlp_width=1.0),
    "GPT2_0": functools.partial(gpt2, mlp="none"),
    "LLaMA": llama,
    "Mistral": mistral,
}


def from_name(name: str, **overrides: Any) -> ModelConfig:
    """The model that a paper calls ``ARCHITECTURE-layers-heads``.

    Args:
      name: for example ``"GPT2-4-2"``, ``"LLaMA-8-8"``, ``"GPT2_1/4-2-1"``.
      **overrides: fields of ``ModelConfig`` to change.

    Returns:
      The config; its ``vocab`` is 0 unless overridden.

    Raises:
      ValueError: the name is not of this form or its architecture is unknown.

    Example:
      >>> from_name("GPT2-4-2", vocab=3275).width
      128
    """
    match = re.fullmatch(r"(.+)-([1-9]\d*)-([1-9]\d*)", name)
    if match is None or match[1] not in ARCHITECTURES:
        raise ValueError(
            f"Model name is {name!r}, must be ARCHITECTURE-layers-heads with an "
            f"architecture out of {', '.join(ARCHITECTURES)}; for example GPT2-4-2."
        )
    return ARCHITECTURES[match[1]](int(match[2]), int(match[3]), **overrides)
