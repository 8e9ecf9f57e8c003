"""Parts of a mixture made real: what else is told, and to how many windows.

task.parts[0].corpus, .pool          as it is scored
part_streams(...)                     as it is read: labels of its own, its exposures
"""

import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kscale import corpora, data, tokenizers, worlds
from kscale.configs.base import CorpusConfig, PartConfig, WorldConfig, place_parts

_SAMPLE = 2000  # documents whose mean length says how many fill the windows asked for
_SLACK = 1.02
_MOST = 2**40  # windows of a mixture: what `data.Mixture` can deal out


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One part of a mixture.

    Attributes:
      config: what was asked for, `first` resolved.
      corpus, pool: how it is told, and that as tokens, in the vocabulary of the run.
    """

    config: PartConfig
    corpus: corpora.Corpus
    pool: data.TokenPool

    @functools.cached_property
    def held_out(self) -> corpora.Questions | None:
        """Its questions about the people left out; None if nobody is."""
        corpus = self.corpus
        return corpus.left_out() if isinstance(corpus, corpora.Questions) else None

    def stream(self, context: int, seed: int, windows: int) -> data.Stream:
        """Its documents in order.

        Args:
          context: tokens of a window.
          seed: of the order.
          windows: how many are needed, if the part has no exposures of its own.
        """
        exposures = self.config.exposures
        if exposures:
            return data.Stream(self.corpus, self.pool, exposures, context, seed)
        return _enough(self.corpus, self.pool, context, seed, windows)


def part_corpora(
    parts: tuple[PartConfig, ...], world: WorldConfig, corpus: CorpusConfig
) -> list[tuple[PartConfig, corpora.Corpus]]:
    """The corpora of all parts, each telling of people of its own unless it says whom.

    Args:
      parts: from the config.
      world: of the run; parts have its lists and seed, and their own people and law.
      corpus: of the run; parts have its kind and seed.

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
        if part.told == "questions":
            told = corpora.questions(people, part.which, corpus.seed)
        else:
            told = build_corpus(corpus, people)
        made.append((part, told))
    return made


def mixed(
    own: Sequence[data.Stream],
    parts: tuple[Part, ...],
    labels: int,
    context: int,
    seeds: Sequence[int],
) -> list[data.Stream | data.Mixture]:
    """The run's own streams and their parts as one, for each order of the documents.

    Of each kind of text all orders get as many windows as the longest of them has, or
    as the part's weight says; where one has fewer, the rest is padding.

    Args:
      own: the run's own, one for each order; empty where nothing of it is read.
      parts: what is mixed in.
      labels: how many labels the run's own corpus has; parts have theirs after it.
      context: tokens of a window.
      seeds: of the orders, one or more.

    Raises:
      ValueError: a part makes more than 2^40 windows of the mixture.
    """
    kinds, windows = ([own], [_longest(own)]) if own else ([], [])
    _require_room(parts, context, windows)
    for i, part in enumerate(parts):
        weight = part.config.weight
        wanted = max(1, round(weight * windows[0])) if weight else 0
        told = dataclasses.replace(
            part, pool=part.pool.relabelled(labels, part.config.answers_only)
        )
        keys = [worlds.derive_key(seed, "part", i) for seed in seeds]
        kinds.append([told.stream(context, key, wanted) for key in keys])
        windows.append(wanted or _longest(kinds[-1]))
        labels += len(part.corpus.labels)
    if windows == [_longest(kinds[0])]:
        return list(kinds[0])
    return [data.Mixture(streams, windows) for streams in zip(*kinds, strict=True)]


def _longest(streams: Sequence[data.Stream]) -> int:
    return max(stream.num_windows for stream in streams)


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
            documents = chosen.exposures * corpus.num_people * corpus.documents
            mine = documents * _mean_length(corpus, part.pool) / context
        taken += mine
        if not taken < _MOST:
            raise ValueError(
                f"part {chosen.name!r}: {asked} makes {mine:.3g} windows, and a mixture"
                f" holds fewer than 2^40 = {_MOST:.3g}: ask for less of it"
            )


def _mean_length(corpus: corpora.Corpus, pool: data.TokenPool) -> float:
    """Tokens of a document, on average over a sample."""
    people = corpus.people(np.arange(min(corpus.num_people, _SAMPLE)))
    plan = corpus.plan(people, np.arange(len(people)) % corpus.documents)
    return float(pool.document_lengths(plan).mean())


def _enough(
    corpus: corpora.Corpus,
    pool: data.TokenPool,
    context: int,
    seed: int,
    windows: int,
) -> data.Stream:
    """A stream of at least so many windows, its people met about equally often."""
    mean, limit = _mean_length(corpus, pool), 0
    wanted = _SLACK * windows * context
    while True:
        limit += int(wanted / mean) + 64
        exposures = -(-limit // (corpus.num_people * corpus.documents))
        stream = data.Stream(corpus, pool, exposures, context, seed, limit=limit)
        if stream.num_windows >= windows:
            return stream
        wanted = _SLACK * (windows - stream.num_windows + 1) * context


# From a config to a corpus and its tokenizer, its words as tokens.
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
