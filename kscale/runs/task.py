"""From a config to everything that a run needs: world, corpus, tokens, order, sizes.

config -> world -> corpus -> pool -> streams -> batches
             +-> parts ------+  +-> vocabulary -> model
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import numpy as np

from kscale import corpora, data, models, worlds
from kscale.configs import validate
from kscale.configs.base import Config, members
from kscale.configs.published import published_steps
from kscale.runs import mixture
from kscale.runs.mixture import Part
from kscale.tokenizers.vocabulary import NOTHING, Vocabulary
from kscale.train.config import Hyper


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A config made real; nothing in it is trained or needs an accelerator.

    Attributes:
      config: as given, the model's vocabulary set.
      world, corpus, pool: the facts, how they are told, and that as tokens.
      hypers: the members of the population, one or more.
      parts: what is mixed with the run's own text.
      domains: names of all domain tokens, in the order of their ids.
    """

    config: Config
    world: worlds.World
    corpus: corpora.Corpus
    pool: data.TokenPool
    hypers: list[Hyper]
    parts: tuple[Part, ...] = ()
    domains: tuple[str, ...] = ()

    @functools.cached_property
    def content(self) -> str:
        """Twelve hex digits of everything that can be told, in tokens.

        A config names lists and files by their path; this tells whether what lies there
        is still the same. Weights of people that come from a file count as well.
        """
        digest = hashlib.sha256()
        for pool in (self.pool, *(part.pool for part in self.parts)):
            for array in (pool.tokens, pool.labels, pool.lengths):
                digest.update(np.ascontiguousarray(array).tobytes())
        for world in (self.world, *(part.corpus.world for part in self.parts)):
            if world.law.kind == "file":  # no other law can change behind its config
                weights = world.law.frequencies(world.people, world.seed)
                digest.update(np.asarray(weights, np.float64).tobytes())
        return digest.hexdigest()[:12]

    @property
    def vocabulary(self) -> Vocabulary:
        """What the model's tokens stand for."""
        ids = self.pool.vocabulary.original_ids.tolist()
        return Vocabulary(tuple(ids[: len(ids) - len(self.domains)]), self.domains)

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
        """The order of the documents: one, or one per member that has its own.

        Orders of drawn visits differ in length. All have as many windows of each kind
        as the longest of them, the shorter ones filled up with padding, so that nothing
        is cut. A member whose order is shorter thus takes more steps than alone: the
        last are padding, and its learning rate falls a little later.
        """
        exposures = self.stream_exposures
        if exposures == self.config.data.exposures:
            return self._exact  # whose documents are counted already
        return self._mixed(exposures)

    @property
    def part_windows(self) -> list[int]:
        """Windows of each part in the run."""
        whole = self._exact[0]
        if isinstance(whole, data.Mixture):
            return list(whole.shares[-len(self.parts) :])
        return [max(x.num_windows for x in self._exact)] * len(self.parts)

    @property
    def exact_tokens(self) -> int:
        """Targets in the windows of the run, each of which is predicted once.

        Of orders that differ in length, those of the longest.
        """
        return max(stream.total_tokens for stream in self._exact) - 1

    @property
    def exact_steps(self) -> int:
        """Steps in which every window of the run is read once, also of the longest."""
        windows = max(stream.num_windows for stream in self._exact)
        return -(-windows // self.config.data.batch)

    @functools.cached_property
    def total_steps(self) -> int:
        """Optimizer steps of the run, by `data.steps_rule`."""
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

    def visits_of(self, member: int, step: int | None = None) -> np.ndarray:
        """How often a member of the population meets each person, exactly.

        Args:
          member: its number; all have the same visits unless they have orders of their
            own.
          step: after so many steps; a document that these have begun is a visit, even
            if its end is in a later one. None: in the whole run, of which published
            steps may leave the last visits unread.

        Returns:
          int64 [people of the corpus].
        """
        return self._counted(member if self.orders > 1 else 0, step)

    def frequencies_of(self, member: int) -> np.ndarray:
        """How often each person is met, by the world's law: float64 [people of corpus].

        Of a restaurant, which has no law of its own, by the visits of the member's
        whole run; equal if there are none.
        """
        weights = self._weights
        if weights is None:
            visits = self.visits_of(member)
            met = visits if visits.any() else np.ones(len(visits))
            return met / met.sum()
        return weights[self.corpus.people(np.arange(self.corpus.num_people))]

    @property
    def orders(self) -> int:
        """How many orders of documents there are: 1, or one per member."""
        return len(self._seeds)

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
    def _exact(self) -> tuple[data.Stream | data.Mixture, ...]:
        """What exact steps read once."""
        return self._mixed(self.config.data.exposures)

    def _mixed(self, exposures: int) -> tuple[data.Stream | data.Mixture, ...]:
        share, context = self.config.data.share, self.config.data.context
        own = [self._own(seed, exposures) for seed in self._seeds] if share else []
        labels = len(self.corpus.labels)
        return tuple(mixture.mixed(own, self.parts, labels, context, self._seeds))

    @functools.cached_property
    def _weights(self) -> np.ndarray | None:
        return self.world.law.frequencies(self.world.people, self.world.seed)

    @functools.cached_property
    def _counted(self) -> Callable[[int, int | None], np.ndarray]:
        """Visits by order and step; those of the last step asked for are kept."""
        return functools.lru_cache(2 * self.orders)(self._count)

    def _count(self, order: int, step: int | None) -> np.ndarray:
        if self.config.data.share == 0:
            return np.zeros(self.corpus.num_people, np.int64)
        stream, windows = self.streams[order], (step or 0) * self.config.data.batch
        if isinstance(stream, data.Mixture):
            windows = stream.shares_of(windows)[0]
            stream = stream.streams[0]
        return stream.counts(None if step is None else windows)

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


def prepare(config: Config, known: Vocabulary = NOTHING) -> Task:
    """Makes what a config describes, after checking that its parts fit.

    Args:
      config: the model's vocabulary is 0: it follows from the corpus.
      known: tokens that the model has besides, as it goes on from another.

    Returns:
      The task.

    Raises:
      ValueError: a contradiction in the config, a list or text that is missing or
        malformed, or a context that always cuts documents at the same place.
    """
    world = validate.validate(config)
    corpus = mixture.build_corpus(config.corpus, world)
    others = mixture.part_corpora(config.parts, config.world, config.corpus)
    told = [corpus, *(other for _, other in others)]
    domains = [config.corpus.domain, *(part.domain for part in config.parts)]
    pool, *pools = data.tokenize_all(
        told,
        mixture.build_tokenizer(config.corpus, *told),
        domains,
        tokens=known.tokens,
        names=known.domains,
    )
    validate.check_scored(config.score.people, corpus.num_people)
    validate.check_documents(config.data.context, corpus, pool)
    made = tuple(
        Part(part, other, its_pool)
        for (part, other), its_pool in zip(others, pools, strict=True)
    )
    for part in made:
        try:
            validate.check_documents(config.data.context, part.corpus, part.pool)
        except ValueError as error:
            raise ValueError(f"part {part.config.name!r}: {error}") from None
    model = dataclasses.replace(config.model, vocab=pool.vocabulary.size)
    config = dataclasses.replace(config, model=model)
    names = tuple(filter(None, dict.fromkeys([*known.domains, *domains])))
    return Task(config, world, corpus, pool, members(config), made, names)


def _suffix(label: corpora.Label) -> str:
    return "/first" if label.kind == "value1" else ""
