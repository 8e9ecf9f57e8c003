"""AdamW with decay on matrices only; learning rate and decay may be traced."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from kscale.train.config import TrainConfig
from kscale.train.paths import by_path

Params = Any

# Whether a parameter decays, by path; first match. Tables of embeddings are matrices.
DECAY: tuple[tuple[str, bool], ...] = (
    ("lora/*", True),
    ("*kernel", True),
    ("*table", True),
    ("*bias", False),
    ("*scale", False),
)


class Moments(NamedTuple):
    """Adam's running means of the gradient and of its square, shaped as the params."""

    mu: Params
    nu: Params


def zero_moments(params: Params) -> Moments:
    """The moments before the first step."""
    return Moments(jax.tree.map(jnp.zeros_like, params), optax.tree.zeros_like(params))


def adamw(
    config: TrainConfig,
    gradient: Params,
    params: Params,
    moments: Moments,
    step: jax.Array,
    learning_rate: jax.Array,
    weight_decay: jax.Array,
) -> tuple[Params, Moments, jax.Array]:
    """One step of AdamW: ``p <- p - lr (m / (sqrt(v) + eps) + wd p)``.

    m and v are the bias-corrected moments of the gradient after its global norm was
    clipped to ``config.clip``; wd counts for matrices only (``DECAY``).

    Args:
      config: b1, b2, eps and clip (0: not clipped).
      gradient, params: trees of equal structure.
      moments: of the steps before.
      step: number of steps before this one, int32 scalar.
      learning_rate, weight_decay: scalars.

    Returns:
      Parameters and moments after the step, and the norm before clipping.

    Raises:
      ValueError: a parameter matches no rule of ``DECAY``.

    Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", algorithm 2,
    with the decay multiplied by the learning rate as in PyTorch and optax.
    """
    norm = optax.tree.norm(gradient)
    if config.clip:
        factor = jnp.minimum(1.0, config.clip / jnp.maximum(norm, 1e-30))
        gradient = jax.tree.map(lambda g: g * factor, gradient)
    rule: Any = optax.chain(
        optax.scale_by_adam(config.b1, config.b2, config.eps),
        optax.add_decayed_weights(weight_decay, by_path(DECAY, params, "DECAY")),
        optax.scale(-learning_rate),
    )
    adam, *rest = rule.init(params)
    adam = adam._replace(count=step, mu=moments.mu, nu=moments.nu)
    updates, (adam, *_) = rule.update(gradient, (adam, *rest), params)
    params = optax.apply_updates(params, updates)
    return params, Moments(adam.mu, adam.nu), norm
