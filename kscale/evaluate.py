"""What a model knows of whom: by class of frequency, by piece, by part, at any step.

    table = evaluate.score_params(setup, params)
    evaluate.evaluate(setup, params, table)["classes"][0]["accuracy"]

The rows of a trained model carry this; figures are drawn from it.
"""

import json
import math
import pathlib
from typing import Any

import jax
import numpy as np

from kscale import build, corpora, results, scores, theory
from kscale.config import Config
from kscale.parts import Part
from kscale.results import Row

_MANY = 2000  # people of a part at most, unless score.people says how many
_UNITS = 1000  # of a run, after which it can be scored on its way


def score_params(
    setup: build.Setup, params: Any, people: np.ndarray | int | None = None
) -> scores.ScoreTable:
    """The score table of a model, over the config's people unless others are given."""
    chosen = setup.config.score
    return scores.score(
        (setup.config.model, params),
        setup.corpus,
        setup.pool,
        people if people is not None else chosen.people or None,
        seed=chosen.seed,
        batch=chosen.batch,
    )


def member_params(setup: build.Setup, params: Any, member: int) -> Any:
    """The parameters of one member of a population, or of the only model."""
    if len(setup.hypers) == 1:
        return params
    return jax.tree.map(lambda leaf: leaf[member], params)


def evaluate(
    setup: build.Setup,
    params: Any,
    table: scores.ScoreTable,
    member: int = 0,
    step: int | None = None,
) -> Row:
    """Losses and accuracies of a model, of the run's own people and of each part.

    Args:
      setup: of the run.
      params: of one model.
      table: its scores, of the run's own people.
      member: which of the population, whose visits are told.
      step: visits are counted up to it; None: to the end of the run. Classes and
        weights are those of the whole run at every step.

    Returns:
      loss (of values: plain means over people, and weighted by how often each is met),
      classes (by frequency, 0 the most frequent), pieces, and what is known of each
      part, by its name.
    """
    corpus, p = setup.corpus, setup.frequencies_of(member)
    row = np.searchsorted(corpus.people(np.arange(corpus.num_people)), table.people)
    counts, one = setup.counts, np.zeros(len(row), int)
    chosen = setup.config.score
    by = {"people": "count", "mass": "mass"}[chosen.quantiles]
    kinds = theory.frequency_classes(p / p.sum(), chosen.classes, by)
    visits = setup.visits_of(member, step)[row]
    whole = scores.by_class(counts, corpus.labels, table, one, p[row], visits)[0]
    classes = scores.by_class(
        counts, corpus.labels, table, kinds[row].astype(int), p[row], visits
    )
    pieces = scores.by_attribute(corpus.labels, table, p[row])
    parts = {part.config.name: _of_part(setup, part, params) for part in setup.parts}
    told = {"loss": whole, "classes": classes, "pieces": pieces}
    if setup.config.world.law.kind != "exact":
        told["by_count"] = _by_count(setup, table, visits)
    return _finite(told | ({"parts": parts} if parts else {}))


def _by_count(setup: build.Setup, table: scores.ScoreTable, visits: np.ndarray) -> Row:
    """Accuracy against how often people were met, and the counts where it turns."""
    right = scores.person_accuracy(setup.corpus.labels, table)
    guess = np.mean([2.0**-attribute.bits for attribute in setup.world.attributes])
    return dict(scores.count_threshold(visits, right, ignorant=float(guess)))


def _of_part(setup: build.Setup, part: Part, params: Any) -> Row:
    """What is known of a part; of questions, also about the people left out."""
    corpus, chosen = part.corpus, setup.config.score
    many = min(corpus.num_people, chosen.people or _MANY)
    model = (setup.config.model, params)
    if not isinstance(corpus, corpora.Questions):
        table = scores.score(model, corpus, part.pool, many, seed=chosen.seed)
        rows = scores.by_attribute(corpus.labels, table, np.ones(many))
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
        table = scores.answers(model, questions, part.pool, some, seed=chosen.seed)
        told[whom] = {
            "people": some,
            "accuracy": table.mean,
            "accuracy_by_piece": table.accuracy,
        }
    return told


def curve_dispatch(config: Config, total: int, longest: int) -> int:
    """Steps of a dispatch after whose like all the steps to score at come.

    Args:
      config: of the run.
      total: steps of the run.
      longest: steps that suit the device.

    Returns:
      At most `longest`; all of it, if nothing is scored on the way.
    """
    if not curve_steps(config, total):
        return longest
    unit = _curve_unit(config, total)
    return next(x for x in range(min(longest, unit), 0, -1) if unit % x == 0)


def curve_steps(config: Config, total: int) -> list[int]:
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
    times, unit = config.score.times, _curve_unit(config, total)
    if not times:
        return []
    if unit >= total:
        raise ValueError(
            f"score.times={times}: no step before the last of {total} ends a dispatch"
            f" of train.steps_per_dispatch={unit}; take less than {total}, or a longer"
            f" run, or score.times=0"
        )
    steps = np.geomspace(unit, total, times + 1)[:-1].round()
    seen = np.unique(np.ceil(steps / unit) * unit).astype(int)
    return seen[seen < total].tolist()


def _curve_unit(config: Config, total: int) -> int:
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
            partial = self._path.with_suffix(".jsonl.tmp")
            partial.write_text("".join(json.dumps(x) + "\n" for x in self._rows))
            partial.replace(self._path)

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
        return {"curve": rows, "training": _finite(training)}


def _finite(value: Any) -> Any:
    """JSON types; a number that is not finite becomes None."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_finite(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
