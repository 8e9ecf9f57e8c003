"""What a model knows of whom: by class of frequency, by piece, by part.

    table = evaluate.score_params(task, params)
    evaluate.evaluate(task, params, table)["classes"][0]["accuracy"]

The rows of a trained model carry this; figures are drawn from it.
"""

import math
import pathlib
from typing import Any

import jax
import numpy as np

from kscale import corpora, files, scores, theory
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs import qat
from kscale.runs.mixture import Part
from kscale.runs.task import Task

_FEW = 200  # people whose documents tell what experts drop
_MANY = 2000  # people of a part at most, unless score.people says how many


def score_params(
    task: Task, params: Any, people: np.ndarray | int | None = None
) -> scores.ScoreTable:
    """The score table of a model, over the config's people unless others are given."""
    chosen = task.config.score
    return scores.score_corpus(
        (task.config.model, qat.used(task, params)),
        task.corpus,
        task.pool,
        people if people is not None else chosen.people or None,
        seed=chosen.seed,
        batch=chosen.batch,
    )


def member_params(task: Task, params: Any, member: int) -> Any:
    """The parameters of one member of a population, or of the only model."""
    if len(task.hypers) == 1:
        return params
    return jax.tree.map(lambda leaf: leaf[member], params)


def evaluate(
    task: Task,
    params: Any,
    table: scores.ScoreTable,
    member: int = 0,
    step: int | None = None,
) -> Row:
    """Losses and accuracies of a model, of the run's own people and of each part.

    Args:
      task: of the run.
      params: of one model.
      table: its scores, of the run's own people.
      member: which of the population, whose visits are told.
      step: visits are counted up to it; None: to the end of the run. Classes and
        weights are those of the whole run at every step.

    Returns:
      loss (of values: plain means over people, and weighted by how often each is met),
      classes (by frequency, 0 the most frequent), pieces, by_count (accuracy against
      how often people were met, unless all are met alike), and what is known of each of
      the parts, by its name. Of experts also dropped_when_scored: the share of choices
      that find no room in the documents of 200 people as they are scored, the padding
      of these rows included (`scores.dropped_share`).
    """
    corpus, p = task.corpus, task.order.frequencies()
    row = np.searchsorted(corpus.people(np.arange(corpus.num_people)), table.people)
    counts, one = task.counts, np.zeros(len(row), int)
    chosen = task.config.score
    by = {"people": "count", "mass": "mass"}[chosen.quantiles]
    kinds = theory.model_scaling.frequency_classes(p / p.sum(), chosen.classes, by)
    visits = task.order.visits(step)[row]
    whole = scores.summarize_classes(counts, corpus.labels, table, one, p[row], visits)[
        0
    ]
    classes = scores.summarize_classes(
        counts, corpus.labels, table, kinds[row].astype(int), p[row], visits
    )
    pieces = scores.summarize_pieces(corpus.labels, table, p[row])
    parts = {part.config.name: _of_part(task, part, params) for part in task.parts}
    told = {"loss": whole, "classes": classes, "pieces": pieces}
    if task.config.world.law.kind != "exact":
        told["by_count"] = _by_count(task, table, visits)
    if task.config.model.experts:
        told["dropped_when_scored"] = _dropped(task, params)
    return files.to_json_types(told | ({"parts": parts} if parts else {}))


def _dropped(task: Task, params: Any) -> float:
    corpus, seed = task.corpus, task.config.score.seed
    model = (task.config.model, qat.used(task, params))
    few = min(corpus.num_people, _FEW)
    return scores.dropped_share(model, corpus, task.pool, few, seed=seed)


def _by_count(task: Task, table: scores.ScoreTable, visits: np.ndarray) -> Row:
    """Accuracy against how often people were met, and the counts where it turns."""
    right = scores.person_accuracy(task.corpus.labels, table)
    guess = np.mean([2.0**-attribute.bits for attribute in task.world.attributes])
    return dict(scores.find_threshold(visits, right, ignorant=float(guess)))


def _of_part(task: Task, part: Part, params: Any) -> Row:
    """What is known of a part; of questions, also about the people left out."""
    corpus, chosen = part.corpus, task.config.score
    many = min(corpus.num_people, chosen.people or _MANY)
    model = (task.config.model, qat.used(task, params))
    if not isinstance(corpus, corpora.Questions):
        table = scores.score_corpus(model, corpus, part.pool, many, seed=chosen.seed)
        rows = scores.summarize_pieces(corpus.labels, table, np.ones(many))
        known = [row for row in rows if row["kind"] == "value"]
        return {
            "people": many,
            "loss_bits": sum(row["loss_bits"] for row in known),
            "accuracy": float(np.mean([row["accuracy"] for row in known])),
            "accuracy_by_piece": {row["piece"]: row["accuracy"] for row in rows},
        }
    told = {}
    for whom, questions in {"trained": corpus, "held_out": part.held_out}.items():
        if questions is None:
            continue
        some = min(questions.num_people, many)
        table = scores.ask_questions(
            model, questions, part.pool, some, seed=chosen.seed
        )
        told[whom] = {
            "people": some,
            "accuracy": table.mean,
            "accuracy_by_piece": table.accuracy,
        }
    return told


# Scoring on the way: at which steps, and what is kept of what was known then.
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
      task: of the run.
      folder: gets curve.jsonl; None keeps the rows in memory.
    """

    def __init__(self, task: Task, folder: pathlib.Path | None):
        self._setup = task
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
            files.write_rows(self._path, self._rows)

    def rows(self) -> list[Row]:
        """The rows so far, those of an earlier start of the run included."""
        if self._path is None or self._rows:
            return self._rows
        return files.read_rows(self._path)

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
        return {"curve": rows, "training": files.to_json_types(training)}
