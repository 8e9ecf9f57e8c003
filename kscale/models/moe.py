"""Mixture of experts: many small MLPs in place of one, a few of them for each token.

As Tutel's, which Allen-Zhu & Li 2024 used: softmax gate over all experts, top-1
weighted with the probability itself, top-2 with shares, capacity `k floor(factor
ceil(tokens / E))` of each expert, overflow in the order of the batch with first choices
before second, and what overflows adds nothing. Tutel's capacity is that of a device's
whole local batch, so that what a document gets depends on its neighbors, on the batch
size and on the number of devices. Here tokens compete in groups: `route_rows` rows in
training, a single row when scored. So the same numbers come out on any mesh and with
any accumulation, and what is measured of a row is its own. Padding chooses no expert,
and a row has the room of its own length. Within a row a full expert still lets earlier
tokens matter to later ones, and with top-2 first choices of later tokens push out
second choices of earlier ones; a capacity factor of 0 has neither. Decoding has no
whole row to look at, so it never drops.

Axes: B rows, T positions, G groups, N tokens, K choices, E experts, P parts, D width,
I inputs, O outputs.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from kscale.models.config import ModelConfig
from kscale.models.initializers import declare
from kscale.models.layers import activate, linear
from kscale.models.routing import (
    Places,
    Routes,
    balance,
    capacity,
    count_routes,
    limit,
    most_blocks,
    own_room,
    place_in_blocks,
    place_in_buffers,
    route,
)

_LARGEST_BLOCK = 64


class Experts(nn.Module):
    """`sum_k gate_k expert_k(x)` over the experts that the router gives a token."""

    config: ModelConfig
    training: bool = False

    @nn.compact
    def __call__(self, x_BTD, dropless: bool = False, counted_BT=None):
        """Maps [B, T, D] to float32 [B, T, D], and counts what became of the tokens.

        Args:
          x_BTD: normed inputs.
          dropless: take all choices, whatever the capacity.
          counted_BT: bool, False where a position is padding; None: nowhere.

        Returns:
          The outputs, 0 at padding, and `routing.count_routes` with `balance`.
        """
        config = self.config
        rows = config.route_rows if self.training else 1
        if x_BTD.shape[0] % rows:
            raise ValueError(
                f"A batch of {x_BTD.shape[0]} rows is routed in groups of "
                f"ModelConfig.route_rows={rows}, which must divide it."
            )
        x_GND = x_BTD.reshape(-1, rows * x_BTD.shape[1], x_BTD.shape[2])
        tokens = x_GND.shape[1]
        room = tokens if dropless else capacity(config, tokens, self.training)
        logits_GNE = Router(config, name="router")(x_GND)
        counted = None if counted_BT is None else counted_BT.reshape(x_GND.shape[:2])
        routes, own = route(logits_GNE, config.top_k, counted), room
        if counted is not None and not dropless:
            own = own_room(config, counted, self.training)
            routes = limit(routes, own)
        places = arrange(routes, room)
        x_ND = x_GND.reshape(-1, config.width).astype(config.compute)
        x_PSD = dispatch(x_ND, places)
        gated = config.mlp == "gated"
        up = ExpertLinear(config, config.hidden * (1 + gated), name="up")
        down = ExpertLinear(config, config.width, name="down")
        y_PSD = down(activate(config, up(x_PSD, places)), places)
        gate_KN = routes.gate.swapaxes(0, 1).reshape(config.top_k, -1)
        out_ND = jnp.sum(combine(y_PSD, places) * gate_KN[..., None], axis=0)
        counts = count_routes(logits_GNE, routes, own, counted)
        counts["balance"] = balance(logits_GNE, routes, counted)
        return out_ND.reshape(x_BTD.shape), counts


class Router(nn.Module):
    """`x W` in float32 whatever the compute dtype, as small changes move tokens."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_GND):
        """Maps [G, N, D] to float32 logits [G, N, E]."""
        self.sow("inputs", "kernel", x_GND)  # nothing unless asked for (layerwise)
        shape = (x_GND.shape[-1], self.config.experts)
        kernel_DE = self.param("kernel", declare, shape)
        return jnp.matmul(x_GND.astype(jnp.float32), kernel_DE, precision="highest")


class ExpertLinear(nn.Module):
    """`x W_e + b_e` of each expert, with products in the compute dtype."""

    config: ModelConfig
    features: int

    @nn.compact
    def __call__(self, x_PSI, places: Places):
        """Maps [P, S, I] of each part to [P, S, O], by the part's expert."""
        self.sow("inputs", "kernel", (x_PSI, places))
        shape = (self.config.experts, x_PSI.shape[-1], self.features)
        weights = [self.param("kernel", declare, shape)]
        if self.config.bias:
            weights.append(self.param("bias", declare, (shape[0], shape[2])))
        if places.expert is not None:
            weights = [jnp.take(w, places.expert, axis=0) for w in weights]

        def one(x_SI, kernel_IO, bias_O=None):
            return linear(x_SI, kernel_IO, bias_O, self.config.compute)

        return jax.vmap(one)(x_PSI, *weights)


def arrange(routes: Routes, room: int) -> Places:
    """Places choices in buffers, or in blocks where these have half the places.

    The outputs are the same. A buffer holds `room` places of each group for each
    expert; blocks hold what was chosen, but copy an expert's weights for each block.
    """
    groups, experts = routes.asked.shape
    choices = routes.expert.size
    size = min(_LARGEST_BLOCK, 1 << max(0, (choices // experts).bit_length() - 1))
    if experts * groups * room > 2 * most_blocks(choices, experts, size) * size:
        return place_in_blocks(routes, room, size)
    return place_in_buffers(routes, room)


def dispatch(x_ND: jax.Array, places: Places) -> jax.Array:
    """Puts each token at the places of its choices: [P, S, D], zeros at free places."""
    choices, tokens = places.place.size, places.place.shape[1]
    token_S = jnp.where(
        places.choice < choices, places.choice % tokens, jnp.int32(tokens)
    )
    x_SD = _moved(x_ND, token_S, places.place)
    return x_SD.reshape(places.parts, -1, x_ND.shape[1])


def combine(y_PSD: jax.Array, places: Places) -> jax.Array:
    """Returns what lies at each choice's place: [K, N, D], zeros of a dropped one."""
    y_SD = y_PSD.reshape(-1, y_PSD.shape[-1])
    y = _moved(y_SD, places.place.reshape(-1), places.choice[None])
    return y.reshape(*places.place.shape, -1)


@jax.custom_vjp
def _moved(x_AD: jax.Array, there_C: jax.Array, back_KA: jax.Array) -> jax.Array:
    """Returns `x[there]`, zeros where `there` is A; row a went to rows `back[:, a]`.

    The gradient reads along `back`: no sum over rows is scattered either way.
    """
    del back_KA
    return x_AD.at[there_C].get(mode="fill", fill_value=0)


def _moved_forward(x_AD, there_C, back_KA):
    return _moved(x_AD, there_C, back_KA), back_KA


def _moved_backward(back_KA, grad_CD):
    grad_KAD = grad_CD.at[back_KA].get(mode="fill", fill_value=0)
    return jnp.sum(grad_KAD, axis=0), None, None


_moved.defvjp(_moved_forward, _moved_backward)
