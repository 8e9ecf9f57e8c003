"""Which experts each token goes to, and where each choice lies among the experts' work.

Tokens come in groups whose members compete for the same room; a token makes K choices,
the best first. Axes: G groups, K choices of a token, N tokens of a group, E experts,
S places.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from kscale.models.config import ModelConfig


class Routes(NamedTuple):
    """The choices of all tokens.

    Attributes:
      expert: int32 [G, K, N], by their probabilities; of equal ones the lowest first.
      gate: float32 [G, K, N], what the expert's output is multiplied by.
      rank: int32 [G, K, N], how many choices of the group went to the same expert
        before this one: first choices before second, each in the order of the tokens.
        N, for which there is no room, of padding and of what `limit` drops.
      asked: int32 [G, E], choices that asked for each expert.
    """

    expert: jax.Array
    gate: jax.Array
    rank: jax.Array
    asked: jax.Array


class Places(NamedTuple):
    """Where choices lie: S places in a row, cut into equal parts, a part per expert.

    Attributes:
      place: int32 [K, N], the place of each choice of all tokens (groups one after
        the other); S for a choice that is dropped.
      choice: int32 [S], the choice at each place, counted along the flat `place`;
        K N at a free place.
      expert: int32 [P], the expert of each part, or None where part e is expert e's.
      parts: P, how many parts there are.
    """

    place: jax.Array
    choice: jax.Array
    expert: jax.Array | None
    parts: int


def capacity(config: ModelConfig, tokens: int, training: bool) -> int:
    """Returns the choices that an expert takes: `k floor(factor ceil(tokens / E))`.

    The factor is `capacity_factor` in training, else `eval_capacity_factor`. The result
    is at least 1, however small the factor: with no room at all the layer would give
    nothing. It is at most `tokens`, the tokens of the group, as none chooses an expert
    twice, and `tokens` where the factor is 0 (dropless).

    Example:
      >>> config = ModelConfig(experts=32, top_k=2, capacity_factor=1.5)
      >>> capacity(config, tokens=512, training=True)
      48

    Source: Tutel's `fast_dispatch`.
    """
    factor = config.capacity_factor if training else config.eval_capacity_factor
    if not factor:
        return tokens
    room = config.top_k * math.floor(factor * math.ceil(tokens / config.experts))
    return min(max(room, 1), tokens)


def own_room(config: ModelConfig, counted_GN: jax.Array, training: bool) -> jax.Array:
    """Returns `capacity` of each group's own number of tokens: int32 [G].

    `counted_GN` is False where a token is padding.
    """
    rooms = [capacity(config, n, training) for n in range(counted_GN.shape[1] + 1)]
    return jnp.asarray(rooms, jnp.int32)[jnp.sum(counted_GN, axis=1)]


def route(
    logits_GNE: jax.Array, top_k: int, counted_GN: jax.Array | None = None
) -> Routes:
    """Chooses the K experts of the largest probabilities, softmax over all of them.

    One choice is weighted with its probability, so that the router learns from the
    loss; two are weighted with their shares of the sum of both, before any is dropped.
    Padding, where `counted_GN` is False, chooses no expert.
    """
    left = probabilities = jax.nn.softmax(logits_GNE, axis=-1)
    chosen, gates = [], []
    for _ in range(top_k):
        one_hot = jax.nn.one_hot(
            jnp.argmax(left, axis=-1), logits_GNE.shape[-1], dtype=jnp.int32
        )
        chosen.append(one_hot)
        gates.append(jnp.sum(probabilities * one_hot, axis=-1))
        left = jnp.where(one_hot == 1, -1.0, left)
    gate_GKN = jnp.stack(gates, axis=1)
    if top_k > 1:
        gate_GKN = gate_GKN / jnp.sum(gate_GKN, axis=1, keepdims=True)
    chosen_GME = jnp.concatenate(chosen, axis=1)  # M = K N, first choices first
    if counted_GN is not None:
        chosen_GME = chosen_GME * jnp.tile(counted_GN, (1, top_k))[..., None]
    before_GME = jnp.cumsum(chosen_GME, axis=1) - chosen_GME
    experts = jnp.arange(logits_GNE.shape[-1])
    rank_GKN = jnp.sum(chosen_GME * before_GME, axis=-1).reshape(gate_GKN.shape)
    if counted_GN is not None:
        rank_GKN = jnp.where(counted_GN[:, None], rank_GKN, counted_GN.shape[1])
    return Routes(
        jnp.sum(chosen_GME * experts[None, None], axis=-1).reshape(gate_GKN.shape),
        gate_GKN,
        rank_GKN,
        jnp.sum(chosen_GME, axis=1),
    )


def limit(routes: Routes, room_G: jax.Array) -> Routes:
    """Drops the choices for which their group's own room, int32 [G], is too small."""
    full_GKN = routes.rank >= room_G[:, None, None]
    return routes._replace(rank=jnp.where(full_GKN, routes.rank.shape[2], routes.rank))


def balance(
    logits_GNE: jax.Array, routes: Routes, counted_GN: jax.Array | None = None
) -> jax.Array:
    """Computes `E sum_e mean_prob_e first_share_e`, a mean over groups: 1 (even) to E.

    Means and shares of first choices are of the tokens that `counted_GN` counts. The
    gradient moves probability away from the experts that tokens choose first.

    Source: Lepikhin et al., "GShard", section 2.2; Tutel's `gshard_loss`.
    """
    experts = logits_GNE.shape[-1]
    mean_prob_GE = _mean(jax.nn.softmax(logits_GNE, axis=-1), counted_GN)
    first_GNE = jax.nn.one_hot(routes.expert[:, 0], experts)
    first_share_GE = _mean(first_GNE, counted_GN)
    return experts * jnp.mean(jnp.sum(mean_prob_GE * first_share_GE, axis=-1))


def count_routes(
    logits_GNE: jax.Array,
    routes: Routes,
    room: int | jax.Array,
    counted_GN: jax.Array | None = None,
) -> dict[str, jax.Array]:
    """Sums over tokens in float32, so that the sums of batches may be added.

    Args:
      logits_GNE, routes, counted_GN: as in `route`.
      room: choices that an expert takes of a group, one number or int32 [G].

    Returns:
      `dropped` and `choices` (numbers of choices), `load_E` (choices that asked
      for each expert), `entropy` (of the probabilities, in nats), `tokens`.
    """
    log_prob = jax.nn.log_softmax(logits_GNE, axis=-1)
    tokens = jnp.asarray(logits_GNE[..., 0].size, jnp.float32)
    if counted_GN is not None:
        log_prob = jnp.where(counted_GN[..., None], log_prob, 0.0)
        tokens = _float_sum(counted_GN)
    room_GE = jnp.broadcast_to(jnp.asarray(room)[..., None], routes.asked.shape)
    return {
        "dropped": _float_sum(jnp.maximum(routes.asked - room_GE, 0)),
        "choices": tokens * routes.expert.shape[1],
        "load_E": jnp.sum(routes.asked.astype(jnp.float32), axis=0),
        "entropy": -jnp.sum(jnp.exp(log_prob) * log_prob),
        "tokens": tokens,
    }


def place_in_buffers(routes: Routes, room: int) -> Places:
    """Gives each expert `room` places for each group and drops what is beyond."""
    groups, experts = routes.asked.shape
    expert, group = jnp.arange(experts), jnp.arange(groups)
    width = max(room, 1)
    start_GE = (expert[None] * groups + group[:, None]) * width
    return _places(routes, room, start_GE, experts * groups * width, None, experts)


def place_in_blocks(routes: Routes, room: int, size: int) -> Places:
    """Lines up each expert's choices, filled up to whole blocks of `size` places.

    Choices of a group beyond `room` are dropped. There are as many blocks as any
    routing can need, about `choices / size + E`.
    """
    experts = routes.asked.shape[1]
    taken_GE = jnp.minimum(routes.asked, room)
    blocks_E = -(-jnp.sum(taken_GE, axis=0) // size)
    ends_E = jnp.cumsum(blocks_E)
    earlier_GE = jnp.cumsum(taken_GE, axis=0) - taken_GE
    start_GE = ((ends_E - blocks_E) * size)[None] + earlier_GE
    parts = most_blocks(routes.expert.size, experts, size)
    ended_PE = jnp.arange(parts)[:, None] >= ends_E[None]
    expert_P = jnp.minimum(jnp.sum(ended_PE, axis=1), experts - 1)
    return _places(routes, room, start_GE, parts * size, expert_P, parts)


def most_blocks(choices: int, experts: int, size: int) -> int:
    """Returns the most blocks of `size` that choices of so many experts can fill."""
    return min(choices, (choices + experts * (size - 1)) // size)


def _places(
    routes: Routes,
    room: int,
    start_GE: jax.Array,
    total: int,
    expert_P: jax.Array | None,
    parts: int,
) -> Places:
    groups, top_k, tokens = routes.rank.shape
    start_GM = jnp.take_along_axis(start_GE, routes.expert.reshape(groups, -1), axis=1)
    place_GKN = start_GM.reshape(routes.rank.shape) + routes.rank
    place_GKN = jnp.where(routes.rank < room, place_GKN, total)
    place_KN = place_GKN.swapaxes(0, 1).reshape(top_k, groups * tokens)
    choices = jnp.arange(place_KN.size, dtype=jnp.int32)
    free = jnp.full(total, place_KN.size, jnp.int32)
    choice_S = free.at[place_KN.reshape(-1)].set(choices, mode="drop")
    return Places(place_KN, choice_S, expert_P, parts)


def _float_sum(x: jax.Array) -> jax.Array:
    return jnp.sum(x.astype(jnp.float32))


def _mean(x_GNE: jax.Array, counted_GN: jax.Array | None) -> jax.Array:
    """Means over a group's tokens, over those counted; 0 where there is none."""
    if counted_GN is None:
        return jnp.mean(x_GNE, axis=1)
    number_G = jnp.maximum(jnp.sum(counted_GN, axis=1), 1)
    sums_GE = jnp.sum(jnp.where(counted_GN[..., None], x_GNE, 0.0), axis=1)
    return sums_GE / number_G[:, None]
