"""AdamW with decay on matrices only, and its learning rate at each step."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from kscale.train.config import TrainConfig
from kscale.trees import match_rules

Params = Any

# Whether a parameter decays, by path; first match. Tables of embeddings are matrices.
DECAY: tuple[tuple[str, bool], ...] = (
    ("lora/*", True),
    ("*kernel", True),
    ("*table", True),
    ("*bias", False),
    ("*scale", False),
)


def adamw(
    config: TrainConfig,
    gradient: Params,
    params: Params,
    adam: optax.ScaleByAdamState,
    learning_rate: jax.Array,
    weight_decay: jax.Array,
) -> tuple[Params, optax.ScaleByAdamState, jax.Array]:
    """Takes one step of AdamW: `p <- p - lr (m / (sqrt(v) + eps) + wd p)`.

    m and v are the bias-corrected moments of the gradient after its global norm was
    clipped to `config.clip`; wd counts for matrices only (`DECAY`).

    Args:
      config: b1, b2, eps and clip (0: not clipped).
      gradient, params: trees of equal structure.
      adam: number and moments of the steps before (`optax.scale_by_adam`).
      learning_rate, weight_decay: scalars, which may be traced.

    Returns:
      Parameters and moments after the step, and the norm before clipping.

    Source: Loshchilov & Hutter 2019, algorithm 2, with the decay multiplied by the
    learning rate as in PyTorch and optax.
    """
    norm = optax.tree.norm(gradient)
    if config.clip:
        factor = jnp.minimum(1.0, config.clip / jnp.maximum(norm, 1e-30))
        gradient = jax.tree.map(lambda g: g * factor, gradient)
    rule: Any = optax.chain(
        optax.scale_by_adam(config.b1, config.b2, config.eps),
        optax.add_decayed_weights(weight_decay, match_rules(DECAY, params, "DECAY")),
        optax.scale(-learning_rate),
    )
    _, *rest = rule.init(params)
    updates, (adam, *_) = rule.update(gradient, (adam, *rest), params)
    return optax.apply_updates(params, updates), adam, norm


def learning_rate(
    config: TrainConfig,
    total_steps: int,
    step: jax.Array | int,
    peak: jax.Array | float,
) -> jax.Array:
    """Returns the learning rate of one step; step 0 is the first.

    With W steps of warm-up out of S, step s has `peak * (s + 1) / W` while s < W:
    the first step already moves, step W - 1 is at the peak. After it, with progress
    `x = (s + 1 - W) / (S - W)` and f = final_ratio:

        constant   peak
        linear     peak * (1 - (1 - f) x)
        cosine     peak * (f + (1 - f) (1 + cos(pi x)) / 2)
        trapezoid  peak, then linear to f over the last warmdown_ratio * S steps
                   (later, if the warm-up still lasts)

    so that the last step is at `f * peak` exactly. If W >= S the run ends within its
    warm-up, at `peak * S / W`.

    Args:
      config: schedule, warm-up, `warmdown_ratio` and `final_ratio`.
      total_steps: S, 1 or more.
      step: number of steps taken before this one.
      peak: largest learning rate, of any shape; may be traced.

    Example:
      >>> config = TrainConfig(schedule="linear", warmup_steps=2, final_ratio=0.0)
      >>> [float(learning_rate(config, 4, step, 1.0)) for step in range(4)]
      [0.5, 1.0, 0.5, 0.0]

    Source: Allen-Zhu & Li 2024, appendix A (cosine to 0.1); trapezoid: Zhai et al.
    2022, section 3.5.
    """
    warmup = max(config.warmup_steps, round(config.warmup_ratio * total_steps))
    done = jnp.asarray(step, jnp.float32) + 1
    rise = jnp.minimum(done / max(warmup, 1), 1.0)
    flat = warmup
    if config.schedule == "trapezoid":
        flat = max(warmup, total_steps - round(config.warmdown_ratio * total_steps))
    progress = jnp.clip((done - flat) / max(total_steps - flat, 1), 0.0, 1.0)
    if config.schedule == "cosine":
        progress = (1 - jnp.cos(jnp.pi * progress)) / 2
    fall = 1 - (1 - config.final_ratio) * progress
    if config.schedule == "constant":
        fall = jnp.ones_like(progress)
    return peak * (rise * fall)
