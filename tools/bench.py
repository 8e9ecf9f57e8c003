"""All benchmarks in one run: steps beside PyTorch, the input beside the step, scoring.

    make bench                              # installs PyTorch 2.13.0 first
    python -m tools.bench --quick=True      # fewer repetitions

Everything runs in one process on one core, contenders in turns, so that the ratios hold
on a machine whose speed wavers. The single benches have more flags: bench_step,
bench_data, bench_score.
"""

import importlib.util

from absl import app, flags

from tools import bench_data, bench_score, bench_step

_QUICK = flags.DEFINE_boolean("quick", False, "three repetitions each, no GPT2-4-2")

# The case of bench_step -> the stream of bench_data that feeds such a model.
FEEDS = {"demo": "demo", "GPT2-2-1": "bioS", "GPT2-4-2": "bioS"}


def steps(quick: bool) -> dict[str, float]:
    """Prints a line per model; gives kscale's tokens/s."""
    with_torch = importlib.util.find_spec("torch") is not None
    clock = bench_step.CLOCKS["wall"]
    found = {}
    for name in list(FEEDS)[: 2 if quick else 3]:
        rates = bench_step.rates(name, with_torch, 3 if quick else 7, clock)
        print(rates.line(), flush=True)
        found[name] = rates.tokens_per_second["kscale"]
    return found


def inputs(quick: bool) -> dict[str, float]:
    """Prints a line per corpus; gives tokens/s composed."""
    found = {}
    for name, make in (("bioS", lambda: bench_data.bios(20_000)), ("demo", None)):
        stream, tokenizer = make() if make else bench_data.demo()
        batch = 96 * 512 // stream.context
        rates = bench_data.rates(name, stream, tokenizer, batch, 5 if quick else 15)
        print(rates.line(), flush=True)
        found[name] = rates.composed
    return found


def scorer(quick: bool) -> None:
    """Prints a line per model."""
    for name, (spec, people) in list(bench_score.CASES.items())[: 2 if quick else 3]:
        found = bench_score.rates(spec, people, 1 if quick else 3)
        print(bench_score.line(name, found), flush=True)


def main(argv: list[str]) -> None:
    """Prints the table."""
    del argv
    bench_step.pin(1)
    quick = _QUICK.value
    print("train step, one core (ratio: to the faster of PyTorch's two)")
    trained = steps(quick)
    print("\ninput pipeline, one core")
    made = inputs(quick)
    print("\ninput beside the step: batches made in the time of one step")
    for name, rate in trained.items():
        print(f"{name:<9} {made[FEEDS[name]] / rate:9,.0f}")
    print("\nscorer, one core")
    scorer(quick)


if __name__ == "__main__":
    app.run(main)
