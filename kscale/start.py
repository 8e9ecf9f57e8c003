"""Training that goes on from a finished run: its parameters under a new vocabulary.

A run's vocabulary is what its corpora can use, so the one that goes on may have tokens
that its start never saw. They start as in a new model; all else is taken over.
"""

import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np

from kscale import build, models, telling, trained
from kscale.config import Config


def parameters(
    setup: build.Setup, folder: pathlib.Path, seed: int = 0
) -> models.Params:
    """The parameters with which a setup starts when it goes on from a run.

    Args:
      setup: of the run that starts.
      folder: of the finished run; of a population, its first member is taken.
      seed: of the rows of tokens that the finished run did not have.

    Returns:
      Parameters of the setup's model.

    Raises:
      ValueError: no finished run there; another model or tokenizer; tokens of the
        finished run that this one does not have, or has under other numbers.
    """
    before, old = trained.load(folder)
    _require_same_model(setup, before, folder)
    _require_same_tokens(setup, before, folder)
    rows = _rows(before.pool.vocabulary, setup.pool.vocabulary, folder)
    fresh = models.init(setup.config.model, jax.random.key(seed))

    def take(path: Any, new: jax.Array, was: jax.Array) -> np.ndarray:
        if path[-1].key != "table":
            return np.asarray(was)
        table = np.array(new)
        table[rows] = was
        return table

    return jax.tree_util.tree_map_with_path(take, fresh, old)


def _require_same_model(setup, before, folder: pathlib.Path) -> None:
    new, old = (dataclasses.asdict(x.config.model) for x in (setup, before))
    changed = [
        f"{field} was {old[field]!r}, is {new[field]!r}"
        for field in new.keys() - {"vocab", "compute", "attention"}
        if new[field] != old[field]
    ]
    if changed:
        raise ValueError(
            f"start={str(folder)!r} has another model: {'; '.join(changed)}; take its"
            f" values"
        )


def _require_same_tokens(setup, before, folder: pathlib.Path) -> None:
    """Refuses a tokenizer that gives other words the numbers of the finished run's."""
    tokenizers = [x.config.corpus.tokenizer for x in (before, setup)]
    if tokenizers[0] != tokenizers[1] or "sentencepiece" in tokenizers:
        raise ValueError(
            f"start={str(folder)!r} has corpus.tokenizer={tokenizers[0]!r}, this run"
            f" {tokenizers[1]!r}: both must be the same, and none trained on its corpus"
        )
    if tokenizers[0] == "symbols" and (
        telling.symbols(before.world) != telling.symbols(setup.world)
    ):
        raise ValueError(
            f"start={str(folder)!r} is of a bioD world with other symbols: both must"
            f" have the same, so take its values of world but for people, first, law"
        )
    old, new = _domains(before.config), _domains(setup.config)
    if new[: len(old)] != old:
        raise ValueError(
            f"start={str(folder)!r} has the domains {old}, this run {new}: begin with"
            f" the old ones in the old order, in corpus.domain and those of parts"
        )


def _domains(config: Config) -> list[str]:
    """The domain tokens in the order of their numbers."""
    names = [config.corpus.domain, *(part.domain for part in config.parts)]
    return [name for name in dict.fromkeys(names) if name]


def _rows(old: Any, new: Any, folder: pathlib.Path) -> np.ndarray:
    """The row of each old token in the new table."""
    lost = np.setdiff1d(old.original_ids, new.original_ids)
    if len(lost):
        raise ValueError(
            f"start={str(folder)!r} knows {len(lost)} tokens that no text of this run"
            f" has: add a part that tells what it was trained on"
        )
    return new.to_dense(old.original_ids)
