"""Training that goes on from a finished run: its parameters, under a vocabulary that
has all its tokens and those of the new texts.

    opened = finetune.opened(config)
    task = prepare(config, opened.vocabulary)
    params = opened.parameters(task)

Tokens that the finished run did not have start as in a new model; all else is taken
over, also what no text of the new run says.
"""

import dataclasses
import hashlib
import pathlib

import jax
import numpy as np

from kscale import models
from kscale.configs.base import Config
from kscale.runs import folder, mixture
from kscale.runs.task import Task
from kscale.tokenizers.vocabulary import VocabularyRecord
from kscale.trees import leaves_by_path, map_by_path

# What may change from run to run: how a model is computed, and the room of experts.
_HOW = {
    "vocab",
    "compute",
    "attention",
    "capacity_factor",
    "eval_capacity_factor",
    "route_rows",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """A finished run to go on from; of a population, its first member.

    Attributes:
      where: its folder.
      before: its task.
      params: its parameters.
      digest: twelve hex digits of the file of its parameters.
    """

    where: pathlib.Path
    before: Task
    params: models.Params
    digest: str

    @property
    def vocabulary(self) -> VocabularyRecord:
        """All tokens that its model has."""
        return self.before.vocabulary

    def check(self, task: Task) -> None:
        """Refuse a task that cannot go on from here.

        Raises:
          ValueError: another model or tokenizer; tokens of the finished run that this
            one does not have, or has under other numbers; no `qat` after a run with
            it, whose weights beneath nobody has measured.
        """
        _require_same_model(task, self.before, self.where)
        _require_rounding(task, self.before, self.where)
        _require_same_tokens(task, self.before, self.where)

    def parameters(self, task: Task) -> models.Params:
        """The parameters with which a task starts when it goes on from here.

        Args:
          task: of the run that starts. Rows of tokens that the finished run did not
            have are drawn from the seed of each of its members.

        Returns:
          Parameters of the task's model. Of a population, tables and adapters have an
          axis of members; all else is the same for every member and has none.

        Raises:
          ValueError: as `check`.
        """
        self.check(task)
        ids = self.before.pool.vocabulary.original_ids
        rows = task.pool.vocabulary.to_dense(ids)
        fresh = [
            models.init(task.config.model, jax.random.key(int(hyper.seed)))
            for hyper in task.hypers
        ]
        several = len(fresh) > 1

        old = leaves_by_path(self.params)

        def take(path: str, *new: jax.Array) -> np.ndarray:
            was = old.get(path)  # None where adapters begin here
            keys = path.split("/")
            by_token = "table" in keys and keys[-1] in ("table", "down")
            if was is not None and not by_token:
                return np.asarray(was)
            drawn = np.stack(new)
            if was is not None:
                drawn[:, rows] = was
            return drawn if several else drawn[0]

        return map_by_path(take, *fresh)


def opened(
    config: Config,
    where: pathlib.Path | None = None,
    workdir: pathlib.Path | None = None,
) -> Start | None:
    """The finished run that a config goes on from; None where a new model is trained.

    Args:
      config: of the run that starts.
      where: the folder of the finished run, in place of `config.start`.
      workdir: the folder of the run that starts, if it has one.

    Raises:
      ValueError: no finished run there, or it is the new run's own folder.
    """
    if where is None and not config.start:
        return None
    where = (where or pathlib.Path(config.start)).expanduser()
    where = where.resolve() if where.exists() else where
    if workdir is not None and where == workdir.resolve():
        raise ValueError(
            f"config.start={str(where)!r} is the run's own folder, and would be"
            f" overwritten: choose another --workdir"
        )
    if not (where / folder.CONFIG).is_file():
        raise ValueError(
            f"config.start={str(where)!r} holds no run: there is no {folder.CONFIG} in"
            f" it; give the folder of a finished run"
        )
    if not any((where / f"params{name}.npz").is_file() for name in ("", "_0")):
        raise ValueError(f"config.start={str(where)!r} {folder.UNFINISHED}")
    before, params = folder.load(where)
    with folder.params_path(where, before).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    return Start(where, before, params, digest)


def _require_same_model(task, before, where: pathlib.Path) -> None:
    new, old = (dataclasses.asdict(x.config.model) for x in (task, before))
    kept = new.keys() - _HOW
    if not before.config.model.lora.rules:  # adapters may begin here
        kept -= {"lora"}
    changed = [
        f"{field} was {old[field]!r}, is {new[field]!r}"
        for field in sorted(kept)
        if new[field] != old[field]
    ]
    if changed:
        raise ValueError(
            f"config.start={str(where)!r} has another model: {'; '.join(changed)};"
            f" take its values"
        )


def _require_rounding(task, before, where: pathlib.Path) -> None:
    bits = before.config.qat.bits
    if bits and not task.config.qat.bits:
        raise ValueError(
            f"config.start={str(where)!r} was trained with weights rounded to {bits}"
            f" bits, this run with none rounded: what it starts from is not what was"
            f" scored; set qat.bits={bits}, or other bits"
        )


def _require_same_tokens(task, before, where: pathlib.Path) -> None:
    """Refuses a tokenizer that gives other words the numbers of the finished run's."""
    tokenizers = [x.config.corpus.tokenizer for x in (before, task)]
    if tokenizers[0] != tokenizers[1] or "sentencepiece" in tokenizers:
        raise ValueError(
            f"config.start={str(where)!r} has corpus.tokenizer={tokenizers[0]!r}, this"
            f" run {tokenizers[1]!r}: both must be the same, and none trained on its"
            f" corpus"
        )
    if tokenizers[0] == "symbols" and (
        mixture.symbols(before.world) != mixture.symbols(task.world)
    ):
        raise ValueError(
            f"config.start={str(where)!r} is of a bioD world with other symbols: both"
            f" must have the same, so take its values of world but for people, first,"
            f" law"
        )
    old, new = before.vocabulary, task.vocabulary
    lost = set(old.tokens) - set(new.tokens)
    if lost or new.domains[: len(old.domains)] != old.domains:
        raise ValueError(
            f"config.start={str(where)!r} has {len(lost)} tokens that this run has not,"
            f" and the domains {list(old.domains)}, this run {list(new.domains)}: give"
            f" `prepare` the vocabulary of `finetune.opened`"
        )
