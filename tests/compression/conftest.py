"""Untrained models that compile in a second, as codes."""

import jax
import pytest

from kscale import models, tokenizers
from kscale.compression import Alphabet, Codec

TEXTS = [" Anya was born in Ulm.", " She studied at MIT.", " He is one of Anya's."]


def build(tokenizer, vocabulary, seed=0):
    """A model of one layer and two heads, sharp enough to have tastes."""
    config = models.from_name("GPT2-1-2", head_size=8, vocab=vocabulary.size)
    params = models.init(config, jax.random.key(seed))
    params = jax.tree.map(lambda leaf: 4 * leaf, params)
    alphabet = Alphabet(tokenizer, vocabulary, (vocabulary.eos,))
    return Codec(config, params, alphabet, context=8, most_lanes=2)


@pytest.fixture(scope="package")
def compact():
    """A code whose vocabulary is that of three sentences."""
    tokenizer = tokenizers.load_gpt2()
    ids = [tokenizer.encode(text) for text in TEXTS]
    return build(tokenizer, tokenizers.build_vocabulary(ids, tokenizer.eos))


@pytest.fixture(scope="package")
def bytewise():
    """A code whose vocabulary has every byte."""
    tokenizer = tokenizers.train_sentencepiece(TEXTS, 300)
    ids = list(range(2, tokenizer.vocab_size))
    return build(tokenizer, tokenizers.build_vocabulary([ids], tokenizer.eos))
