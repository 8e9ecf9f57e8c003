"""From a config to a corpus and its tokenizer, its words as tokens."""

import itertools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from kscale import corpora, tokenizers, worlds
from kscale.sources import CorpusConfig

_TRAINING_TEXTS = 10_000  # documents that a SentencePiece vocabulary is trained on
_BARE_WORDS = ("'s", "is", ".", "Her", "Q", "A")


def build_corpus(config: CorpusConfig, world: worlds.World) -> corpora.Corpus:
    """The corpus of a config, telling of a world."""
    shuffled = config.order == "shuffled"
    kinds: dict[str, Callable[[], corpora.Corpus]] = {
        "bios": lambda: corpora.bios(world, config.seed, shuffled),
        "bios_simple": lambda: corpora.bios_simple(world, config.seed, shuffled),
        "biod": lambda: corpora.biod(world, config.seed, shuffled, config.style),
        "bior": lambda: corpora.Rewrites(
            world, pathlib.Path(config.path).expanduser(), config.skip_unfound
        ),
    }
    return kinds[config.kind]()


def build_tokenizer(
    config: CorpusConfig, corpus: corpora.Corpus, *others: corpora.Corpus
) -> tokenizers.Tokenizer:
    """The tokenizer of a config; SentencePiece is trained on the corpora's texts."""
    if config.tokenizer == "gpt2":
        return tokenizers.gpt2()
    if config.tokenizer == "symbols":
        return tokenizers.symbols(symbols(corpus.world))
    texts = itertools.chain.from_iterable(map(_texts, (corpus, *others)))
    return tokenizers.sentencepiece(texts, config.tokenizer_vocab)


def _texts(corpus: corpora.Corpus) -> Iterator[str]:
    """Documents of the first people, one for each kind of document."""
    people = corpus.people(np.arange(min(corpus.num_people, _TRAINING_TEXTS)))
    for address in range(corpus.documents):
        for row in corpus.plan(people, np.full_like(people, address)):
            yield "".join(span.text for span in corpora.document(corpus, row))


def symbols(world: worlds.World) -> list[str]:
    """Every symbol that a bioD paragraph can have; unused ones are compacted away."""
    columns = (*world.name_columns, *world.columns)
    labels = itertools.chain.from_iterable(column.labels for column in columns)
    words = itertools.chain.from_iterable(label.split(" ") for label in labels)
    return list(dict.fromkeys([*words, *world.sentences, *_BARE_WORDS]))
