"""Small corpora as tokens, and streams made from strings, document by document."""

import functools
import types

import numpy as np
import pytest

from kscale import corpora, data, tokenizers, worlds


@functools.cache
def _gpt2():
    return tokenizers.load_gpt2()


def words_of(corpus):
    """Every symbol of a symbolic corpus."""
    texts = [span.text for piece in corpus.pieces for span in piece]
    return sorted({word for text in texts for word in text.split()})


@functools.cache
def _made(kind: str, people: int):
    if kind == "biod":
        world = worlds.build_biod(people, 2, 3, 5, 1, 5, name_parts=(8, 8))
        corpus = corpora.Biographies(world, style="bare")
        tokenizer = tokenizers.Symbols(words_of(corpus))
    else:
        lists, _, simple = kind.partition("-")
        world = worlds.build_bios(people, lists=lists)
        corpus = corpora.Biographies(world, fresh=not simple)
        tokenizer = _gpt2()
    pool = data.tokenize(corpus, tokenizer)
    return types.SimpleNamespace(corpus=corpus, tokenizer=tokenizer, pool=pool)


@pytest.fixture(scope="session")
def made():
    """Corpus, tokenizer and pool by (kind, people): biod, mini, bios, bios-simple."""
    return _made


@pytest.fixture
def brute_force():
    """The stream of a run as (tokens, labels, documents), made from strings."""

    def stream_of(stream, tokenizer):
        tokens, labels, ordinal = [], [], []
        people, exposures = stream.visit(np.arange(stream.visits))
        for number, row in enumerate(stream.corpus.plan(people, exposures)):
            parts = [(tokenizer.eos, 0)]
            for span in corpora.compose_document(stream.corpus, row):
                parts += [(token, span.label) for token in tokenizer.encode(span.text)]
            tokens += [token for token, _ in parts]
            labels += [label for _, label in parts]
            ordinal += [number] * len(parts)
        tokens.append(tokenizer.eos)
        labels.append(0)
        ordinal.append(stream.visits)
        dense = stream.pool.vocabulary.to_dense(tokens)
        return dense, np.array(labels), np.array(ordinal)

    return stream_of
