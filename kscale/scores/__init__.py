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
    partial_memorizer,
)
from kscale.scores.labels import person_accuracy
from kscale.scores.score import Model, dropped_share, score_corpus
from kscale.scores.sizing import model_for_world, people_for_bits, world_for_model
from kscale.scores.table import ScoreTable
from kscale.scores.thresholds import Threshold, find_threshold

__all__ = [
    "AnswerTable",
    "Capacity",
    "ClassRow",
    "Errors",
    "Model",
    "PieceRow",
    "ScoreTable",
    "TextBits",
    "Threshold",
    "ask_questions",
    "bits_from_losses",
    "dropped_share",
    "find_threshold",
    "irreducible_text_bits",
    "lower_bound_bits",
    "measure_capacity",
    "no_error_bits",
    "partial_memorizer",
    "model_for_world",
    "people_for_bits",
    "person_accuracy",
    "score_corpus",
    "summarize_classes",
    "summarize_pieces",
    "world_for_model",
]
