"""What a model knows: whole, by class of frequency, by piece, by part.

Training, scoring again, curves, quantization and ablation all ask `score`.
"""

import dataclasses
import functools

import jax
import numpy as np

from kscale import corpora, files, models, quant, scores, theory, worlds
from kscale.configs.base import Config
from kscale.files import Row
from kscale.runs import rows
from kscale.runs.memory import explain_memory
from kscale.runs.mixture import Part
from kscale.runs.task import Task

_FEW = 200  # people whose documents tell what experts drop
_MANY = 2000  # people of a part at most, unless score.people says how many


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """What a model knows of a task's world, computed from its score table.

    Attributes:
      task: of the run.
      params: of one model, as it computes with them.
      table: nats of every scored person's every piece.
      member: which of the population.
      step: visits are counted up to it; None: to the end of the run.
    """

    task: Task
    params: models.Params
    table: scores.ScoreTable
    member: int = 0
    step: int | None = None

    @functools.cached_property
    def capacity(self) -> scores.Capacity:
        """Bits by part, their errors, accuracies."""
        task = self.task
        labels, size = task.corpus.labels, task.parameters.total
        return scores.measure_capacity(task.counts, labels, self.table, size)

    @property
    def bits(self) -> worlds.Bits:
        """Bits of knowledge that the model holds."""
        return self.capacity.bits

    @property
    def bits_per_param(self) -> float:
        """R, the capacity ratio."""
        return self.capacity.bits_per_param

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of people whose whole piece is greedily right, by piece."""
        return self.capacity.accuracy

    @functools.cached_property
    def row(self) -> Row:
        """The result row, but for what only training knows (time, routing, curve)."""
        return rows.make_row(self.task, self.capacity, self.member) | self.breakdown

    @functools.cached_property
    def progress(self) -> Row:
        """What is kept of a step on the way: bits, R, R_max, accuracy, `breakdown`."""
        kept = ("bits", "bits_per_param", "max_bits_per_param", "accuracy")
        summary = self.capacity.summary()
        return files.to_json_types({x: summary[x] for x in kept}) | self.breakdown

    @functools.cached_property
    def breakdown(self) -> Row:
        """Losses and accuracies, of the run's own people and of each part.

        loss (of values: plain means over people, and weighted by how often each is
        seen), classes (by frequency, 0 the most frequent), pieces, by_count (accuracy
        against how often people were seen, unless all are alike), and what is known
        of each of the parts, by its name. Classes and weights are those of the whole
        run at every step. Of a pronoun also normalized_forms: whether it costs what its
        forms have of all forms' probability, or all of its wording. Of experts also
        dropped_when_scored: the share of choices that find no room in the documents of
        200 people as they are scored (`scores.dropped_share`).
        """
        task, table = self.task, self.table
        corpus, frequencies = task.corpus, task.order.frequencies()
        row = np.searchsorted(corpus.people(np.arange(corpus.num_people)), table.people)
        chosen, weights = task.config.score, frequencies[row]
        by = {"people": "count", "mass": "mass"}[chosen.quantiles]
        classes = theory.model_scaling.frequency_classes(
            frequencies / frequencies.sum(), chosen.classes, by
        )[row].astype(int)
        visits = task.order.visits(self.step)[row]

        def by_class(classes: np.ndarray) -> list[scores.ClassRow]:
            return scores.summarize_classes(
                task.counts, corpus.labels, table, classes, weights, visits
            )

        found: Row = {
            "loss": by_class(np.zeros(len(row), int))[0],
            "classes": by_class(classes),
            "pieces": scores.summarize_pieces(corpus.labels, table, weights),
        }
        if any(piece["kind"] == "form" for piece in found["pieces"]):
            found["normalized_forms"] = task.pool.forms is not None
        if task.config.world.law.kind != "exact":
            right = scores.person_accuracy(corpus.labels, table)
            asked = [a for a in task.world.attributes if a.name in task.world.sentences]
            guess = np.mean([2.0**-each.bits for each in asked])
            found["by_count"] = dict(
                scores.find_threshold(visits, right, ignorant=float(guess))
            )
        if task.config.model.experts:
            few = min(corpus.num_people, _FEW)
            found["dropped_when_scored"] = scores.dropped_share(
                self._model, corpus, task.pool, few, seed=chosen.seed
            )
        if task.parts:
            found["parts"] = {x.config.name: self._of_part(x) for x in task.parts}
        return files.to_json_types(found)

    @property
    def _model(self) -> tuple[models.ModelConfig, models.Params]:
        return self.task.config.model, self.params

    def _of_part(self, part: Part) -> Row:
        """Returns what is known of a part; of questions, also of people held out."""
        corpus, chosen = part.corpus, self.task.config.score
        many = min(corpus.num_people, chosen.people or _MANY)
        if not isinstance(corpus, corpora.Questions):
            table = scores.score_corpus(
                self._model, corpus, part.pool, many, seed=chosen.seed
            )
            pieces = scores.summarize_pieces(corpus.labels, table, np.ones(many))
            paid = [x["loss_bits"] for x in pieces if x["kind"] in ("value", "form")]
            right = [x["accuracy"] for x in pieces if x["kind"] == "value"]
            return {
                "people": many,
                "loss_bits": sum(paid),
                "accuracy": float(np.mean(right)),
                "accuracy_by_piece": {x["piece"]: x["accuracy"] for x in pieces},
            }
        found = {}
        for name, asked in {"trained": corpus, "held_out": part.held_out}.items():
            if asked is not None:
                some = min(asked.num_people, many)
                answers = scores.ask_questions(
                    self._model, asked, part.pool, some, seed=chosen.seed
                )
                found[name] = {
                    "people": some,
                    "accuracy": answers.mean,
                    "accuracy_by_piece": answers.accuracy,
                }
        return found


def score(
    task: Task,
    params: models.Params,
    people: np.ndarray | int = 0,
    *,
    member: int = 0,
    step: int | None = None,
) -> Known:
    """Measures what a model knows.

    Args:
      task: of the run.
      params: of one model, or of the task's population, of which `member` is taken.
      people: how many, a random sample; 0 is what the config says; an array int [n] is
        these people.
      member: which of the population.
      step: of training; visits are counted up to it. None: the end of the run.

    Returns:
      What it knows: `table`, `bits`, `bits_per_param`, `accuracy`, `row`.

    Example:
      >>> known = score(task, fit(task)["params"])
      >>> known.bits.total, known.row["classes"][0]["accuracy"]
    """
    params = effective_params(task.config, member_params(task, params, member))
    chosen = task.config.score
    if isinstance(people, int):
        people = people or chosen.people
    with explain_memory(task.config):
        table = scores.score_corpus(
            (task.config.model, params),
            task.corpus,
            task.pool,
            None if isinstance(people, int) and not people else people,
            seed=chosen.seed,
            batch=chosen.batch,
        )
    return Known(task, params, table, member, step)


def effective_params(config: Config, params: models.Params) -> models.Params:
    """Returns the parameters that a run's model is scored with.

    With `qat` they are as they are stored: weights rounded, all else in 16 bits.
    """
    if not config.qat.bits:
        return params
    return quant.dequantize(quant.cast_rest(quant.quantize(params, config.qat)))


def member_params(task: Task, params: models.Params, member: int) -> models.Params:
    """Returns the parameters of one member of a population, or of the only model."""
    if len(task.hypers) == 1 or np.ndim(params["embed"]["table"]) == 2:
        return params
    return jax.tree.map(lambda leaf: leaf[member], params)
