"""How short can a code be, and what does a predictor pay for what it does not know?

Prefix codes, arithmetic codes, two-part codes and the game of online prediction behind
"to compress is to know" (Pan et al. 2025, sections 2 and 3).
"""

from kscale.theory.coding.arithmetic import arithmetic_code as arithmetic_code
from kscale.theory.coding.arithmetic import arithmetic_decode as arithmetic_decode
from kscale.theory.coding.arithmetic import dyadic_word as dyadic_word
from kscale.theory.coding.arithmetic import expected_lengths as expected_lengths
from kscale.theory.coding.arithmetic import shortest_point as shortest_point
from kscale.theory.coding.game import dirichlet_mixture as dirichlet_mixture
from kscale.theory.coding.game import finite_game_regret as finite_game_regret
from kscale.theory.coding.game import play_coding_game as play_coding_game
from kscale.theory.coding.prefix_codes import kraft_sum as kraft_sum
from kscale.theory.coding.prefix_codes import optimal_lengths as optimal_lengths
from kscale.theory.coding.prefix_codes import shannon_lengths as shannon_lengths
from kscale.theory.coding.two_part import StructureFunction as StructureFunction
from kscale.theory.coding.two_part import structure_function as structure_function
