"""From a config to everything that a run needs: world, corpus, tokens, order, sizes.

config -> world -> corpus -> pool -> streams -> batches
             +-> parts ------+  +-> vocabulary -> model
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from kscale import checks, corpora, data, models, parts, telling, worlds
from kscale.config import Config, members
from kscale.parts import Part
from kscale.published import published_steps
from kscale.train.config import Hyper


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """A config made real; nothing in it is trained or needs an accelerator.

    Attributes:
      config: as given, the model's vocabulary set.
      world, corpus, pool: the facts, how they are told, and that as tokens.
      hypers: the members of the population, one or more.
      parts: what is mixed with the run's own text.
    """

    config: Config
    world: worlds.World
    corpus: corpora.Corpus
    pool: data.TokenPool
    hypers: list[Hyper]
    parts: tuple[Part, ...] = ()

    @functools.cached_property
    def content(self) -> str:
        """Twelve hex digits of everything that can be told, in tokens.

        A config names lists and files by their path; this tells whether what lies there
        is still the same.
        """
        digest = hashlib.sha256()
        for pool in (self.pool, *(part.pool for part in self.parts)):
            for array in (pool.tokens, pool.labels, pool.lengths):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]

    @property
    def labels(self) -> list[str]:
        """What losses are logged of: the corpus' labels, then those of each part."""
        own = [label.name + _suffix(label) for label in self.corpus.labels]
        return own + [
            f"{part.config.name}/{label.name}{_suffix(label)}"
            for part in self.parts
            for label in part.corpus.labels
        ]

    @property
    def parameters(self) -> models.ParameterCounts:
        """P, before anything is allocated."""
        return models.parameter_counts(self.config.model)

    @functools.cached_property
    def streams(self) -> tuple[data.Stream | data.Mixture, ...]:
        """The order of the documents: one, or one per member that has its own."""
        exposures = self.stream_exposures
        if self._seeds == [self.config.data.seed] and (
            exposures == self.config.data.exposures
        ):
            return (self._whole,)  # whose documents are counted already
        # Texts differ in length, so orders of other visits may fill more windows; all
        # members take the steps that any of them takes alone.
        shares = self._shares if self.config.data.steps_rule == "exact" else ()
        return tuple(self._mixed(seed, exposures, shares) for seed in self._seeds)

    @property
    def part_windows(self) -> list[int]:
        """Windows of each part in the run."""
        if isinstance(self._whole, data.Mixture):
            return list(self._whole.shares[-len(self.parts) :])
        return [self._whole.num_windows] * len(self.parts)

    @property
    def exact_tokens(self) -> int:
        """Targets in the windows of the run, each of which is predicted once."""
        return self._whole.total_tokens - 1

    @property
    def exact_steps(self) -> int:
        """Steps in which every window of the run is read once."""
        return -(-self._whole.num_windows // self.config.data.batch)

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
        chosen = self.config.data
        if chosen.steps_rule == "exact":
            return chosen.exposures * chosen.share
        read = self.total_steps * self._tokens_per_step
        return chosen.exposures * read / self.exact_tokens

    @functools.cached_property
    def visits(self) -> np.ndarray:
        """int64 [people of the corpus]: how often each is met in the run, exactly.

        Of a population with orders of their own, by the first member. Published steps
        may leave the last of them unread.
        """
        if self.config.data.share == 0:
            return np.zeros(self.corpus.num_people, np.int64)
        return self._own(self._seeds[0], self.stream_exposures).counts()

    @functools.cached_property
    def frequencies(self) -> np.ndarray:
        """float64 [people of the corpus]: how often each is met, by the world's law.

        Of a restaurant, which has no law of its own, by the visits of the run; equal if
        there are none.
        """
        world = self.world
        weights = world.law.frequencies(world.people, world.seed)
        if weights is None:
            met = self.visits if self.visits.any() else np.ones(len(self.visits))
            return met / met.sum()
        return weights[self.corpus.people(np.arange(self.corpus.num_people))]

    @property
    def counts(self) -> worlds.Counts:
        """The counts of the people whom the corpus tells of."""
        return dataclasses.replace(self.world.counts, people=self.corpus.num_people)

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

    @property
    def _seeds(self) -> list[int]:
        """The seed of each order of documents."""
        chosen = self.config.data
        if chosen.shared_order:
            return [chosen.seed]
        return [
            worlds.derive_key(chosen.seed, "member", int(hyper.seed))
            for hyper in self.hypers
        ]

    @functools.cached_property
    def _whole(self) -> data.Stream | data.Mixture:
        """What exact steps read once."""
        return self._mixed(self.config.data.seed, self.config.data.exposures)

    @property
    def _shares(self) -> Sequence[int]:
        """Windows of each kind of text."""
        whole = self._whole
        return whole.shares if isinstance(whole, data.Mixture) else [whole.num_windows]

    def _mixed(
        self, seed: int, exposures: int, shares: Sequence[int] = ()
    ) -> data.Stream | data.Mixture:
        main = self._own(seed, exposures) if self.config.data.share else None
        labels, context = len(self.corpus.labels), self.config.data.context
        return parts.mixed(main, self.parts, labels, context, seed, shares)

    def _own(self, seed: int, exposures: int) -> data.Stream:
        """The visits of the run's own people."""
        chosen = self.config.data
        visits = exposures * self.corpus.num_people * self.corpus.documents
        return data.Stream(
            self.corpus,
            self.pool,
            exposures,
            chosen.context,
            seed,
            epochs=chosen.epochs,
            limit=max(1, round(chosen.share * visits)) if chosen.share < 1 else 0,
        )


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
    corpus = telling.build_corpus(config.corpus, world)
    others = parts.part_corpora(config.parts, config.world, config.corpus)
    told = [corpus, *(other for _, other in others)]
    pool, *pools = data.tokenize_all(
        told,
        telling.build_tokenizer(config.corpus, *told),
        [config.corpus.domain, *(part.domain for part in config.parts)],
    )
    checks.check_scored(config.score.people, corpus.num_people)
    some = np.arange(min(world.people, 1000))
    people = corpus.people(some[some < corpus.num_people])
    lengths = pool.document_lengths(corpus.plan(people, np.zeros_like(people)))
    checks.check_context(config.data.context, int(lengths.min()), int(lengths.max()))
    model = dataclasses.replace(config.model, vocab=pool.vocabulary.size)
    config = dataclasses.replace(config, model=model)
    made = tuple(
        Part(part, other, its_pool)
        for (part, other), its_pool in zip(others, pools, strict=True)
    )
    return Setup(config, world, corpus, pool, members(config), made)


def _suffix(label: corpora.Label) -> str:
    return "/first" if label.kind == "value1" else ""
