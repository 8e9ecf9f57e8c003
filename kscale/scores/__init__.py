"""How many bits of a world a model holds: losses per person and piece, then bits.

from kscale import scores
table = scores.score_corpus((config, params), corpus, pool)      # the whole world
known = scores.measure_capacity(world.counts, corpus.labels, table, parameters)
known.bits_per_param, known.accuracy["name"]
"""

from kscale.scores.answers import AnswerTable, ask_questions
from kscale.scores.by_frequency import (
    ClassRow,
    PieceRow,
    person_accuracy,
    summarize_classes,
    summarize_pieces,
)
from kscale.scores.capacity import Capacity, Errors, measure_capacity
from kscale.scores.known_bits import (
    TextBits,
    bits_from_losses,
    irreducible_text_bits,
    lower_bound_bits,
    no_error_bits,
    parameters_for,
    partial_memorizer,
)
from kscale.scores.labels import Label
from kscale.scores.score import Model, dropped_share, sample_people, score_corpus
from kscale.scores.sizing import (
    model_for_world,
    people_for,
    share_of_capacity,
    world_bits,
    world_for_model,
)
from kscale.scores.table import ScoreTable, merge, sum_by_label
from kscale.scores.thresholds import Threshold, find_threshold, rising_accuracy

__all__ = [
    "AnswerTable",
    "Capacity",
    "ClassRow",
    "Errors",
    "Label",
    "Model",
    "PieceRow",
    "ScoreTable",
    "TextBits",
    "Threshold",
    "ask_questions",
    "summarize_pieces",
    "summarize_classes",
    "measure_capacity",
    "find_threshold",
    "dropped_share",
    "irreducible_text_bits",
    "bits_from_losses",
    "lower_bound_bits",
    "merge",
    "model_for_world",
    "no_error_bits",
    "parameters_for",
    "partial_memorizer",
    "people_for",
    "person_accuracy",
    "rising_accuracy",
    "sample_people",
    "score_corpus",
    "share_of_capacity",
    "sum_by_label",
    "world_bits",
    "world_for_model",
]
