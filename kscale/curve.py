"""Scoring on the way: at which steps, and what is kept of what was known then."""

import json
import math
import pathlib
from typing import Any

import numpy as np

from kscale import build, results
from kscale.config import Config
from kscale.evaluate import evaluate, member_params, score_params
from kscale.results import Row

_UNITS = 1000  # of a run, after which it can be scored on its way


def dispatch(config: Config, total: int, longest: int) -> int:
    """Steps of a dispatch after whose like all the steps to score at come.

    Args:
      config: of the run.
      total: steps of the run.
      longest: steps that suit the device.

    Returns:
      At most `longest`; all of it, if nothing is scored on the way.
    """
    if not steps(config, total):
        return longest
    unit = _unit(config, total)
    return next(x for x in range(min(longest, unit), 0, -1) if unit % x == 0)


def steps(config: Config, total: int) -> list[int]:
    """The steps to score at, evenly spaced in their logarithm, before the last.

    A model can be scored between dispatches alone, whose automatic length depends on
    the device. The steps do not: they are multiples of a thousandth of the run, or of
    `train.steps_per_dispatch` where that is set.

    Args:
      config: of the run.
      total: steps of the run.

    Raises:
      ValueError: there is no such step, though `score.times` asks for some.
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
    seen = np.unique(np.ceil(even / unit) * unit).astype(int)
    return seen[seen < total].tolist()


def _unit(config: Config, total: int) -> int:
    return config.train.steps_per_dispatch or math.ceil(total / _UNITS)


class Curve:
    """What a run knew at several of its steps, kept in its folder.

    Args:
      setup: of the run.
      folder: gets curve.jsonl; None keeps the rows in memory.
    """

    def __init__(self, setup: build.Setup, folder: pathlib.Path | None):
        self._setup = setup
        self._path = None if folder is None else folder / "curve.jsonl"
        self._rows: list[Row] = []

    def add(self, step: int, state: Any) -> None:
        """Scores a state. A row of the same step or a later one is replaced."""
        members = []
        for i in range(len(self._setup.hypers)):
            params = member_params(self._setup, state["params"], i)
            table = score_params(self._setup, params)
            members.append(evaluate(self._setup, params, table, i, step))
        row = {"step": step, "members": members}
        kept = [row for row in self.rows() if row["step"] < step]
        self._rows = [*kept, row]
        if self._path is not None:
            lines = "".join(json.dumps(x) + "\n" for x in self._rows)
            results.write_text(self._path, lines)

    def rows(self) -> list[Row]:
        """The rows so far, those of an earlier start of the run included."""
        if self._path is None or self._rows:
            return self._rows
        return results.read_rows(self._path)

    def of(self, member: int, logged: list[Row]) -> Row:
        """What belongs in a member's result row, if the run was scored on its way.

        Args:
          member: of the population.
          logged: the rows of the run's log.

        Returns:
          curve (its scores by step) and training (steps and training losses by step, in
          nats a token), or nothing.
        """
        if not self._setup.config.score.times:
            return {}
        rows = [{"step": x["step"]} | x["members"][member] for x in self.rows()]
        losses = [np.ravel(row["loss"])[member] for row in logged]
        training = {"step": [row["step"] for row in logged], "loss": losses}
        return {"curve": rows, "training": results.finite(training)}
