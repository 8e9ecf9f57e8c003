"""Contradictions in a config, found before any work starts."""

import pathlib

from kscale.config import Config, CorpusConfig, MembersConfig
from kscale.worlds import World


def validate(config: Config) -> World:
    """Check that the parts of a config fit each other, and that its world exists.

    Returns:
      The world, which had to be made for the check.

    Raises:
      ValueError: the first contradiction, with the fields, their values and a way out.
    """
    _check_positive(config)
    _check_corpus(config.corpus, config.world.kind)
    _check_members(config.members)
    if config.model.vocab:
        raise ValueError(
            f"model.vocab={config.model.vocab} must be 0 in a config: the vocabulary"
            f" is the tokens that the corpus can use"
        )
    world = config.world.build()
    if not 0 <= config.score.people <= world.people:
        raise ValueError(
            f"score.people={config.score.people} must be 0 (all) to"
            f" world.people={world.people}"
        )
    return world


def check_context(context: int, shortest: int, longest: int) -> None:
    """Refuse windows that cut every document at the same place.

    If all documents have one length and whole documents fill a window exactly, then
    each token is met at few positions of the window only, and a model scored from
    <EOS> on is asked at positions that it never saw.

    Args:
      context: tokens of a window.
      shortest, longest: tokens of the shortest and longest document, <EOS> included.

    Raises:
      ValueError: `context` is a multiple of the one document length.
    """
    if shortest == longest and context % longest == 0:
        raise ValueError(
            f"data.context={context} is a multiple of the length {longest} of every"
            f" document, so that all windows are cut at the same place and scores are"
            f" wrong; take {context + 1} or another context"
        )


def _check_positive(config: Config) -> None:
    data = config.data
    sizes = {
        "world.people": config.world.people,
        "data.exposures": data.exposures,
        "data.context": data.context,
        "data.batch": data.batch,
        "data.prefetch": data.prefetch,
    }
    for path, value in sizes.items():
        if value < 1:
            raise ValueError(f"{path}={value} must be at least 1")
    if config.score.batch < 0:
        raise ValueError(
            f"score.batch={config.score.batch} must be at least 1, or 0 for as many as"
            f" suit the device"
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
    if trained != bool(corpus.tokenizer_vocab) or corpus.tokenizer_vocab < 0:
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
    if corpus.path and not pathlib.Path(corpus.path).exists():
        raise ValueError(f"corpus.path={corpus.path!r} does not exist")


def _check_members(members: MembersConfig) -> None:
    for name in ("seeds", "learning_rates", "weight_decays"):
        values = getattr(members, name)
        if len(set(values)) < len(values):
            raise ValueError(f"members.{name}={values} lists a value twice")
        if any(value < 0 for value in values):
            raise ValueError(f"members.{name}={values} must all be 0 or more")
