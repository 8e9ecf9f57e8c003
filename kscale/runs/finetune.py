"""Training that goes on from a finished run: its parameters, under a vocabulary that
has all its tokens and those of the new texts.

Tokens that the finished run did not have start as in a new model; all else is taken
over, also what no text of the new run uses.
"""

import dataclasses
import functools
import pathlib
from typing import TYPE_CHECKING

import jax
import numpy as np

from kscale import files, models, trees
from kscale.runs import mixture
from kscale.runs.folder import RunFolder

if TYPE_CHECKING:
    from kscale.runs.task import Task

# What may change from run to run: how a model is computed, and the room of experts.
_COMPUTATION = {
    *("vocab", "compute", "attention"),
    *("capacity_factor", "eval_capacity_factor", "route_rows"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """A finished run to go on from; of a population, its first member.

    Attributes:
      path: its folder.
      task: what it was trained on.
      params: its parameters.
    """

    path: pathlib.Path
    task: "Task"
    params: models.Params

    @functools.cached_property
    def digest(self) -> str:
        """Twelve hex digits of the file of the parameters."""
        return files.digest(RunFolder.find(self.path).params().read_bytes())

    def check(self, task: "Task") -> None:
        """Checks that a task can go on from here.

        Raises:
          ValueError: another model or tokenizer; other symbols of bioD; no `qat` after
            a run with it, whose weights beneath nobody has measured.
        """
        where = f"config.start={str(self.path)!r}"
        old, new = self.task.config, task.config
        kept = {field.name for field in dataclasses.fields(old.model)} - _COMPUTATION
        if not old.model.lora.rules:  # adapters may begin here
            kept -= {"lora"}
        before, after = (dataclasses.asdict(x.model) for x in (old, new))
        changed = [
            f"{name} was {before[name]!r}, is {after[name]!r}"
            for name in sorted(kept)
            if before[name] != after[name]
        ]
        if changed:
            raise ValueError(
                f"{where} has another model: {'; '.join(changed)}; take its values"
            )
        if old.qat.bits and not new.qat.bits:
            raise ValueError(
                f"{where} was trained with weights rounded to {old.qat.bits} bits, this"
                f" run with none rounded: what it starts from is not what was scored;"
                f" set qat.bits={old.qat.bits}, or other bits"
            )
        tokenizers = [config.corpus.tokenizer for config in (old, new)]
        if tokenizers[0] != tokenizers[1] or "sentencepiece" in tokenizers:
            raise ValueError(
                f"{where} has corpus.tokenizer={tokenizers[0]!r}, this run"
                f" {tokenizers[1]!r}: both must be the same, and none trained on its"
                f" corpus"
            )
        if tokenizers[0] == "symbols" and (
            mixture.list_symbols(self.task.world) != mixture.list_symbols(task.world)
        ):
            raise ValueError(
                f"{where} is of a bioD world with other symbols: both must have the"
                f" same, so take its values of world but for people, first, law"
            )

    def make_params(self, task: "Task") -> models.Params:
        """Makes the parameters with which a task starts when it goes on from here.

        Rows of tokens that the finished run did not have are drawn from the seed of
        each member of the task. Of a population, tables and adapters have an axis of
        members; all else is the same for every member and has none.
        """
        ids = self.task.pool.vocabulary.original_ids
        rows = task.pool.vocabulary.to_dense(ids)
        fresh = [
            models.init(task.config.model, jax.random.key(int(hyper.seed)))
            for hyper in task.hypers
        ]
        before = trees.leaves_by_path(self.params)

        def take(path: str, *new: jax.Array) -> np.ndarray:
            old = before.get(path)  # None where adapters begin here
            keys = path.split("/")
            by_token = "table" in keys and keys[-1] in ("table", "down")
            if old is not None and not by_token:
                return np.asarray(old)
            drawn = np.stack(new)
            if old is not None:
                drawn[:, rows] = old
            return drawn if len(fresh) > 1 else drawn[0]

        return trees.map_by_path(take, *fresh)


def require_start(path: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the finished run that a config goes on from.

    Raises:
      ValueError: no finished run is there, or its first member diverged.
    """
    path = path.expanduser()
    path = path.resolve() if path.exists() else path
    folder, where = RunFolder(path), f"config.start={str(path)!r}"
    if not folder.config.is_file():
        raise ValueError(
            f"{where} holds no run: there is no {folder.config.name} in it; give the"
            f" folder of a finished run"
        )
    folder = RunFolder.find(path)
    if step := folder.diverged_at():
        raise ValueError(
            f"{where}: its first member, from which a run goes on, diverged at step"
            f" {step}; give the folder of another run"
        )
    if not folder.params().is_file():
        raise ValueError(f"{where} holds no finished run: finish it with --resume")
    return path
