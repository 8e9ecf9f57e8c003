"""Corpora, tokenizers and the parts of a mixture, made from their configs."""

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Iterator

import numpy as np

from kscale import corpora, data, tokenizers, worlds
from kscale.configs.base import CorpusConfig, PartConfig, WorldConfig, place_parts

_TRAINING_TEXTS = 10_000  # documents that a SentencePiece vocabulary is trained on
_BARE_WORDS = ("'s", "is", ".", "Her", "Q", "A")


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One part of a mixture.

    Attributes:
      config: what was asked for, `first` resolved.
      corpus, pool: its text, and that as tokens, in the vocabulary of the run.
    """

    config: PartConfig
    corpus: corpora.Corpus
    pool: data.TokenPool

    @functools.cached_property
    def held_out(self) -> corpora.Questions | None:
        """Its questions about the people left out; None if nobody is."""
        corpus = self.corpus
        return corpus.complement() if isinstance(corpus, corpora.Questions) else None


def part_corpora(
    parts: tuple[PartConfig, ...], world: WorldConfig, corpus: CorpusConfig
) -> list[tuple[PartConfig, corpora.Corpus]]:
    """Builds the corpora of all parts, each about the people that it names.

    Parts have the lists, seeds and kind of the run's own world and corpus, and people
    and a law of their own.

    Raises:
      ValueError: more people than names.
    """
    made = []
    for part in place_parts(parts, world):
        config = dataclasses.replace(
            world, people=part.people, first=part.first, law=part.law
        )
        try:
            people = config.build()
        except ValueError as error:
            raise ValueError(f"part {part.name!r}: {error}") from None
        if part.kind == "questions":
            text = corpora.Questions(people, part.which, corpus.seed)
        else:
            text = build_corpus(corpus, people)
        made.append((part, text))
    return made


def build_corpus(config: CorpusConfig, world: worlds.World) -> corpora.Corpus:
    """Builds the corpus of a config, about a world."""
    if config.kind == "bior":
        path = pathlib.Path(config.path).expanduser()
        return corpora.Rewrites(world, path, config.skip_unfound)
    return corpora.Biographies(
        world,
        config.seed,
        config.order == "shuffled",
        fresh=config.kind != "bios_simple",
        style=config.style,
    )


def build_tokenizer(
    config: CorpusConfig, corpus: corpora.Corpus, *others: corpora.Corpus
) -> tokenizers.Tokenizer:
    """Builds the tokenizer of a config; SentencePiece is trained on the texts."""
    if config.tokenizer == "gpt2":
        return tokenizers.load_gpt2()
    if config.tokenizer == "symbols":
        return tokenizers.Symbols(list_symbols(corpus.world))
    texts = itertools.chain.from_iterable(map(_texts, (corpus, *others)))
    return tokenizers.train_sentencepiece(texts, config.tokenizer_vocab)


def _texts(corpus: corpora.Corpus) -> Iterator[str]:
    """Yields documents of the first people, one for each kind of document."""
    people = corpus.people(np.arange(min(corpus.num_people, _TRAINING_TEXTS)))
    for address in range(corpus.documents_per_exposure):
        for row in corpus.plan(people, np.full_like(people, address)):
            yield "".join(span.text for span in corpora.compose_document(corpus, row))


def list_symbols(world: worlds.World) -> list[str]:
    """Lists every symbol that a bioD paragraph can have, used or not."""
    columns = (*world.name_columns, *world.columns)
    strings = itertools.chain.from_iterable(column.strings for column in columns)
    words = itertools.chain.from_iterable(string.split(" ") for string in strings)
    return list(dict.fromkeys([*words, *world.sentences, *_BARE_WORDS]))
