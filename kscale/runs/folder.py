"""A run's folder: every path in it, what is read from it, what was damaged in it.

    folder = RunFolder.find(pathlib.Path("runs/mine"))
    folder.read_result()["bits"]

Besides the files that `RunFolder` names, checkpoints/ and tensorboard/ are of the run.
Those of a model bear its number in a population (params_0.npz). `claim` makes it.
"""

import contextlib
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from kscale import files
from kscale.configs.base import CONFIG, Config, list_members, load_config
from kscale.files import Row
from kscale.tokenizers.vocabulary import NO_VOCABULARY, VocabularyRecord
from kscale.train import checksums
from kscale.train.checkpoint import CHECKPOINTS
from kscale.train.checksums import SEAL
from kscale.train.logs import METRICS

# The files of a run besides its config, checkpoints/ and tensorboard/.
FILES = re.compile(
    rf"({re.escape(METRICS)}|curve\.jsonl|result\.json)(\.damaged(\.\d+)?)?"
    rf"|{re.escape(SEAL)}|vocabulary\.json"
    r"|visits(_\d+)?\.npy|(params|scores|adapters|quantized_[a-z]+_\d)(_\d+)?\.npz"
)
# What is computed from a logged row, and of which type it is.
_LOGGED = {
    "step": int,
    "loss": (int, float, list),
    "tokens": (int, float),
    "seconds": (int, float),
}


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
        remedy = "remove it and make it anew with kscale train --resume"
        row = files.read_json(self.result, "result", remedy)
        members = row.get("members", [row])
        if not (members and isinstance(members, list)) or not all(
            isinstance(member, dict) for member in members
        ):
            raise ValueError(
                f"{self.result} is no readable result: members={members!r:.40} are no"
                f" rows; {remedy}"
            )
        return row

    def read_members(self) -> list[Row]:
        """Reads the result row of each member; none if there is no result yet."""
        row = self.read_result()
        return row.get("members", [row] if row else [])

    def diverged_at(self, member: int = 0) -> int:
        """Returns the step at which a member diverged, which left no file; 0: none."""
        row = dict(enumerate(self.read_members())).get(member, {})
        return row.get("diverged") or 0

    def read_sound_members(self) -> list[Row]:
        """Reads the result row of each member; none if the result was damaged."""
        try:
            self.require_unchanged(self.result)
            return self.read_members()
        except ValueError:
            return []

    def is_finished(self) -> bool:
        """Returns whether a run has ended, its result and parameters being sound."""
        rows = self.read_sound_members()
        kept = [self.params(i) for i, x in enumerate(rows) if not x.get("diverged")]
        try:
            self.require_unchanged(*kept)
        except ValueError:
            return False
        return len(rows) == self.members and all(path.exists() for path in kept)

    def write_result(self, row: Row) -> None:
        """Writes the result row, in place of one that is there."""
        files.write_json(self.result, row)

    def read_logged(self) -> list[Row]:
        """Reads the rows that were logged during training.

        Raises:
          ValueError: a line is no such row.
        """
        return files.read_rows(self.metrics, _LOGGED)

    def read_curve(self) -> list[Row]:
        """Reads what was known on the way.

        Raises:
          ValueError: a line is no such row.
        """
        rows = files.read_rows(self.curve, {"step": int, "members": list})
        for number, row in enumerate(rows, 1):
            found = row["members"]
            if len(found) != self.members or not all(
                member is None or isinstance(member, dict) for member in found
            ):
                raise ValueError(
                    f"{self.curve}, line {number}: members={found!r:.40} must be the"
                    f" rows of {self.members}; remove the line"
                )
        return rows

    def read_vocabulary(self) -> VocabularyRecord:
        """Reads the run's vocabulary; empty where its own texts are all it has."""
        if not self.vocabulary.exists():
            return NO_VOCABULARY
        found = files.read_json(self.vocabulary, "vocabulary")
        tokens, domains = found.get("tokens"), found.get("domains")
        if not (_is_list(tokens, int) and _is_list(domains, str)):
            raise ValueError(
                f"{self.vocabulary} is no readable vocabulary: it must hold lists of"
                f" integers (tokens) and of names (domains)"
            )
        return VocabularyRecord(tuple(tokens or ()), tuple(domains or ()))

    def write_vocabulary(self, vocabulary: VocabularyRecord) -> None:
        """Writes the tokens of a run that has more than its own texts use.

        With them the run can be opened when the folder of its start is gone.
        """
        files.write_json(self.vocabulary, vocabulary._asdict())

    def latest_step(self) -> int:
        """Returns the step of the latest complete checkpoint; 0 if there is none."""
        names = [path.name for path in (self.path / CHECKPOINTS).glob("*")]
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def find_lost(
        self, score_at: Sequence[int]
    ) -> dict[pathlib.Path, tuple[str, bool]]:
        """Finds the logs that lack what they had at the latest checkpoint.

        Args:
          score_at: steps at which the run is scored on its way.

        Returns:
          What is wrong with metrics.jsonl or curve.jsonl, and whether it was damaged;
          else it is gone, or lacks rows.
        """
        step, lost = self.latest_step(), {}
        wanted = {
            self.metrics: ([step] if step else [], self.read_logged),
            self.curve: ([at for at in score_at if at <= step], self.read_curve),
        }
        for path, (steps, read) in wanted.items():
            try:
                if path.exists():
                    self.require_unchanged(path)
                rows = read()
                found = {row["step"] for row in rows}
                missing = [at for at in steps if at not in found]
                for before, row in itertools.pairwise([{"step": 0}, *rows]):
                    if row.get("after", before["step"]) != before["step"]:
                        missing.append(row["after"])
                if missing:
                    lost[path] = (f"{path} has no row of step {missing[0]}", False)
            except ValueError as error:
                lost[path] = (str(error), True)
        return lost

    def find_broken(self) -> list[pathlib.Path]:
        """Lists what a training wrote and was changed or removed since it ended."""
        names = checksums.find_broken(self.path)
        return [self.path / x for x in names if x == SEAL or _is_of_training(x)]

    def require_unchanged(self, *paths: pathlib.Path) -> None:
        """Checks that files are as the run wrote them, if it has finished.

        Raises:
          ValueError: one was changed or removed since, or the checksums were.
        """
        for name in checksums.find_broken(self.path, [path.name for path in paths]):
            verb = "quantize --save --overwrite"
            raise ValueError(
                f"{self.path / name} cannot be read: it was changed or removed since it"
                f" was written; bring it back, or make it anew with kscale"
                f" {verb if name.startswith('quantized') else 'train --resume'}"
            )

    def unseal(self) -> None:
        """Takes what a training writes out of the seal: it is about to be written."""
        checksums.unseal(self.path, _is_of_training)

    def drop_damaged_seal(self) -> bool:
        """Removes checksums that cannot be read; returns whether there were such."""
        damaged = checksums.find_broken(self.path) == [SEAL]
        if damaged:
            (self.path / SEAL).unlink()
        return damaged

    def move_aside(self, path: pathlib.Path) -> pathlib.Path:
        """Renames a damaged file, so that nobody takes it for sound; returns where."""
        names = (f"{path.name}.damaged.{number}" for number in itertools.count(1))
        aside = next(x for x in map(path.with_name, names) if not x.exists())
        return path.rename(aside)

    @contextlib.contextmanager
    def renew(self, *paths: pathlib.Path) -> Iterator[None]:
        """Seals files again that are written meanwhile.

        A process that is killed in between leaves them unsealed, which is no damage.
        """
        names = [path.name for path in paths]
        checksums.unseal(self.path, names.__contains__)
        yield
        checksums.seal(self.path, names)

    def seal(self) -> None:
        """Seals what a training has written: changes are noticed from now on."""
        names = [path.name for path in self.path.iterdir()]
        checksums.seal(self.path, filter(_is_of_training, names))


def _is_of_training(name: str) -> bool:
    other = name == SEAL or name.startswith("quantized") or ".damaged" in name
    return bool(FILES.fullmatch(name)) and not other


def _is_list(found: Any, kind: type) -> bool:
    return isinstance(found, list) and all(type(x) is kind for x in found)
