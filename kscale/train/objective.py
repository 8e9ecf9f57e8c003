"""What the trainer needs of a model: how it starts and what it loses on a token."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from kscale import models

Params = Any


class Objective(NamedTuple):
    """A model as the trainer sees it.

    Attributes:
      init: random key -> parameters, a nested dict of float32 arrays whose paths match
        the rules of `optimizer.DECAY`.
      token_nats: (params, tokens_BT, targets_BT, segments_BT or None) ->
        (nats_BT, aux). A mixture of experts has `aux["balance"]`, which is added to
        the loss, and `aux["routing"]`, sums that are logged.
      description: what tells this model from another, in JSON's types; a checkpoint
        of a model described otherwise is refused.
      flops_per_token: context -> floating point operations of a forward and backward
        pass over one token; 0 where not known.
      rows_together: rows of a batch that must be differentiated together.
    """

    init: Callable[[jax.Array], Params]
    token_nats: Callable[..., tuple[jax.Array, dict]]
    description: Mapping[str, Any]
    flops_per_token: Callable[[int], float] = lambda context: 0.0
    rows_together: int = 1

    def __hash__(self) -> int:
        """Hashes the functions: one objective is compiled once in a process."""
        return hash((self.init, self.token_nats))


@functools.lru_cache(maxsize=8)
def make_objective(config: models.ModelConfig) -> Objective:
    """Returns the trainer's view of a transformer.

    Operations are counted as 6 per parameter that multiplies a token (the output
    layer included; the look-up of the embedding and experts that it is not sent to
    left out; whether a parameter is trained does not matter) plus `6 layers d context`
    for causal attention.

    Source: Chowdhery et al. 2022 (PaLM), appendix B, with half of its attention, as
    the other half is masked.
    """
    counts = models.count_parameters(config)
    attended = config.layers * config.width
    multiplied = counts.active - counts.embedding + config.vocab * config.width

    def token_nats(params, tokens_BT, targets_BT, segments_BT):
        more = {"segments_BT": segments_BT, "training": True}
        return models.token_nats(config, params, tokens_BT, targets_BT, **more)

    return Objective(
        init=lambda key: models.init(config, key),
        token_nats=token_nats,
        description=describe_config(config),
        flops_per_token=lambda context: 6.0 * (multiplied + attended * context),
        rows_together=config.route_rows,
    )


def describe_config(config: Any) -> dict[str, Any]:
    """Returns the fields of a dataclass in JSON's types, as a checkpoint keeps them."""
    return json.loads(json.dumps(dataclasses.asdict(config)))
