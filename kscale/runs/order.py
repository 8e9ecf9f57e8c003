"""The order in which a run reads its documents: streams, steps, exposures, visits.

order = task.order
order.steps                 # optimizer steps that read every window once
order.visits(step=100)      # how often each person was seen by then
"""

import functools
from collections.abc import Sequence

import numpy as np

from kscale import corpora, data, worlds
from kscale.configs.base import Config
from kscale.runs.mixture import Part

_SAMPLE = 2000  # documents whose mean length says how many fill the windows asked for
_SLACK = 1.02
_MOST = 2**40  # windows of a mixture: what `data.Mixture` can deal out


class Order:
    """The run's own documents and those of its parts as one sequence of windows."""

    def __init__(
        self,
        config: Config,
        corpus: corpora.Corpus,
        pool: data.TokenPool,
        parts: tuple[Part, ...],
    ):
        self._config, self._corpus, self._pool = config, corpus, pool
        self._parts = parts
        self._counted = functools.lru_cache(2)(self._count)  # the last and a whole run

    @functools.cached_property
    def stream(self) -> data.Stream | data.Mixture:
        """Every window of the run; more than 2^40 of a mixture are a ValueError."""
        own = [self._own()] if self._config.data.share else []
        streams, windows = list(own), [x.num_windows for x in own]
        _require_room(self._parts, self._config.data.context, windows)
        labels = len(self._corpus.labels)
        for i, part in enumerate(self._parts):
            weight = part.config.weight
            wanted = max(1, round(weight * windows[0])) if weight else 0
            stream = self._of_part(i, part, labels, wanted)
            streams.append(stream)
            windows.append(wanted or stream.num_windows)
            labels += len(part.corpus.labels)
        if windows == [streams[0].num_windows]:
            return streams[0]
        return data.Mixture(streams, windows)

    @property
    def part_windows(self) -> list[int]:
        """Windows of each part in the run."""
        if isinstance(self.stream, data.Mixture):
            return list(self.stream.shares[-len(self._parts) :])
        return [self.stream.num_windows] * len(self._parts)

    @property
    def steps(self) -> int:
        """Optimizer steps in which every window is read once."""
        return -(-self.stream.num_windows // self._config.data.batch)

    @property
    def exposures(self) -> float:
        """How often each person is seen in the run, on average."""
        return self._config.data.exposures * self._config.data.share

    def visits(self, step: int | None = None) -> np.ndarray:
        """Returns int64 [people of the corpus]: how often each is seen, exactly.

        Args:
          step: after so many steps; a document that these have begun is a visit, even
            if its end is in a later one. None: in the whole run.
        """
        return self._counted(step)

    def frequencies(self) -> np.ndarray:
        """Returns float64 [people of the corpus]: the shares of the world's law.

        A restaurant has no law of its own and gives the visits of the whole run;
        people are equally frequent if there are none.
        """
        weights = self._weights
        if weights is None:
            visits = self.visits()
            visits = visits if visits.any() else np.ones(len(visits))
            return visits / visits.sum()
        return weights[self._corpus.people(np.arange(self._corpus.num_people))]

    def batches(self, process: int = 0, processes: int = 1) -> data.Batches:
        """Returns the batches of the run, by step; of several processes, a share."""
        return data.Batches(
            self.stream,
            self._config.data.batch,
            segments=self._config.corpus.mask_documents,
            process=process,
            processes=processes,
            prefetch=self._config.data.prefetch,
        )

    @functools.cached_property
    def _weights(self) -> np.ndarray | None:
        world = self._corpus.world
        return world.law.frequencies(world.people, world.seed)

    def _count(self, step: int | None) -> np.ndarray:
        if self._config.data.share == 0:
            return np.zeros(self._corpus.num_people, np.int64)
        stream, windows = self.stream, (step or 0) * self._config.data.batch
        if isinstance(stream, data.Mixture):
            windows = stream.count_parts(windows)[0]
            stream = stream.streams[0]
        return stream.count_visits(None if step is None else windows)

    def _own(self) -> data.Stream:
        """Returns the visits of the run's own people."""
        chosen = self._config.data
        corpus = self._corpus
        visits = chosen.exposures * corpus.num_people * corpus.documents_per_exposure
        return data.Stream(
            corpus,
            self._pool,
            chosen.exposures,
            chosen.context,
            chosen.seed,
            epochs=chosen.epochs,
            limit=max(1, round(chosen.share * visits)) if chosen.share < 1 else 0,
        )

    def _of_part(self, i: int, part: Part, labels: int, windows: int) -> data.Stream:
        """Returns the documents of a part, in `windows` or more if it has a weight."""
        chosen = self._config.data
        seed = worlds.derive_key(chosen.seed, "part", i)
        pool = part.pool.relabel(labels, part.config.answers_only)
        exposures, context = part.config.exposures, chosen.context
        if exposures:
            return data.Stream(part.corpus, pool, exposures, context, seed)
        return _enough(part.corpus, pool, context, seed, windows)


def _require_room(
    parts: tuple[Part, ...], context: int, windows: Sequence[int]
) -> None:
    """Refuses parts too large to be dealt out, before their documents are counted."""
    taken = float(sum(windows))
    for part in parts:
        chosen, corpus = part.config, part.corpus
        if chosen.weight:
            asked, mine = f"weight={chosen.weight:g}", chosen.weight * windows[0]
        else:
            asked = f"exposures={chosen.exposures} of people={chosen.people}"
            documents = (
                chosen.exposures * corpus.num_people * corpus.documents_per_exposure
            )
            mine = documents * mean_length(corpus, part.pool) / context
        taken += mine
        if not taken < _MOST:
            raise ValueError(
                f"part {chosen.name!r}: {asked} makes {mine:.3g} windows, and a mixture"
                f" holds fewer than 2^40 = {_MOST:.3g}: ask for less of it"
            )


def mean_length(corpus: corpora.Corpus, pool: data.TokenPool) -> float:
    """Returns the tokens of a document, on average over a sample."""
    people = corpus.people(np.arange(min(corpus.num_people, _SAMPLE)))
    plan = corpus.plan(people, np.arange(len(people)) % corpus.documents_per_exposure)
    return float(pool.document_lengths(plan).mean())


def _enough(
    corpus: corpora.Corpus, pool: data.TokenPool, context: int, seed: int, windows: int
) -> data.Stream:
    """Returns a stream of so many windows or more, people seen about equally often."""
    mean, limit = mean_length(corpus, pool), 0
    wanted = _SLACK * windows * context
    while True:
        limit += int(wanted / mean) + 64
        exposures = -(-limit // (corpus.num_people * corpus.documents_per_exposure))
        stream = data.Stream(corpus, pool, exposures, context, seed, limit=limit)
        if stream.num_windows >= windows:
            return stream
        wanted = _SLACK * (windows - stream.num_windows + 1) * context
