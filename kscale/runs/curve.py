"""What a run knows on its way: at which steps it is scored, and the rows of then."""

import math
from typing import Any

import numpy as np

from kscale import files
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs.board import tag_knowledge
from kscale.runs.evaluate import score
from kscale.runs.folder import RunFolder
from kscale.runs.task import Task
from kscale.scores.score import BrokenModelError

_UNITS = 1000  # of a run, after which it can be scored on its way


def steps_to_score(config: Config, total: int) -> list[int]:
    """Returns the steps to score at, evenly spaced in their logarithm, before the last.

    A model can be scored between dispatches alone, whose automatic length depends on
    the device. The steps do not: they are multiples of a thousandth of the run, or of
    `train.steps_per_dispatch` where that is set. The run has `total` steps.
    """
    times, unit = config.score.times, _unit(config, total)
    if not times:
        return []
    if unit >= total:
        raise ValueError(
            f"score.times={times}: no step before the last of {total} ends a dispatch"
            f" of train.steps_per_dispatch={unit}; take less than {total}, or a longer"
            f" run, or score.times=0"
        )
    even = np.geomspace(unit, total, times + 1)[:-1].round()
    steps = np.unique(np.ceil(even / unit) * unit).astype(int)
    return steps[steps < total].tolist()


def longest_dispatch(config: Config, total: int, longest: int) -> int:
    """Returns the most steps, at most `longest`, of dispatches that end at those."""
    unit = _unit(config, total)
    return next(x for x in range(min(longest, unit), 0, -1) if unit % x == 0)


def _unit(config: Config, total: int) -> int:
    return config.train.steps_per_dispatch or math.ceil(total / _UNITS)


class Curve:
    """What a run knew at several of its steps, kept in its folder.

    Args:
      task: of the run.
      folder: gets the rows; None keeps them in memory.
    """

    def __init__(self, task: Task, folder: RunFolder | None):
        self._task = task
        self._folder = folder
        self._rows: list[Row] = []

    def add(self, step: int, state: Any) -> list[dict[str, float]]:
        """Scores a state; returns what TensorBoard shows of each member.

        A row of the same step or a later one is replaced.
        """
        members = [
            self._score(state["params"], i, step) for i in range(len(self._task.hypers))
        ]
        kept = [row for row in self.read() if row["step"] < step]
        self._rows = [*kept, {"step": step, "members": members}]
        if self._folder is not None:
            files.write_rows(self._folder.curve, self._rows)
        return [tag_knowledge(found) if found else {} for found in members]

    def _score(self, params: Any, member: int, step: int) -> Row | None:
        """Returns what a member knows; None if it diverged."""
        try:
            return score(self._task, params, member=member, step=step).progress
        except BrokenModelError:
            if len(self._task.hypers) == 1:
                raise
            return None

    def read(self) -> list[Row]:
        """Returns the rows so far, those of an earlier start of the run included."""
        if self._folder is None or self._rows:
            return self._rows
        return self._folder.read_curve()

    def of_member(self, member: int, logged: list[Row]) -> Row:
        """Returns what belongs in a member's result row, if it is scored on its way.

        curve has its scores by step, training the steps and losses, in nats a token.
        """
        if not self._task.config.score.times:
            return {}
        curve = [
            {"step": x["step"]} | x["members"][member]
            for x in self.read()
            if x["members"][member]
        ]
        losses = [np.ravel(row["loss"])[member] for row in logged]
        training = {"step": [row["step"] for row in logged], "loss": losses}
        return {"curve": curve, "training": files.to_json_types(training)}
