"""A run's folder: every path in it, made, refused, cleared, found again.

    folder = RunFolder(pathlib.Path("runs/mine"))
    folder.claim(config, resume=False, overwrite=False)
    folder.write_result(row)

Besides the files that `RunFolder` names, checkpoints/ and tensorboard/ are of the run.
Those of a model bear its number in a population (params_0.npz).
"""

import dataclasses
import json
import pathlib
import re
import shutil
from typing import Any

from kscale import files
from kscale.configs import fields
from kscale.configs.base import (
    CONFIG,
    NO_RESULT,
    Config,
    fingerprint,
    list_members,
    load_config,
    save_config,
)
from kscale.files import Row
from kscale.tokenizers.vocabulary import NO_VOCABULARY, VocabularyRecord
from kscale.train.checkpoint import CHECKPOINTS
from kscale.train.logs import METRICS, TENSORBOARD

# What a run writes; all else in its folder is somebody's own.
_OURS = re.compile(
    rf"{CHECKPOINTS}|{TENSORBOARD}"
    rf"|({re.escape(METRICS)}|curve\.jsonl|(result|vocabulary)\.json|visits(_\d+)?\.npy"
    r"|(params|scores|adapters|quantized_[a-z]+_\d)(_\d+)?\.npz)(\.\d+\.partial)?"
)


def _file(name: str, doc: str) -> Any:
    return property(lambda folder: folder.path / name, doc=doc)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Attributes:
      path: where it is; it need not exist.
      members: of the run's population, 1 or more.
    """

    path: pathlib.Path
    members: int = 1

    @classmethod
    def find(cls, path: pathlib.Path) -> "RunFolder":
        """Returns the folder of a run that is there; errors as `load_config`."""
        return cls(path, len(list_members(cls(path).read_config())))

    config = _file(CONFIG, "The config, without which a folder is no run folder.")
    result = _file("result.json", "The result row.")
    metrics = _file(METRICS, "The rows logged during training.")
    curve = _file("curve.jsonl", "What was known at some steps of training.")
    visits = _file("visits.npy", "How often each person was seen.")
    vocabulary = _file("vocabulary.json", "Tokens of a run that goes on from another.")

    @property
    def log(self) -> pathlib.Path:
        """What a run that was launched as a process printed: beside the folder."""
        return self.path.with_name(f"{self.path.name}.log")

    def params(self, member: int = 0) -> pathlib.Path:
        """Returns the file of a member's parameters."""
        return self._of_member("params", member)

    def adapters(self, member: int = 0) -> pathlib.Path:
        """Returns the file of a member's adapters alone."""
        return self._of_member("adapters", member)

    def scores(self, member: int = 0) -> pathlib.Path:
        """Returns the file of a member's score table."""
        return self._of_member("scores", member)

    def quantized(self, method: str, bits: int, member: int = 0) -> pathlib.Path:
        """Returns the file of a member's weights rounded to so many bits."""
        return self._of_member(f"quantized_{method}_{bits}", member)

    def _of_member(self, name: str, member: int) -> pathlib.Path:
        number = f"_{member}" if self.members > 1 else ""
        return self.path / f"{name}{number}.npz"

    def read_config(self) -> Config:
        """Reads the config of the run that is there; errors as `load_config`."""
        return load_config(self.config)

    def read_result(self) -> Row:
        """Reads the result row; {} if there is none yet, a ValueError if damaged."""
        if not self.result.exists():
            return {}
        try:
            row = json.loads(self.result.read_text(encoding="utf-8"))
            if not isinstance(row, dict):
                raise ValueError("it must hold a JSON object")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self.result} is no readable result: {error}; remove it and make it"
                f" anew with kscale train --resume"
            ) from error
        return row

    def write_result(self, row: Row) -> None:
        """Writes the result row, in place of one that is there."""
        files.write_json(self.result, row)

    def read_logged(self) -> list[Row]:
        """Reads the rows that were logged during training."""
        return files.read_rows(self.metrics)

    def read_vocabulary(self) -> VocabularyRecord:
        """Reads the run's vocabulary; empty where its own texts are all it has."""
        if not self.vocabulary.exists():
            return NO_VOCABULARY
        try:
            found = json.loads(self.vocabulary.read_text(encoding="utf-8"))
            tokens, domains = map(int, found["tokens"]), map(str, found["domains"])
            return VocabularyRecord(tuple(tokens), tuple(domains))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.vocabulary} is no readable vocabulary: {error}"
            ) from error

    def write_vocabulary(self, vocabulary: VocabularyRecord) -> None:
        """Writes the tokens of a run that has more than its own texts use.

        With them the run can be opened when the folder of its start is gone.
        """
        files.write_json(self.vocabulary, vocabulary._asdict())

    def claim(self, config: Config, resume: bool, overwrite: bool) -> None:
        """Makes the folder and writes the config, or finds the run to go on with.

        Args:
          config: of the run that is about to start.
          resume: go on with the run that is there, if one is.
          overwrite: throw away the run that is there; other files stay.

        Raises:
          ValueError: the folder holds a run and it was not said what to do with it; it
            holds another run; it holds something that is no run; it is a file.
        """
        if resume and overwrite:
            raise ValueError("--resume and --overwrite exclude each other: give one")
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} is a file: choose another --workdir")
        there = (
            sorted(x.name for x in self.path.iterdir()) if self.path.is_dir() else []
        )
        if there and self.config.name not in there:
            raise ValueError(
                f"{self.path} holds {', '.join(there[:3])} and no {self.config.name}:"
                f" it is no run folder and is left as it is; choose another --workdir"
            )
        if there and resume:
            return self._require_same(config)
        if there and not overwrite:
            raise ValueError(
                f"{self.path} holds a run: pass --resume to go on, --overwrite to throw"
                f" it away, or choose another --workdir"
            )
        # The config goes last, when the new one replaces it: a folder that is half
        # cleared is still a run folder.
        for name in filter(_OURS.fullmatch, there):
            path = self.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.path.mkdir(parents=True, exist_ok=True)
        save_config(config, self.config)

    def _require_same(self, config: Config) -> None:
        old = self.read_config()
        if fingerprint(old) == fingerprint(config):
            return
        changed = [
            f"{path} was {before!r}, is {after!r}"
            for path, before, after in fields.diff(old, config)
            if path not in NO_RESULT
        ]
        raise ValueError(
            f"{self.path} holds a run of another config: {'; '.join(changed)}; resume"
            f" with the old values or choose another folder"
        )
