"""From a config to everything that a run needs: world, corpus, tokens, population.

config -> world -> corpus -> pool -> order -> batches
             +-> parts ------+  +-> vocabulary -> model
"""

import dataclasses
import functools
import hashlib

import numpy as np

from kscale import corpora, data, models, worlds
from kscale.configs import validate
from kscale.configs.base import Config, members
from kscale.runs import mixture
from kscale.runs.mixture import Part
from kscale.runs.order import Order
from kscale.tokenizers.vocabulary import NO_VOCABULARY, VocabularyRecord
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
    def vocabulary(self) -> VocabularyRecord:
        """What the model's tokens stand for."""
        ids = self.pool.vocabulary.original_ids.tolist()
        return VocabularyRecord(
            tuple(ids[: len(ids) - len(self.domains)]), self.domains
        )

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
    def order(self) -> Order:
        """Which document is read when."""
        return Order(self.config, self.corpus, self.pool, self.parts)

    @property
    def counts(self) -> worlds.Counts:
        """The counts of the people whom the corpus tells of."""
        return dataclasses.replace(self.world.counts, people=self.corpus.num_people)


def prepare(config: Config, known: VocabularyRecord = NO_VOCABULARY) -> Task:
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
