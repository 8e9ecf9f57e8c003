"""Small corpora as tokens, and streams made from strings, document by document."""

import functools
import types

import numpy as np
import pytest

from kscale import corpora, data, tokenizers, worlds


@functools.cache
def _made(kind: str, people: int):
    if kind == "biod":
        world = worlds.build_biod(people, 2, 3, 5, 1, 5, name_parts=(8, 8))
        corpus = corpora.Biographies(world, style="bare")
        texts = [span.text for piece in corpus.pieces for span in piece]
        tokenizer = tokenizers.Symbols(sorted({*" ".join(texts).split()}))
    else:
        lists, _, simple = kind.partition("-")
        world = worlds.build_bios(people, lists=lists)
        corpus = corpora.Biographies(world, fresh=not simple)
        tokenizer = tokenizers.load_gpt2()
    pool = data.tokenize(corpus, tokenizer)

    def stream(*numbers, **more):
        return data.Stream(corpus, pool, *numbers, **more)

    return types.SimpleNamespace(
        corpus=corpus, tokenizer=tokenizer, pool=pool, stream=stream
    )


@pytest.fixture(scope="session")
def made():
    """Corpus, tokenizer, pool and `stream(E, T)` by (kind, people): biod, bios, ..."""
    return _made


@pytest.fixture
def brute_force():
    """The stream of a run as (tokens, labels, documents), made from strings."""

    def stream_of(stream, tokenizer):
        tokens = []  # (id, label, number of its document)
        people, exposures = stream.visit(np.arange(stream.visits))
        for number, row in enumerate(stream.corpus.plan(people, exposures)):
            tokens.append((tokenizer.eos, 0, number))
            for span in corpora.compose_document(stream.corpus, row):
                ids = tokenizer.encode(span.text)
                tokens += [(token, span.label, number) for token in ids]
        tokens.append((tokenizer.eos, 0, stream.visits))
        ids, labels, documents = map(np.array, zip(*tokens, strict=True))
        return stream.pool.vocabulary.to_dense(ids), labels, documents

    return stream_of
