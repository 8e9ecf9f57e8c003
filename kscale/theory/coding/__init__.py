"""How short can a code be, and what does a predictor pay for what it does not know?

Prefix codes, arithmetic codes, two-part codes and the game of online prediction behind
"to compress is to know" (Pan et al. 2025, sections 2 and 3).
"""

from kscale.theory.coding.arithmetic import (
    arithmetic_code,
    arithmetic_decode,
    dyadic_word,
    expected_lengths,
    shortest_point,
)
from kscale.theory.coding.game import (
    dirichlet_mixture,
    finite_game_regret,
    play_coding_game,
)
from kscale.theory.coding.prefix_codes import (
    StructureFunction,
    kraft_sum,
    optimal_lengths,
    shannon_lengths,
    structure_function,
)

__all__ = [
    "StructureFunction",
    "arithmetic_code",
    "arithmetic_decode",
    "dirichlet_mixture",
    "dyadic_word",
    "expected_lengths",
    "finite_game_regret",
    "kraft_sum",
    "optimal_lengths",
    "play_coding_game",
    "shannon_lengths",
    "shortest_point",
    "structure_function",
]
