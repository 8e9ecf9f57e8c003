"""How many parameters a model has, by formula, before anything is allocated."""

from typing import NamedTuple

import jax

from kscale.models.config import ModelConfig, require_vocab
from kscale.models.transformer import init
from kscale.trees import leaves_by_path, matches


class ParameterCounts(NamedTuple):
    """Numbers of trainable parameters; tied weights count once.

    Attributes:
      total: all of them, the papers' P.
      embedding: matrices with a row per token (the table, and the output layer where
        it is not tied).
      non_embedding: `total - embedding`.
      active: those that one token uses: all but the experts it is not sent to.
      adapters: of `config.lora`, part of all but `embedding`.
    """

    total: int
    embedding: int
    non_embedding: int
    active: int
    adapters: int


def count_parameters(config: ModelConfig) -> ParameterCounts:
    """Counts the parameters of `init(config, key)` exactly.

    `V d (1 or 2) + layers (attention + MLP + norms) + final norm`; for GPT-2,
    `V d + l (12 d^2 + 13 d) + 2 d`. With E experts a layer has E MLPs and a router of
    `E d`. V, `config.vocab`, is the number of tokens that the corpus can use.

    Example:
      >>> config = ModelConfig(vocab=131, layers=2, heads=3, head_size=16)
      >>> count_parameters(config).total
      62928

    Source: Allen-Zhu & Li 2024, section 2.2 (P counts the embedding of used tokens).
    """
    width = config.width
    projected = width + 2 * config.key_value_heads * config.head_size
    attention = width * (projected + width) + (projected + width) * config.bias
    norm = width * (config.norm_scale + config.norm_bias)
    norms = norm * (1 if config.mlp == "none" else 2)
    mlps = _mlp(config) * (config.experts or 1) + width * config.experts
    layer = attention + mlps + norms
    embedding = require_vocab(config) * width * (1 if config.tied else 2)
    adapters, idle = _adapters(config)
    non_embedding = config.layers * layer + norm + adapters
    total = embedding + non_embedding
    idle += config.layers * max(config.experts - config.top_k, 0) * _mlp(config)
    return ParameterCounts(total, embedding, non_embedding, total - idle, adapters)


def _adapters(config: ModelConfig) -> tuple[int, int]:
    """Counts adapters, `r (inputs + outputs)` each, and those a token passes by."""
    if not config.lora.rules:
        return 0, 0
    shapes = jax.eval_shape(lambda: init(config, jax.random.key(0))).get("lora", {})
    sizes = {path: leaf.size for path, leaf in leaves_by_path(shapes).items()}
    if not config.experts:
        return sum(sizes.values()), 0
    # Of the parts of an MLP only the router is not an expert's own.
    own = ("*/mlp/up/*", "*/mlp/down/*")
    experts = sum(size for path, size in sizes.items() if matches(path, own))
    idle = experts * (config.experts - config.top_k) // config.experts
    return sum(sizes.values()), idle


def _mlp(config: ModelConfig) -> int:
    if config.mlp == "none":
        return 0
    inputs = config.hidden * (2 if config.mlp == "gated" else 1)
    biases = (inputs + config.width) * config.bias
    return config.width * inputs + config.hidden * config.width + biases
