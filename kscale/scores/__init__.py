"""How many bits of a world a model holds: losses per person and piece, then bits.

from kscale import scores
table = scores.score((config, params), corpus, pool)      # the whole world
known = scores.capacity(world.counts, corpus.labels, table, parameters)
known.bits_per_param, known.accuracy["name"]
"""

from kscale.scores.capacity import Capacity, Errors, capacity
from kscale.scores.formulas import (
    TextBits,
    irreducible_text_bits,
    known_bits,
    lower_bound_bits,
    no_error_bits,
    parameters_for,
    partial_memoriser,
)
from kscale.scores.pieces import Label
from kscale.scores.score import Model, sample_people, score
from kscale.scores.table import ScoreTable, merge, sum_by_label

__all__ = [
    "Capacity",
    "Errors",
    "Label",
    "Model",
    "ScoreTable",
    "TextBits",
    "capacity",
    "irreducible_text_bits",
    "known_bits",
    "lower_bound_bits",
    "merge",
    "no_error_bits",
    "parameters_for",
    "partial_memoriser",
    "sample_people",
    "score",
    "sum_by_label",
]
