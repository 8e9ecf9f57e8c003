"""The tokens of a run that are more than its own texts use: those of its start.

A run that goes on from another keeps every token of it. Its folder lists them all in
vocabulary.json, so that it can be opened when the folder of its start is gone.
"""

import json
import pathlib
from typing import NamedTuple

from kscale import results

FILE = "vocabulary.json"


class Vocabulary(NamedTuple):
    """What the dense ids of a model stand for.

    Attributes:
      tokens: ids of the tokenizer, ascending.
      domains: names of the domain tokens, in the order of their ids, which come after.
    """

    tokens: tuple[int, ...] = ()
    domains: tuple[str, ...] = ()


NOTHING = Vocabulary()


def save(vocabulary: Vocabulary, workdir: pathlib.Path) -> None:
    """Write the vocabulary into a run's folder."""
    results.write_json(workdir / FILE, vocabulary._asdict())


def read(workdir: pathlib.Path) -> Vocabulary:
    """The vocabulary in a run's folder; empty where its own texts are all it has.

    Raises:
      ValueError: the file is damaged.
    """
    path = workdir / FILE
    if not path.exists():
        return NOTHING
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        tokens, domains = map(int, found["tokens"]), map(str, found["domains"])
        return Vocabulary(tuple(tokens), tuple(domains))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no readable vocabulary: {error}") from error
