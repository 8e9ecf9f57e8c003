"""All benchmarks one after the other, each in a process of its own.

    make bench                              # installs PyTorch 2.13.0 first
    python -m tools.bench --repetitions=3

Contenders take turns within a process, so that the ratios hold on a machine whose speed
wavers. They run on one core each, but for the theory, whose solvers use all. The single
benches have more flags: bench_step, bench_data, bench_moe, bench_score, bench_quant,
bench_theory.
"""

import os
import re
import subprocess
import sys

from absl import app, flags

_REPETITIONS = flags.DEFINE_integer("repetitions", 5, "timings of each contender", 1)

# The model of bench_step -> the corpus of bench_data that feeds it.
FEEDS = {"demo": "demo", "GPT2-2-1": "bioS", "GPT2-4-2": "bioS"}
TRAINED = re.compile(r"^(\S+) +tokens/s +kscale +([\d,]+)", re.MULTILINE)
COMPOSED = re.compile(r"^(\S+) +([\d.]+) million tokens/s composed", re.MULTILINE)


def bench(module: str, repetitions: int, *, all_cores: bool = False) -> str:
    """Runs a bench, prints its lines as they come, and returns them.

    Args:
      module: in tools, run as a program.
      repetitions: timings of each contender.
      all_cores: leave the bench all cores in place of the last one.
    """
    words = [sys.executable, "-m", f"tools.{module}", f"--repetitions={repetitions}"]
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    core = {max(affinity(0))} if affinity and not all_cores else None
    lines = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        if core:
            os.sched_setaffinity(process.pid, core)
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        raise SystemExit(f"tools.{module} failed")
    return "".join(lines)


def beside(trained: str, composed: str) -> dict[str, float]:
    """Returns how many batches are made in the time of one train step, by model.

    Args:
      trained: what bench_step printed.
      composed: what bench_data printed.

    Example:
      >>> step = "demo      tokens/s  kscale   138,012  eager    45,333"
      >>> made = "demo      41.4 million tokens/s composed   0.900 formatted"
      >>> round(beside(step, made)["demo"])
      300
    """
    made = {name: float(rate) * 1e6 for name, rate in COMPOSED.findall(composed)}
    rates = {n: float(r.replace(",", "")) for n, r in TRAINED.findall(trained)}
    return {name: made[FEEDS[name]] / rate for name, rate in rates.items()}


def main(argv: list[str]) -> None:
    """Prints all lines."""
    del argv
    print("train step (ratio: to the faster of PyTorch's two)", flush=True)
    trained = bench("bench_step", _REPETITIONS.value)
    print("\ninput pipeline", flush=True)
    composed = bench("bench_data", 3 * _REPETITIONS.value)
    print("\ninput beside the step: batches made in the time of one step")
    for name, ratio in beside(trained, composed).items():
        print(f"{name:<9} {ratio:9,.0f}")
    print("\nexperts (ratios: to a dense MLP, to all experts)", flush=True)
    bench("bench_moe", _REPETITIONS.value)
    print("\nscorer", flush=True)
    bench("bench_score", _REPETITIONS.value)
    print("\nquantization", flush=True)
    bench("bench_quant", _REPETITIONS.value, all_cores=True)
    print("\ntheory (ratio: to plain SciPy or Python, one point at a time)", flush=True)
    bench("bench_theory", _REPETITIONS.value, all_cores=True)


if __name__ == "__main__":
    app.run(main)
