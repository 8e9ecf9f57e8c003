"""What a model knows of whom: by class of frequency, by piece, by part.

    table = evaluate.score_params(setup, params)
    evaluate.evaluate(setup, params, table)["classes"][0]["accuracy"]

The rows of a trained model carry this; figures are drawn from it.
"""

from typing import Any

import jax
import numpy as np

from kscale import build, corpora, results, rounding, scores, theory
from kscale.parts import Part
from kscale.results import Row

_FEW = 200  # people whose documents tell what experts drop
_MANY = 2000  # people of a part at most, unless score.people says how many


def score_params(
    setup: build.Setup, params: Any, people: np.ndarray | int | None = None
) -> scores.ScoreTable:
    """The score table of a model, over the config's people unless others are given."""
    chosen = setup.config.score
    return scores.score(
        (setup.config.model, rounding.used(setup, params)),
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
      classes (by frequency, 0 the most frequent), pieces, by_count (accuracy against
      how often people were met, unless all are met alike), and what is known of each of
      the parts, by its name. Of experts also dropped_when_scored: the share of choices
      that find no room in the documents of 200 people as they are scored, the padding
      of these rows included (`scores.dropped_share`).
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
    if setup.config.model.experts:
        told["dropped_when_scored"] = _dropped(setup, params)
    return results.finite(told | ({"parts": parts} if parts else {}))


def _dropped(setup: build.Setup, params: Any) -> float:
    corpus, seed = setup.corpus, setup.config.score.seed
    model = (setup.config.model, rounding.used(setup, params))
    few = min(corpus.num_people, _FEW)
    return scores.dropped_share(model, corpus, setup.pool, few, seed=seed)


def _by_count(setup: build.Setup, table: scores.ScoreTable, visits: np.ndarray) -> Row:
    """Accuracy against how often people were met, and the counts where it turns."""
    right = scores.person_accuracy(setup.corpus.labels, table)
    guess = np.mean([2.0**-attribute.bits for attribute in setup.world.attributes])
    return dict(scores.count_threshold(visits, right, ignorant=float(guess)))


def _of_part(setup: build.Setup, part: Part, params: Any) -> Row:
    """What is known of a part; of questions, also about the people left out."""
    corpus, chosen = part.corpus, setup.config.score
    many = min(corpus.num_people, chosen.people or _MANY)
    model = (setup.config.model, rounding.used(setup, params))
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
