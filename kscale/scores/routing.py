"""What experts drop of the documents in which people are scored."""

import functools

import jax
import numpy as np

from kscale.data import TokenPool
from kscale.models import ModelConfig, Params, token_nats
from kscale.scores.rows import batches
from kscale.scores.score import chosen_people


def dropped_share(
    model: tuple[ModelConfig, Params],
    corpus,
    pool: TokenPool,
    people: np.ndarray | int | None = None,
    *,
    seed: int = 0,
    multiple: int = 16,
) -> float:
    """Share of the tokens' choices of experts that find no room when scored.

    The rows are those of `score`, with the room that they have there. The padding that
    fills a row up to a multiple is routed as its text is, behind it, and counts here as
    tokens do; rows that fill a batch are left out.

    Args:
      model: (config, params) with experts.
      corpus, pool, people, seed, multiple: as in `score`.

    Returns:
      From 0 (all have room, and a row's padding changes nothing) to below 1.
    """
    config, params = model
    chosen, _ = chosen_people(corpus, people, seed)
    rows = batches(corpus, pool, chosen, lambda width: 1, multiple, 0, seed)
    sums = [_routing(config, params, one.tokens) for one in rows]
    total = np.asarray(jax.device_get(sums), np.float64).sum(axis=0)
    return float(total[0] / total[1])


@functools.partial(jax.jit, static_argnums=0)
def _routing(config: ModelConfig, params: Params, rows) -> tuple:
    _, aux = token_nats(config, params, rows[:, :-1], rows[:, 1:])
    return aux["routing"]["dropped"], aux["routing"]["choices"]
