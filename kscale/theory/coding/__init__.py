"""How short can a code be, and what does a predictor pay for what it does not know?

Prefix codes, arithmetic codes, two-part codes and the game of online prediction behind
"to compress is to know" (Pan et al. 2025, sections 2 and 3).
"""

from .arithmetic import arithmetic_code as arithmetic_code
from .arithmetic import arithmetic_decode as arithmetic_decode
from .arithmetic import dyadic_word as dyadic_word
from .arithmetic import expected_lengths as expected_lengths
from .arithmetic import shortest_point as shortest_point
from .game import dirichlet_mixture as dirichlet_mixture
from .game import finite_game_regret as finite_game_regret
from .game import play_coding_game as play_coding_game
from .prefix_codes import kraft_sum as kraft_sum
from .prefix_codes import optimal_lengths as optimal_lengths
from .prefix_codes import shannon_lengths as shannon_lengths
from .two_part import StructureFunction as StructureFunction
from .two_part import structure_function as structure_function
