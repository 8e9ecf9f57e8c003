"""How long GPTQ takes on a model of ten million parameters.

    python -m tools.bench_quant --repetitions=1

The model is untrained, which costs the same; the sample has the size of the paper's:
1000 biographies of 73 tokens. The first timing of each scheme compiles, and stands
apart.
"""

import statistics
import sys
import time

import jax
import numpy as np
from absl import flags

from kscale import models, quant

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 1, "timings of each scheme", 1, flag_values=_FLAGS
)

MODEL = models.from_name("GPT2-12-4", vocab=3275)
PEOPLE, TOKENS = 1000, 73
CASES = {"int4": quant.Scheme(bits=4), "int4 group 64": quant.Scheme(bits=4, group=64)}


def seconds(
    config: models.ModelConfig, scheme: quant.Scheme, people: int, repetitions: int
) -> list[float]:
    """Returns the seconds of each call of `gptq`, the first with all compilation.

    Args:
      config: the model.
      scheme: how its weights are rounded.
      people: sequences of ``TOKENS`` tokens in the sample.
      repetitions: calls after the first.
    """
    params = models.init(config, jax.random.key(0))
    drawn = np.random.default_rng(0)
    tokens = drawn.integers(0, config.vocab, (people, TOKENS))
    taken = []
    for _ in range(repetitions + 1):
        began = time.perf_counter()
        jax.block_until_ready(quant.quantize_gptq(config, params, scheme, tokens)[0])
        taken.append(time.perf_counter() - began)
    return taken


def line(name: str, taken: list[float]) -> str:
    """Returns one line of the report."""
    again = statistics.median(taken[1:])
    return f"{name:<14} gptq {taken[0]:6.1f} s with compilation {again:6.1f} s without"


def main(argv: list[str]) -> None:
    """Prints a line for each scheme."""
    del argv
    count = models.count_parameters(MODEL).total / 1e6
    print(f"GPT2-12-4, {count:.1f} M parameters, {PEOPLE} x {TOKENS} tokens")
    for name, scheme in CASES.items():
        taken = seconds(MODEL, scheme, PEOPLE, _REPETITIONS.value)
        print(line(name, taken), flush=True)


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
