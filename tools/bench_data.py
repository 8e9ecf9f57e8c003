"""How fast batches are made: gathers of pieces beside formatting and tokenizing.

    python tools/bench_data.py --repetitions=15

Both ways are timed in turns in one process, by wall clock, on one core; the medians and
their ratio are printed. One quiet core: bioS 50 million tokens/s composed, 2 million
formatted and tokenized. Then the same text of a large skewed world, law by law, beside
the uniform one: all within 10 %.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from kscale import configs, corpora, data, tokenizers, worlds
from kscale.runs import mixture
from kscale.runs.task import prepare
from kscale.tokenizers import Tokenizer
from kscale.worlds import Law

# Of this file alone, so that benches can be imported side by side.
_FLAGS = flags.FlagValues()
_REPETITIONS = flags.DEFINE_integer(
    "repetitions", 15, "timings of each way", 1, flag_values=_FLAGS
)
_PEOPLE = flags.DEFINE_integer(
    "people", 20_000, "N of the bioS world", 1, flag_values=_FLAGS
)
_SKEWED = flags.DEFINE_integer(
    "skewed", 400_000, "N of the skewed worlds", 1, flag_values=_FLAGS
)
_BATCH = flags.DEFINE_integer(
    "batch", 96, "windows of each timing", 1, flag_values=_FLAGS
)

DOCUMENTS = 64  # formatted and tokenized in each timing


@dataclasses.dataclass(frozen=True)
class Rates:
    """Tokens per second of the two ways: medians over repetitions."""

    name: str
    composed: float
    formatted: float

    def line(self) -> str:
        """Returns one line of the report."""
        return (
            f"{self.name:<6} {self.composed / 1e6:7.1f} million tokens/s composed"
            f" {self.formatted / 1e6:7.3f} formatted and tokenized"
            f" {self.composed / self.formatted:7.0f} times"
        )


def make_bios(people: int) -> tuple[data.Stream, Tokenizer]:
    """Makes bioS in windows of 512 under GPT-2's tokenizer, and that tokenizer."""
    corpus = corpora.Biographies(worlds.build_bios(people))
    tokenizer = tokenizers.load_gpt2()
    pool = data.tokenize(corpus, tokenizer)
    return data.Stream(corpus, pool, exposures=30, context=512), tokenizer


def make_demo() -> tuple[data.Stream, Tokenizer]:
    """Makes the demo's bioD world in windows of 64, and its tokenizer."""
    task = prepare(configs.demo(exposures=300))
    stream = task.order.stream
    assert isinstance(stream, data.Stream), "the demo mixes nothing"
    return stream, mixture.build_tokenizer(task.config.corpus, task.corpus)


def time_both(
    name: str, stream: data.Stream, tokenizer: Tokenizer, batch: int, repetitions: int
) -> Rates:
    """Times both ways in turns; the index of the stream is made before."""
    spans = stream.num_windows // batch
    compose, write = [], []
    for i in range(-1, repetitions):  # the first warms up
        start = i % spans * batch
        composed = _rate(lambda start=start: _compose(stream, start, batch))
        visits = np.arange(i % 16 * DOCUMENTS, (i % 16 + 1) * DOCUMENTS)
        plan = stream.corpus.plan(*stream.visit(visits))
        formatted = _rate(lambda plan=plan: _format(stream, tokenizer, plan))
        if i >= 0:
            compose.append(composed)
            write.append(formatted)
    return Rates(name, statistics.median(compose), statistics.median(write))


LAWS = {
    "uniform": Law(),
    "zipf": Law("zipf", exponent=1.2, bias=1000.0),
    "pitman_yor": Law("pitman_yor", discount=1 / 1.2),
    "restaurant": Law("restaurant", discount=0.6),
}


@dataclasses.dataclass(frozen=True)
class Skewed:
    """A world under one law: tokens per second, and the same beside the uniform law.

    Attributes:
      name: of the law.
      composed: tokens per second of windows, median over repetitions.
      ratio: median over repetitions, each beside the uniform world in the same turn.
      start: seconds until the first window: tables, and all documents counted.
    """

    name: str
    composed: float
    ratio: float
    start: float

    def line(self) -> str:
        """Returns one line of the report."""
        return (
            f"{self.name:<10} {self.composed / 1e6:7.1f} million tokens/s"
            f"   beside uniform {self.ratio:5.2f}   first window {self.start:5.2f} s"
        )


def time_laws(
    people: int, exposures: int, batch: int, repetitions: int
) -> list[Skewed]:
    """Times windows of 512 of one bioS world under all laws, in turns."""
    tokenizer, streams, starts = tokenizers.load_gpt2(), {}, {}
    one = corpora.Biographies(worlds.build_bios(1))
    pool = data.tokenize(one, tokenizer)  # the same for any number of people
    for name, law in LAWS.items():
        corpus = corpora.Biographies(worlds.build_bios(people, law=law))
        corpus.plan(np.arange(1), np.arange(1))  # the world's own tables
        begin = time.perf_counter()
        streams[name] = data.Stream(corpus, pool, exposures, context=512)
        streams[name].windows(0, batch)
        starts[name] = time.perf_counter() - begin
    found = {name: [] for name in LAWS}
    for i in range(repetitions):
        for name, stream in streams.items():
            start = i % (stream.num_windows // batch) * batch
            found[name].append(_rate(lambda s=stream, i=start: _compose(s, i, batch)))
    uniform = np.array(found["uniform"])
    return [
        Skewed(
            name,
            statistics.median(speeds),
            float(np.median(np.array(speeds) / uniform)),
            starts[name],
        )
        for name, speeds in found.items()
    ]


def _rate(make: Callable[[], int]) -> float:
    start = time.perf_counter()
    tokens = make()
    return tokens / (time.perf_counter() - start)


def _compose(stream: data.Stream, first: int, batch: int) -> int:
    return stream.windows(first, batch)["tokens"][:, 1:].size


def _format(stream: data.Stream, tokenizer: Tokenizer, plan: np.ndarray) -> int:
    """Writes documents as strings, tokenizes each, and counts the tokens."""
    pieces = stream.corpus.pieces
    texts = ("".join(s.text for i in row for s in pieces[i]) for row in plan)
    return sum(len(tokenizer.encode(text)) + 1 for text in texts)


def main(argv: list[str]) -> None:
    """Prints a line for bioS, one for the demo's bioD, and one for each law."""
    del argv
    stream, tokenizer = make_bios(_PEOPLE.value)
    batch, repetitions = _BATCH.value, _REPETITIONS.value
    print(time_both("bioS", stream, tokenizer, batch, repetitions).line())
    stream, tokenizer = make_demo()
    rows = batch * 512 // stream.context  # as many tokens
    print(time_both("demo", stream, tokenizer, rows, repetitions).line())
    for row in time_laws(_SKEWED.value, 5, batch, repetitions):
        print(row.line())


if __name__ == "__main__":
    main(_FLAGS(sys.argv))
