"""What the trainer needs of a model: how it starts and what it loses on a token."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import jax

from kscale import models

Params = Any

# Fields of a model that came after the first checkpoints.
_LATER = (
    "experts",
    "top_k",
    "capacity_factor",
    "eval_capacity_factor",
    "route_rows",
    "lora",
)


class Problem(NamedTuple):
    """A model as the trainer sees it.

    Attributes:
      init: random key -> parameters, a nested dict of float32 arrays.
      token_nats: (params, tokens_BT, targets_BT, segments_BT or None) ->
        (nats_BT, aux). A mixture of experts has ``aux["balance"]``, which is added to
        the loss, and ``aux["routing"]``, sums that are logged.
      description: what tells this model from another, in JSON's types; a checkpoint
        of a model described otherwise is refused.
      flops_per_token: context -> floating point operations of a forward and backward
        pass over one token; 0 where not known.
    """

    init: Callable[[jax.Array], Params]
    token_nats: Callable[..., tuple[jax.Array, dict]]
    description: Mapping[str, Any]
    flops_per_token: Callable[[int], float] = lambda context: 0.0


def told(config: Any, later: Collection[str]) -> dict[str, Any]:
    """The fields of a dataclass in JSON's types, later ones at their defaults left out.

    Args:
      config: all of its fields have defaults.
      later: fields that came after the first checkpoints, which do not know them.

    Example:
      >>> told(models.ModelConfig(top_k=2, experts=4), ["experts", "top_k", "lora"])
      {'vocab': 0, ..., 'experts': 4, 'top_k': 2}
    """
    default = type(config)()
    same = {name for name in later if getattr(config, name) == getattr(default, name)}
    kept = {name: x for name, x in asdict(config).items() if name not in same}
    return json.loads(json.dumps(kept))


def problem_of(config: models.ModelConfig) -> Problem:
    """The trainer's view of a transformer.

    Operations are counted as 6 per parameter that multiplies a token (the output
    layer included, the look-up of the embedding and experts that it is not sent to
    not; whether a parameter is trained or stays does not matter) plus
    ``6 layers d context`` for causal attention.

    Args:
      config: a model whose vocabulary is set.

    Returns:
      Its ``Problem``.

    Raises:
      ValueError: the vocabulary is not set.

    Source: Chowdhery et al., "PaLM", appendix B, with half of its attention, as the
    other half is masked.
    """
    counts = models.parameter_counts(config)
    multiplied = counts.active - counts.embedding + config.vocab * config.width

    def token_nats(params, tokens_BT, targets_BT, segments_BT):
        return models.token_nats(
            config,
            params,
            tokens_BT,
            targets_BT,
            segments_BT=segments_BT,
            training=True,
        )

    return Problem(
        init=lambda key: models.init(config, key),
        token_nats=token_nats,
        description=told(config, _LATER),
        flops_per_token=lambda context: (
            6.0 * multiplied + 6.0 * config.layers * config.width * context
        ),
    )
