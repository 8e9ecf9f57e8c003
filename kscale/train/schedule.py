"""Learning rates as pure functions of the step, in units of the peak."""

import jax
import jax.numpy as jnp

from kscale.train.config import TrainConfig


def warmup_length(config: TrainConfig, total_steps: int) -> int:
    """Steps of warm-up: ``max(warmup_steps, round(warmup_ratio * total_steps))``."""
    return max(config.warmup_steps, round(config.warmup_ratio * total_steps))


def learning_rate(
    config: TrainConfig,
    total_steps: int,
    step: jax.Array | int,
    peak: jax.Array | float,
) -> jax.Array:
    """The learning rate of one step; step 0 is the first.

    With W steps of warm-up out of S, step s has ``peak * (s + 1) / W`` while s < W:
    the first step already moves, step W - 1 is at the peak. After it, with progress
    ``x = (s + 1 - W) / (S - W)`` and f = final_ratio:

        constant   peak
        linear     peak * (1 - (1 - f) x)
        cosine     peak * (f + (1 - f) (1 + cos(pi x)) / 2)
        trapezoid  peak, then linear to f over the last warmdown_ratio * S steps
                   (later, if the warm-up still lasts)

    so that the last step is at ``f * peak`` exactly. If W >= S the run ends within its
    warm-up, at ``peak * S / W``.

    Args:
      config: schedule, warm-up, ``warmdown_ratio`` and ``final_ratio``.
      total_steps: S, 1 or more.
      step: number of steps taken before this one; may be traced.
      peak: largest learning rate; may be traced, of any shape.

    Returns:
      The learning rate, float32, in the shape of ``peak``.

    Example:
      >>> config = TrainConfig(schedule="linear", warmup_steps=2, final_ratio=0.0)
      >>> [float(learning_rate(config, 4, step, 1.0)) for step in range(4)]
      [0.5, 1.0, 0.5, 0.0]

    Source: "Physics of Language Models: Part 3.3", appendix A (cosine to 0.1);
    trapezoid: Zhai et al., "Scaling Vision Transformers", section 3.5.
    """
    warmup = warmup_length(config, total_steps)
    done = jnp.asarray(step, jnp.float32) + 1
    rise = jnp.minimum(done / max(warmup, 1), 1.0)
    flat = warmup
    if config.schedule == "trapezoid":
        flat = max(warmup, total_steps - round(config.warmdown_ratio * total_steps))
    progress = jnp.clip((done - flat) / max(total_steps - flat, 1), 0.0, 1.0)
    return peak * (rise * _fall(config, progress))


def _fall(config: TrainConfig, progress: jax.Array) -> jax.Array:
    if config.schedule == "constant":
        return jnp.ones_like(progress)
    if config.schedule == "cosine":
        progress = (1 - jnp.cos(jnp.pi * progress)) / 2
    return 1 - (1 - config.final_ratio) * progress
