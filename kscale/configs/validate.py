"""Contradictions in a config, found before any work starts."""

import dataclasses
import pathlib

import numpy as np

from kscale import corpora, data
from kscale.configs import fields
from kscale.configs.base import (
    Config,
    CorpusConfig,
    PartConfig,
    WorldConfig,
    list_members,
)
from kscale.worlds import World


def validate(config: Config) -> World:
    """Checks that the parts of a config fit each other; returns its world.

    Raises:
      ValueError: the first contradiction, with the fields, their values and a way out.
    """
    fields.check_types(config)
    name = pathlib.PurePath(config.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(
            f"config.name={config.name!r} names a folder below runs/: leave out .. and"
            f" a slash in front"
        )
    _check_corpus(config.corpus, config.world.kind)
    _check_members(config)
    _check_order(config)
    if config.mesh.expert > 1 and not config.model.experts:
        raise ValueError(
            f"mesh.expert={config.mesh.expert} shares out experts, and model.experts=0:"
            f" the model has none; take mesh.expert=1, or give it some"
        )
    _check_law("world", config.world, config.world.seed)
    for i, part in enumerate(config.parts):
        _check_part(part, config)
        _check_law(f"parts.{i}", part, config.world.seed)
    if config.model.vocab:
        raise ValueError(
            f"model.vocab={config.model.vocab} must be 0 in a config: the vocabulary"
            f" is the tokens that the corpus can use"
        )
    return config.world.build()


# Fields that are read only where another field has one of some values, or any but none.
_LAW = (
    ("kind", ("zipf",), ("exponent", "bias")),
    ("kind", ("pitman_yor", "restaurant"), ("discount", "concentration")),
    ("kind", ("file",), ("path",)),
)
_BIOD = ("attributes", "chunks", "diversity", "length", "symbols", "name_parts")
_ROUTED = ("top_k", "capacity_factor", "eval_capacity_factor", "route_rows")
_READ = (
    ("world.kind", ("bios",), ("world.lists",)),
    ("world.kind", ("biod",), tuple(f"world.{name}" for name in _BIOD)),
    ("corpus.kind", ("biod",), ("corpus.style",)),
    ("corpus.kind", ("bior",), ("corpus.skip_unfound",)),
    ("model.experts", (), tuple(f"model.{name}" for name in _ROUTED)),
    ("model.experts", (), ("train.balance_weight",)),
    ("model.lora.rules", (), ("model.lora.alpha", "model.lora.tied")),
    ("qat.bits", (), ("qat.group", "qat.symmetric", "qat.leaves")),
)


def require_read(config: Config) -> None:
    """Checks that every field that is not at its default is read.

    Raises:
      ValueError: one is not, and would change the fingerprint and nothing else.
    """
    leaves = fields.flatten(config)
    defaults = fields.flatten(Config(parts=(PartConfig(),) * len(config.parts)))
    laws = ["world.law", *(f"parts.{i}.law" for i in range(len(config.parts)))]
    rules = [
        (f"{law}.{kind}", readers, tuple(f"{law}.{name}" for name in names))
        for law in laws
        for kind, readers, names in _LAW
    ]
    for switch, readers, paths in (*rules, *_READ):
        if leaves[switch] in readers or (not readers and leaves[switch]):
            continue
        for path in paths:
            if leaves[path] != defaults[path]:
                way = " or ".join(map(repr, readers))
                raise ValueError(
                    f"{path}={leaves[path]!r} says nothing with {switch}="
                    f"{leaves[switch]!r}: set {switch}{f' to {way}' * bool(way)}, or"
                    f" leave {path}={defaults[path]!r}"
                )


def check_documents(context: int, corpus: corpora.Corpus, pool: data.TokenPool) -> None:
    """Checks a context, as `check_context`, against the documents of some people."""
    people = corpus.people(np.arange(min(corpus.num_people, 1000)))
    lengths = [
        pool.document_lengths(corpus.plan(people, np.full_like(people, address)))
        for address in range(corpus.documents_per_exposure)
    ]
    check_context(context, int(np.min(lengths)), int(np.max(lengths)))


def check_context(context: int, shortest: int, longest: int) -> None:
    """Checks that windows do not cut every document at the same place.

    If all documents have one length and whole documents fill a window exactly, then
    each token is seen at few positions of the window only, and a model scored from
    <EOS> on is asked at positions that it never saw.

    Args:
      context: tokens of a window.
      shortest, longest: tokens of the shortest and longest document, <EOS> included.
    """
    if shortest == longest and context % longest == 0:
        raise ValueError(
            f"data.context={context} is a multiple of the length {longest} of every"
            f" document, so that all windows are cut at the same place and scores are"
            f" wrong; take {context + 1} or another context"
        )


def check_scored(people: int, most: int) -> None:
    """Checks that a config's `score.people` is at most the people of the corpus."""
    if not 0 <= people <= most:
        raise ValueError(
            f"score.people={people} must be 1 to {most}, the people of whom the corpus"
            f" tells, or 0 for all of them"
        )


def _check_corpus(corpus: CorpusConfig, world: str) -> None:
    if (corpus.kind == "biod") != (world == "biod"):
        raise ValueError(
            f"corpus.kind={corpus.kind!r} cannot tell world.kind={world!r}: bioD"
            f" paragraphs need a bioD world, all others need a bioS world"
        )
    if (corpus.tokenizer == "symbols") != (world == "biod"):
        fit = "symbols" if world == "biod" else "gpt2 or sentencepiece"
        raise ValueError(
            f"corpus.tokenizer={corpus.tokenizer!r} does not fit"
            f" world.kind={world!r}: take {fit}"
        )
    trained = corpus.tokenizer == "sentencepiece"
    if trained != bool(corpus.tokenizer_vocab):
        need = "at least 1" if trained else "0"
        raise ValueError(
            f"corpus.tokenizer_vocab={corpus.tokenizer_vocab} must be {need} with"
            f" corpus.tokenizer={corpus.tokenizer!r}: only SentencePiece is trained"
        )
    if (corpus.kind == "bior") != bool(corpus.path):
        raise ValueError(
            f"corpus.path={corpus.path!r} does not fit corpus.kind={corpus.kind!r}:"
            f" bioR reads its biographies from this path, nothing else uses it"
        )
    if corpus.path and not pathlib.Path(corpus.path).expanduser().exists():
        raise ValueError(f"corpus.path={corpus.path!r} does not exist")


def _check_order(config: Config) -> None:
    data = config.data
    if data.exposures % data.epochs:
        raise ValueError(
            f"data.epochs={data.epochs} must divide data.exposures={data.exposures}:"
            f" each pass visits the same documents"
        )
    if not 0 <= data.share <= 1 or (not data.share and not config.parts):
        raise ValueError(
            f"data.share={data.share} must be 0 to 1, and above 0 unless there are"
            f" parts to train on"
        )


def _check_part(part: PartConfig, config: Config) -> None:
    names = [other.name for other in config.parts]
    if not part.name:
        raise ValueError("parts: name='' must not be empty: losses are logged under it")
    if names.count(part.name) > 1:
        raise ValueError(
            f"parts: the name {part.name!r} is given {names.count(part.name)} times:"
            f" give each part its own, as parts.1.name=..."
        )
    if bool(part.exposures) == bool(part.weight):
        raise ValueError(
            f"part {part.name!r}: exposures={part.exposures} and weight={part.weight}:"
            f" set one of them above 0"
        )
    if part.weight and not config.data.share:
        raise ValueError(
            f"part {part.name!r}: weight={part.weight} is in windows of the run's own"
            f" text, of which data.share=0 leaves none: set exposures instead"
        )
    if part.which != "all" and part.people < 2:
        raise ValueError(
            f"part {part.name!r}: which={part.which!r} of people={part.people} leaves"
            f" nobody to be asked about or held out: take 2 people or more"
        )
    if part.kind == "biographies" and (part.which != "all" or part.answers_only):
        raise ValueError(
            f"part {part.name!r}: which={part.which!r} and answers_only="
            f"{part.answers_only} are for kind='questions'; with kind='biographies'"
            f" take which='all' and answers_only=False"
        )
    if part.kind == "biographies" and config.corpus.kind == "bior":
        raise ValueError(
            f"part {part.name!r}: corpus.kind='bior' has texts of its own people only;"
            f" tell the part as questions or take another corpus.kind"
        )


def _check_law(path: str, where: WorldConfig | PartConfig, seed: int) -> None:
    """Checks that a file of weights fits the people."""
    if where.law.kind == "file":
        try:
            where.law.frequencies(where.people, seed)
        except ValueError as error:
            raise ValueError(f"{path}.{error}") from None


def _check_members(config: Config) -> None:
    for name, values in vars(config.members).items():
        if len(set(values)) < len(values):
            raise ValueError(
                f"members.{name}={values} lists a value twice: leave one of them out"
            )
    for hyper in list_members(config):
        try:
            dataclasses.replace(config.train, **hyper._asdict())
        except ValueError as error:
            raise ValueError(f"members: {error}") from None
