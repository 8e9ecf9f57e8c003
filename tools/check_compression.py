"""Checks lossless codes: round trips, corruptions, overhead, speed, sizes.

    python -m tools.check_compression                        # untrained models
    python -m tools.check_compression --workdir=runs/mine    # a trained one, its world

Rows are printed as JSON. Sizes of texts do not depend on the machine; speeds do.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
from absl import app, flags

from kscale import corpora, files, models, tokenizers, worlds
from kscale.compression import HEADER_BYTES, Alphabet, Codec, container
from kscale.compression.range_coder import Encoder
from kscale.configs.base import CorpusConfig, WorldConfig
from kscale.corpora.standin import write_biographies
from kscale.runs.code_length import compare_with_score, two_part_code
from kscale.runs.compress import build_codec
from kscale.runs.mixture import build_corpus, build_tokenizer
from kscale.runs.task import open_run

_WORKDIR = flags.DEFINE_string("workdir", None, "of a finished run")
_DOCUMENTS = flags.DEFINE_integer(
    "documents", 10_000, "round trips of untrained models"
)
_EXPOSURES = flags.DEFINE_integer("exposures", 20, "of the run's world, as its text")
_REPETITIONS = flags.DEFINE_integer("repetitions", 3, "timings; the least is taken", 1)

OTHERS = (["gzip", "-9"], ["xz", "-9"], ["zstd", "-19"])


def kinds() -> Iterator[tuple[str, tokenizers.Tokenizer, Callable[[int], list[str]]]]:
    """Yields every kind of corpus: its tokenizer, and its first n documents."""
    people = WorldConfig(people=2000, lists="mini")
    strings = WorldConfig(kind="biod", people=1000, attributes=2, diversity=16)
    for kind in ("bios", "bios_simple", "biod"):
        config = CorpusConfig(kind=kind)
        corpus = build_corpus(config, (strings if kind == "biod" else people).build())
        yield kind, build_tokenizer(config, corpus), lambda n, c=corpus: tell(c, n)
    world = people.build()
    questions = corpora.Questions(world, "all", 0)
    gpt2 = tokenizers.load_gpt2()
    yield "questions", gpt2, lambda n: tell(questions, n)
    yield "standin", gpt2, lambda n: write_standins(world, n)


def write_standins(world: worlds.World, number: int) -> list[str]:
    """Returns stand-in biographies, two a person."""
    people = range(-(-number // 2))
    texts = [text for i in people for text in write_biographies(world, i, 2)]
    return texts[:number]


def tell(corpus: corpora.Corpus, number: int, exposures: int = 1) -> list[str]:
    """Returns the texts of a number of documents, person by person."""
    each = corpus.documents_per_exposure
    index = np.arange(number) // each % corpus.num_people
    address = np.arange(number) // (each * corpus.num_people) * each
    plan = corpus.plan(corpus.people(index), address + np.arange(number) % each)
    return [
        "".join(span.text for span in corpora.compose_document(corpus, row))
        for row in plan
    ]


def make_codec(tokenizer: tokenizers.Tokenizer, ids: list[list[int]]) -> Codec:
    """Returns a small model of some tokens as a code."""
    vocabulary = tokenizers.build_vocabulary(ids, tokenizer.eos)
    config = models.from_name("GPT2-1-1", head_size=16, vocab=vocabulary.size)
    params = models.init(config, jax.random.key(0))
    alphabet = Alphabet(tokenizer, vocabulary, (vocabulary.eos,))
    return Codec(config, params, alphabet, context=64)


def check_round_trips(documents: int) -> Iterator[files.Row]:
    """Yields a row for each kind of text."""
    each = documents // 6
    for kind, tokenizer, write in kinds():
        texts = write(each)
        codec = make_codec(
            tokenizer, [tokenizer.encode(text) for text in texts[: each // 2]]
        )
        yield round_trip(kind, codec, [text.encode() for text in texts])
    pieces = tokenizers.train_sentencepiece(texts[:100], 400)
    codec = make_codec(pieces, [list(range(2, pieces.vocab_size))])
    rng = np.random.default_rng(0)
    noise = [rng.bytes(rng.integers(0, 200)).replace(b"\n", b"\0") for _ in range(each)]
    yield round_trip("random bytes", codec, noise)
    letters = [chr(x) for x in (0x20, 0xE9, 0x2581, 0x1F3F4, 0x10FFFF, 0x41)]
    odd = ["", *letters, "".join(rng.choice(letters, 300)), " a" * 500]
    yield round_trip("edges", codec, [text.encode() for text in odd])
    yield check_corruptions(codec, "\n".join(texts[:40]).encode())


def round_trip(kind: str, codec: Codec, lines: list[bytes]) -> files.Row:
    """Compresses lines in one file and reads it; counts those that differ."""
    data = codec.compress(b"\n".join(lines))
    back = codec.decompress(data).split(b"\n")
    found = codec.measure(list(map(codec.alphabet.encode, lines))).bits.sum()
    return {
        "check": f"round trip: {kind}",
        "documents": len(lines),
        "mismatches": sum(a != b for a, b in zip(lines, back, strict=True)),
        "bytes": sum(map(len, lines)) + len(lines) - 1,
        "compressed": len(data),
        "bits_beyond_measured": 8 * (len(data) - HEADER_BYTES) - found,
    }


def check_corruptions(codec: Codec, text: bytes) -> files.Row:
    """Tries ten corruptions of each kind."""
    data, rng = codec.compress(text), np.random.default_rng(1)
    caught = {}

    def attempt(kind: str, code: Codec, altered: bytes) -> None:
        try:
            code.decompress(altered)
        except ValueError:
            caught[kind] = caught.get(kind, 0) + 1

    header, payload = container.unpack(data)
    for i in range(10):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        attempt("bit flip", codec, bytes(flipped))
        attempt("truncation", codec, data[: rng.integers(len(data))])
        params = models.init(codec.config, jax.random.key(i + 1))
        attempt("other model", dataclasses.replace(codec, params=params), data)
        prefix = (codec.alphabet.prefix[0], i)
        alphabet = dataclasses.replace(codec.alphabet, prefix=prefix)
        attempt("other tokenizer", dataclasses.replace(codec, alphabet=alphabet), data)
        attempt("other version", codec, data[:4] + bytes([i + 2]) + data[5:])
        forged = container.pack(header, rng.bytes(len(payload)))
        attempt("other stream under a right checksum", codec, forged)
    return {"check": "corruptions found, of ten", **caught}


def check_run(
    workdir: pathlib.Path, exposures: int, repetitions: int
) -> Iterator[files.Row]:
    """Yields what a trained model makes of its world's text, and how fast."""
    task, params = open_run(workdir)
    codec = build_codec(task, params)
    each = task.corpus.documents_per_exposure
    lines = tell(task.corpus, exposures * task.corpus.num_people * each)
    text = "\n".join(lines).encode()
    documents = [codec.alphabet.encode(line.encode()) for line in lines]
    data = codec.compress(text)
    bits = codec.measure(documents).bits.sum()
    exact = cross_entropy(codec, documents)
    payload = 8 * (len(data) - HEADER_BYTES)
    yield {
        "check": "overhead",
        "run": workdir.name,
        "tokens": sum(map(len, documents)) + len(documents),
        "bits": payload,
        "cross_entropy_bits": exact,
        "excess_of_frequencies": bits / exact - 1,
        "excess_bits_of_stream": payload - bits,
        "header_bits": 8 * HEADER_BYTES,
    }
    row: files.Row = {"check": "sizes", "text": len(text), "kscale": len(data)}
    row["weights_16_bit"] = 2 * task.parameters.total
    for words in OTHERS:
        if shutil.which(words[0]):
            done = subprocess.run([*words, "-c"], input=text, capture_output=True)
            row[" ".join(words)] = len(done.stdout)
    yield row
    found = compare_with_score(task, params)
    yield {"check": "knowledge measured twice", **found}
    yield {"check": "two-part code", **two_part_code(workdir)}
    yield time_codec(codec, documents, text, data, repetitions)


def cross_entropy(codec: Codec, documents: list[np.ndarray]) -> float:
    """Returns bits of documents in a whole pass each, as the trainer computes them."""
    total, eos = 0.0, codec.alphabet.prefix
    nats = jax.jit(models.token_nats, static_argnums=0)
    rows, inside = [], []
    for document in documents:
        row = np.concatenate([eos, document, eos[:1]])
        first = len(eos) - 1
        counted = np.arange(len(row) - 1) >= first
        fill = -(len(row) - 1) % codec.context
        rows += [np.pad(row[:-1], (0, fill)), np.pad(row[1:], (0, fill))]
        inside.append(np.pad(counted, (0, fill)))
    inputs, targets = (
        np.concatenate(rows[i::2]).reshape(-1, codec.context) for i in (0, 1)
    )
    counted = np.concatenate(inside).reshape(-1, codec.context)
    for i in range(0, len(inputs), 64):
        cut = [x[i : i + 64] for x in (inputs, targets, counted)]
        fill = ((0, 64 - len(cut[0])), (0, 0))
        before, after, some = (np.pad(x, fill) for x in cut)
        found = nats(codec.config, codec.params, before, after)[0]
        total += float(np.sum(np.asarray(found, np.float64) * some))
    return total / np.log(2)


def time_codec(
    codec: Codec, documents: list[np.ndarray], text: bytes, data: bytes, times: int
) -> files.Row:
    """Times the model's steps alone, then encoding and decoding the same tokens."""
    tokens = sum(map(len, documents)) + len(documents)
    lanes, window = codec._choose_shape(documents)
    predictor = codec._predictor(lanes, window)

    def forward() -> None:
        feed = np.zeros(lanes, np.int32)
        for i in range(-(-tokens // lanes)):
            weights = predictor.step(feed, np.full(lanes, i % window, np.int32))
            weights.sums.block_until_ready()

    def encode() -> None:
        encoder = Encoder()
        for step in codec._read(documents, predictor, lanes, window):
            for symbols, weights in zip(step.symbols, step.weights, strict=True):
                encoder.write(symbols, weights)

    jobs = {
        "forward": forward,
        "encode": encode,
        "compress": lambda: codec.compress(text),  # tokenized first
        "decompress": lambda: codec.decompress(data),
    }
    wall = {name: float("inf") for name in jobs}
    cpu = dict(wall)
    for _ in range(times):
        for name, job in jobs.items():
            began = time.perf_counter(), time.process_time()
            job()
            wall[name] = min(wall[name], time.perf_counter() - began[0])
            cpu[name] = min(cpu[name], time.process_time() - began[1])
    row: files.Row = {"check": "speed", "lanes": lanes, "window": window}
    row |= {f"{name}_per_second": round(tokens / x) for name, x in wall.items()}
    row |= {f"{name}_cpu_us": 1e6 * x / tokens for name, x in cpu.items()}
    row["encoder_adds"] = cpu["encode"] / cpu["forward"] - 1
    row["decoder_adds"] = cpu["decompress"] / cpu["forward"] - 1
    return row | {"load": os.getloadavg()[0], "cores": os.cpu_count()}


def main(_: list[str]) -> None:
    """Prints the rows of one of the two checks."""
    if _WORKDIR.value:
        path = pathlib.Path(_WORKDIR.value)
        rows = check_run(path, _EXPOSURES.value, _REPETITIONS.value)
    else:
        rows = check_round_trips(_DOCUMENTS.value)
    for row in rows:
        print(json.dumps(files.to_json_types(row)), flush=True)


if __name__ == "__main__":
    app.run(main)
