"""How many bits of a world a model holds: losses per person and piece, then bits.

from kscale import scores
table = scores.score_corpus((config, params), corpus, pool)      # the whole world
known = scores.measure_capacity(world.counts, corpus.labels, table, parameters)
known.bits_per_param, known.accuracy["name"]
"""

from .answers import AnswerTable as AnswerTable
from .answers import ask_questions as ask_questions
from .by_frequency import ClassRow as ClassRow
from .by_frequency import PieceRow as PieceRow
from .by_frequency import summarize_classes as summarize_classes
from .by_frequency import summarize_pieces as summarize_pieces
from .capacity import Capacity as Capacity
from .capacity import Errors as Errors
from .capacity import measure_capacity as measure_capacity
from .known_bits import TextBits as TextBits
from .known_bits import bits_from_losses as bits_from_losses
from .known_bits import irreducible_text_bits as irreducible_text_bits
from .known_bits import lower_bound_bits as lower_bound_bits
from .known_bits import no_error_bits as no_error_bits
from .known_bits import partial_memorizer as partial_memorizer
from .labels import person_accuracy as person_accuracy
from .score import Model as Model
from .score import dropped_share as dropped_share
from .score import score_corpus as score_corpus
from .sizing import model_for_world as model_for_world
from .sizing import people_for_bits as people_for_bits
from .sizing import world_for_model as world_for_model
from .table import ScoreTable as ScoreTable
from .thresholds import Threshold as Threshold
from .thresholds import find_threshold as find_threshold
