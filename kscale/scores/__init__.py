"""How many bits of a world a model holds: losses per person and piece, then bits.

from kscale import scores
table = scores.score((config, params), corpus, pool)      # the whole world
known = scores.capacity(world.counts, corpus.labels, table, parameters)
known.bits_per_param, known.accuracy["name"]
"""

from kscale.scores.answers import AnswerTable, answers
from kscale.scores.by_frequency import (
    ClassRow,
    PieceRow,
    by_attribute,
    by_class,
    person_accuracy,
)
from kscale.scores.capacity import Capacity, Errors, capacity
from kscale.scores.known_bits import (
    TextBits,
    irreducible_text_bits,
    known_bits,
    lower_bound_bits,
    no_error_bits,
    parameters_for,
    partial_memorizer,
)
from kscale.scores.labels import Label
from kscale.scores.score import Model, dropped_share, sample_people, score
from kscale.scores.sizing import (
    model_for_world,
    people_for,
    share_of_capacity,
    world_bits,
    world_for_model,
)
from kscale.scores.table import ScoreTable, merge, sum_by_label
from kscale.scores.thresholds import Threshold, count_threshold, rising_accuracy

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
    "answers",
    "by_attribute",
    "by_class",
    "capacity",
    "count_threshold",
    "dropped_share",
    "irreducible_text_bits",
    "known_bits",
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
    "score",
    "share_of_capacity",
    "sum_by_label",
    "world_bits",
    "world_for_model",
]
