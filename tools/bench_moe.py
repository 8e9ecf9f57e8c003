"""Tokens per second through a layer of experts, forward and backward.

    python -m tools.bench_moe --repetitions=7
    taskset -c 0 python -m tools.bench_moe --clock=cpu    # on a busy machine

Four contenders take turns on the same tokens: experts with a capacity of twice their
share (buffers), dropless experts (blocks), all experts computed for every token and
weighted (what routing saves), and one dense MLP of the size that a token uses (what
routing costs). Printed are medians of tokens/s and the first two's to the dense MLP's
and to all experts'.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from absl import flags

from kscale.models import ModelConfig
from kscale.models.block import FeedForward
from kscale.models.moe import Experts

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 5, "timings of each contender", 1, flag_values=_FLAGS
)
_CLOCK = flags.DEFINE_enum(
    "clock", "wall", ["wall", "cpu"], "cpu: for one core only", flag_values=_FLAGS
)

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
CASES = {  # width in heads of 32, experts, choices
    "d64 E8 top-1": (2, 8, 1),
    "d64 E32 top-1": (2, 32, 1),
    "d128 E32 top-2": (4, 32, 2),
}
ROWS, CONTEXT = 4, 512


class AllExperts(nn.Module):
    """Every expert of every token, weighted with the router's probabilities."""

    config: ModelConfig

    @nn.compact
    def __call__(self, x_BTD):
        """Maps inputs [B, T, D] to outputs of the same shape."""
        config = self.config
        router = nn.Dense(config.experts, use_bias=False)
        gate = jax.nn.softmax(router(x_BTD))
        one = dataclasses.replace(config, experts=0)
        each = [FeedForward(one)(x_BTD) for _ in range(config.experts)]
        return sum(gate[..., e, None] * y for e, y in enumerate(each))


def layers(heads: int, experts: int, top_k: int) -> dict[str, nn.Module]:
    """Returns the contenders, of experts d -> d -> d."""
    config = ModelConfig(heads=heads, head_size=32, mlp_width=1.0)
    routed = dataclasses.replace(config, experts=experts, top_k=top_k)
    return {
        "buffers": Experts(routed, training=True),
        "dropless": Experts(dataclasses.replace(routed, capacity_factor=0.0), True),
        "all": AllExperts(routed),
        "dense": FeedForward(dataclasses.replace(config, mlp_width=float(top_k))),
    }


def shapes(layer: Any, x_BTD: jax.Array) -> Any:
    """Returns the shapes of a layer's parameters."""
    return jax.eval_shape(layer.init, jax.random.key(0), x_BTD)["params"]


def trainer(layer: Any, width: int) -> Callable[[], None]:
    """Compiles and runs one gradient with respect to weights and inputs."""
    x = jax.random.normal(jax.random.key(0), (ROWS, CONTEXT, width))
    params = jax.tree.map(
        lambda leaf: jax.random.normal(jax.random.key(1), leaf.shape) * width**-0.5,
        shapes(layer, x),
    )

    @jax.jit
    def gradient(params, x):
        def loss(params, x):
            out = layer.apply({"params": params}, x)
            out = out[0] if isinstance(out, tuple) else out
            return jnp.sum(jnp.square(out))

        return jax.grad(loss, argnums=(0, 1))(params, x)

    def run() -> None:
        jax.block_until_ready(gradient(params, x))

    run()
    return run


def rates(
    name: str, repetitions: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Measures tokens a second of each contender in each turn.

    Args:
      name: of ``CASES``.
      repetitions: turns.
      clock: seconds since some moment.
    """
    heads, experts, top_k = CASES[name]
    runs = {
        contender: trainer(layer, 32 * heads)
        for contender, layer in layers(heads, experts, top_k).items()
    }
    found: dict[str, list[float]] = {contender: [] for contender in runs}
    for _ in range(repetitions):
        for contender, run in runs.items():
            start = clock()
            run()
            found[contender].append(ROWS * CONTEXT / (clock() - start))
    return found


def line(name: str, found: dict[str, list[float]]) -> str:
    """Returns one line of the table.

    Example:
      >>> print(line("x", {"buffers": [4.0], "dense": [8.0], "all": [2.0]}))
      x              tokens/s  buffers 4  dense 8  all 2  buffers: dense 0.50, all 2.00
    """
    text = f"{name:<14} tokens/s"
    for contender, rates_ in found.items():
        text += f"  {contender} {statistics.median(rates_):,.0f}"
    for contender in ("buffers", "dropless"):
        if contender in found:
            shares = (
                f"{to} {ratio(found[contender], found[to]):.2f}"
                for to in ("dense", "all")
            )
            text += f"  {contender}: {', '.join(shares)}"
    return text


def ratio(ours: list[float], others: list[float]) -> float:
    """Returns the median over turns of one rate over another."""
    return statistics.median(a / b for a, b in zip(ours, others, strict=True))


def main(argv: list[str]) -> None:
    """Prints a line per case."""
    del argv
    for name in CASES:
        found = rates(name, _REPETITIONS.value, CLOCKS[_CLOCK.value])
        print(line(name, found), flush=True)


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
