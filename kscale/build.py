"""From a config to everything that a run needs: world, corpus, tokens, order, sizes.

config -> world -> corpus -> pool -> streams -> batches
                              +-> vocabulary -> model
"""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Callable

import numpy as np

from kscale import checks, corpora, data, models, tokenizers, worlds
from kscale.config import Config, CorpusConfig, members
from kscale.published import published_steps
from kscale.train.config import Hyper

_TRAINING_TEXTS = 10_000  # biographies that a SentencePiece vocabulary is trained on


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """A config made real; nothing in it is trained or needs an accelerator.

    Attributes:
      config: as given, the model's vocabulary set.
      world, corpus, pool: the facts, how they are told, and that as tokens.
      hypers: the members of the population, one or more.
    """

    config: Config
    world: worlds.World
    corpus: corpora.Corpus
    pool: data.TokenPool
    hypers: list[Hyper]

    @functools.cached_property
    def content(self) -> str:
        """Twelve hex digits of everything that can be told, in tokens.

        A config names lists and files by their path; this tells whether what lies there
        is still the same.
        """
        digest = hashlib.sha256()
        for array in (self.pool.tokens, self.pool.labels, self.pool.lengths):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]

    @property
    def parameters(self) -> models.ParameterCounts:
        """P, before anything is allocated."""
        return models.parameter_counts(self.config.model)

    @functools.cached_property
    def streams(self) -> tuple[data.Stream, ...]:
        """The order of the documents: one, or one per member that has its own."""
        chosen = self.config.data
        if chosen.shared_order and self.stream_exposures == chosen.exposures:
            return (self._exact,)  # whose documents are counted already
        if chosen.shared_order:
            return (self._stream(chosen.seed, self.stream_exposures),)
        return tuple(
            self._stream(
                worlds.derive_key(chosen.seed, "member", int(hyper.seed)),
                self.stream_exposures,
            )
            for hyper in self.hypers
        )

    @property
    def exact_tokens(self) -> int:
        """Targets in N x E documents, each of which is predicted once."""
        return self._exact.total_tokens - 1

    @property
    def exact_steps(self) -> int:
        """Steps in which every token of N x E documents is predicted once."""
        return -(-self.exact_tokens // self._tokens_per_step)

    @functools.cached_property
    def total_steps(self) -> int:
        """Optimiser steps of the run, by `data.steps_rule`."""
        chosen = self.config.data
        if chosen.steps_rule == "exact":
            return self.exact_steps
        return published_steps(self.world.people, chosen.exposures, chosen.batch)

    @functools.cached_property
    def stream_exposures(self) -> int:
        """Exposures that the stream holds; more than E if published steps need it."""
        exposures = self.config.data.exposures
        if self.total_steps <= self.exact_steps:
            return exposures
        wanted = self.total_steps * self._tokens_per_step
        # One more, as texts differ in length from exposure to exposure.
        return -(-exposures * wanted // self.exact_tokens) + 1

    @property
    def exposures(self) -> float:
        """How often each person is met in `total_steps`, on average."""
        if self.config.data.steps_rule == "exact":
            return float(self.config.data.exposures)
        read = self.total_steps * self._tokens_per_step
        return self.config.data.exposures * read / self.exact_tokens

    @property
    def _tokens_per_step(self) -> int:
        return self.config.data.batch * self.config.data.context

    def source(
        self, steps_per_dispatch: int, process: int = 0, processes: int = 1
    ) -> data.BatchSource:
        """The batches of the run, whole dispatches at a time."""
        return data.BatchSource(
            self.streams,
            self.config.data.batch,
            steps_per_dispatch,
            segments=self.config.corpus.mask_documents,
            process=process,
            processes=processes,
        )

    @functools.cached_property
    def _exact(self) -> data.Stream:
        return self._stream(self.config.data.seed, self.config.data.exposures)

    def _stream(self, seed: int, exposures: int) -> data.Stream:
        context = self.config.data.context
        return data.Stream(self.corpus, self.pool, exposures, context, seed)


def build(config: Config) -> Setup:
    """Makes what a config describes, after checking that its parts fit.

    Args:
      config: the model's vocabulary is 0: it follows from the corpus.

    Returns:
      The setup.

    Raises:
      ValueError: a contradiction in the config, a list or text that is missing or
        malformed, or a context that always cuts documents at the same place.
    """
    world = checks.validate(config)
    corpus = build_corpus(config.corpus, world)
    pool = data.tokenize(corpus, build_tokenizer(config.corpus, corpus))
    some = np.arange(min(world.people, 1000))
    people = corpus.people(some[some < corpus.num_people])
    lengths = pool.document_lengths(corpus.plan(people, np.zeros_like(people)))
    checks.check_context(config.data.context, int(lengths.min()), int(lengths.max()))
    model = dataclasses.replace(config.model, vocab=pool.vocabulary.size)
    config = dataclasses.replace(config, model=model)
    return Setup(config, world, corpus, pool, members(config))


def build_corpus(config: CorpusConfig, world: worlds.World) -> corpora.Corpus:
    """The corpus of a config, telling of a world."""
    shuffled = config.order == "shuffled"
    kinds: dict[str, Callable[[], corpora.Corpus]] = {
        "bios": lambda: corpora.bios(world, config.seed, shuffled),
        "bios_simple": lambda: corpora.bios_simple(world, config.seed, shuffled),
        "biod": lambda: corpora.biod(world, config.seed, shuffled, config.style),
        "bior": lambda: corpora.Rewrites(world, config.path, config.skip_unfound),
    }
    return kinds[config.kind]()


def build_tokenizer(
    config: CorpusConfig, corpus: corpora.Corpus
) -> tokenizers.Tokenizer:
    """The tokenizer of a config; SentencePiece is trained on the corpus' own texts."""
    if config.tokenizer == "gpt2":
        return tokenizers.gpt2()
    if config.tokenizer == "symbols":
        return tokenizers.symbols(_symbols(corpus.world))
    people = corpus.people(np.arange(min(corpus.num_people, _TRAINING_TEXTS)))
    plan = corpus.plan(people, np.zeros_like(people))
    texts = (
        "".join(span.text for span in corpora.document(corpus, row)) for row in plan
    )
    return tokenizers.sentencepiece(texts, config.tokenizer_vocab)


def _symbols(world: worlds.World) -> list[str]:
    """Every symbol that a bioD paragraph can have; unused ones are compacted away."""
    columns = (*world.name_columns, *world.columns)
    labels = itertools.chain.from_iterable(column.labels for column in columns)
    words = itertools.chain.from_iterable(label.split(" ") for label in labels)
    return list(dict.fromkeys([*words, *world.sentences, "'s", "is", ".", "Her"]))
