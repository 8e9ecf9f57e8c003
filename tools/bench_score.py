"""How many people a second the scorer scores, by batch, and how that compares.

    python tools/bench_score.py --repetitions=3

All batch sizes are timed in turns in one process; each line is a median and its ratio
to the batch that the scorer chooses by itself.
"""

import statistics
import sys
import time

import jax
from absl import flags

from kscale import configs, models, scores
from kscale.runs.task import prepare

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 3, "timings of each batch", 1, flag_values=_FLAGS
)

BATCHES = (0, 16, 64, 512)  # 0: chosen by the scorer
CASES = {
    "demo_d48": ("demo_d48", 1450),
    "GPT2-2-1": ("bios:people=10K,compute=float32", 512),
    "GPT2-4-2": ("bios:people=10K,model=GPT2-4-2,compute=float32", 256),
}


def rates(spec: str, people: int, repetitions: int) -> dict[int, float]:
    """Measures people a second for each batch size.

    Args:
      spec: a named config; its model is untrained, which costs the same.
      people: how many are scored in each timing.
      repetitions: timings of each batch, taken in turns.
    """
    task = prepare(configs.load(spec))
    params = models.init(task.config.model, jax.random.key(0))
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for turn in range(repetitions + 1):
        for batch in BATCHES:
            began = time.perf_counter()
            scores.score_corpus(
                (task.config.model, params), task.corpus, task.pool, people, batch=batch
            )
            if turn:  # the first turn compiles
                seconds[batch].append(time.perf_counter() - began)
    return {batch: people / statistics.median(s) for batch, s in seconds.items()}


def line(name: str, found: dict[int, float]) -> str:
    """Returns one line of the report."""
    others = (f"   batch {b}: {found[b] / found[0]:.2f}x" for b in BATCHES[1:])
    return f"{name:<9}{found[0]:10,.0f} people/s at the chosen batch" + "".join(others)


def main(argv: list[str]) -> None:
    """Prints a line for each model."""
    del argv
    for name, (spec, people) in CASES.items():
        print(line(name, rates(spec, people, _REPETITIONS.value)), flush=True)


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
