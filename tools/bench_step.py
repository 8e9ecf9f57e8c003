"""Train steps per second beside PyTorch: same model, batch, optimizer and cores.

    python -m tools.bench_step --cores=1 --repetitions=7
    pip install torch==2.13.0        # without it, kscale's column stands alone

The contenders start from the same parameters (their first losses must agree) and train
on the same batches in turns, in one process pinned to the given number of cores with as
many threads each. Printed are medians of tokens/s over repetitions, and the median over
repetitions of kscale's speed over that of the faster PyTorch.
"""

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from absl import flags

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_CORES = flags.DEFINE_integer(
    "cores", 1, "cores, and threads of each library", 1, flag_values=_FLAGS
)
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 7, "timings of each contender", 1, flag_values=_FLAGS
)
_MODELS = flags.DEFINE_list(
    "models", ["demo", "GPT2-2-1", "GPT2-4-2"], "what to train", flag_values=_FLAGS
)
_CLOCK = flags.DEFINE_enum(
    "clock",
    "wall",
    ["wall", "cpu"],
    "cpu: for busy machines, with --cores=1 only",
    flag_values=_FLAGS,
)

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
LOSS_TOLERANCE = 1e-3


class Case(NamedTuple):
    """A model, its batch [rows, context], and the steps of one timing."""

    config: Any
    rows: int
    context: int
    steps: int


class Rates(NamedTuple):
    """Median tokens/s of each, and kscale's median ratio to the best other."""

    name: str
    tokens_per_second: dict[str, float]
    ratio: float | None

    def line(self) -> str:
        """Returns one line of the table."""
        rates = "".join(
            f"  {name} {rate:9,.0f}" for name, rate in self.tokens_per_second.items()
        )
        ratio = "" if self.ratio is None else f"  ratio {self.ratio:.2f}"
        return f"{self.name:<9} tokens/s{rates}{ratio}"


def case(name: str) -> Case:
    """Returns the demo model, or a model of the paper on bioS's vocabulary."""
    from kscale.models import ModelConfig, from_name

    if name == "demo":
        config = ModelConfig(vocab=131, heads=3, head_size=16, init_std=0.08)
        return Case(config, rows=3, context=64, steps=256)
    return Case(from_name(name, vocab=3275), rows=24, context=512, steps=1)


def kscale_trainer(case: Case, train: Any, tokens: np.ndarray) -> Callable[[], float]:
    """Makes kscale's own program: it trains on all batches, returns the first loss."""
    import jax
    import jax.numpy as jnp

    from kscale.train import make_hyper, make_objective, make_step, one_device
    from kscale.train.dispatch import abstract_state, compile_dispatch, start_state

    objective, mesh = make_objective(case.config), one_device()
    hyper = make_hyper(train)
    chunk = {
        "tokens": jnp.asarray(tokens),
        "labels": jnp.zeros(tokens.shape, jnp.uint8),
    }
    step = make_step(objective, train, total_steps=10**6, labels=1)
    abstract = abstract_state(objective, hyper, mesh)
    dispatch = compile_dispatch(step, abstract, chunk, hyper, mesh)
    state = start_state(objective, hyper, mesh)

    def run() -> float:
        nonlocal state
        state, metrics = dispatch(state, chunk, hyper)
        sums = jax.device_get(metrics)
        return float(sums["nats_sum"][0] / sums["token_count"][0])

    return run


def contenders(case: Case, with_torch: bool) -> dict[str, Callable[[], float]]:
    """Returns all that train this case: the same parameters, the same batches."""
    import jax

    from kscale.models import init
    from kscale.train import TrainConfig, resolve

    shape = (case.steps, case.rows, case.context + 1)
    tokens = np.random.default_rng(0).integers(0, case.config.vocab, shape, np.int32)
    train = resolve(
        TrainConfig(schedule="constant", warmup_steps=0),
        rows=case.rows,
        context=case.context,
        total_steps=case.steps,
    )
    found = {"kscale": kscale_trainer(case, train, tokens)}
    if with_torch:
        from tools.bench_step_torch import Trainer

        params = init(case.config, jax.random.key(train.seed))
        for name, compiled in (("eager", False), ("compiled", True)):
            found[name] = Trainer(case.config, train, params, tokens, compiled)
    return found


def rates(
    name: str, with_torch: bool, repetitions: int, clock: Callable[[], float]
) -> Rates:
    """Trains in turns and times each turn.

    Args:
      name: `"demo"` or a model's name, as `case` takes it.
      with_torch: whether PyTorch takes part.
      repetitions: turns.
      clock: seconds since some moment.

    Returns:
      Medians.

    Raises:
      ValueError: the contenders' first losses differ: not the same model.
    """
    todo = case(name)
    tokens = todo.steps * todo.rows * todo.context
    found = contenders(todo, with_torch)
    losses = {contender: run() for contender, run in found.items()}  # warms up too
    if max(losses.values()) - min(losses.values()) > LOSS_TOLERANCE:
        raise ValueError(f"First losses of {name} are {losses}, must agree.")
    turns: list[dict[str, float]] = []
    for _ in range(repetitions):
        turn = {}
        for contender, run in found.items():
            start = clock()
            run()
            turn[contender] = tokens / (clock() - start)
        turns.append(turn)
    medians = {k: statistics.median(turn[k] for turn in turns) for k in found}
    ratio = None
    if len(found) > 1:
        ratio = statistics.median(
            turn["kscale"] / max(v for k, v in turn.items() if k != "kscale")
            for turn in turns
        )
    return Rates(name, medians, ratio)


def pin(cores: int) -> None:
    """Gives this process its last `cores` cores; before JAX or torch is imported."""
    allowed = sorted(os.sched_getaffinity(0))
    if cores > len(allowed):
        raise ValueError(f"--cores is {cores}, must be at most {len(allowed)} here.")
    os.sched_setaffinity(0, allowed[-cores:])
    os.environ |= {"NPROC": str(cores), "OMP_NUM_THREADS": str(cores)}


def main(argv: list[str]) -> None:
    """Prints a line per model."""
    del argv
    pin(_CORES.value)
    with_torch = importlib.util.find_spec("torch") is not None
    if not with_torch:
        print("torch is not installed: pip install torch==2.13.0 for the comparison")
    for name in _MODELS.value:
        clock = CLOCKS[_CLOCK.value]
        print(rates(name, with_torch, _REPETITIONS.value, clock).line(), flush=True)


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
