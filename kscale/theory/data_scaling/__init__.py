"""What does an optimal learner with unlimited capacity lose, given N data?

Its redundancy over a data set, exactly and in bounds, and what fine-tuning on new data
costs (Pan et al. 2025, section 5.2).
"""

from kscale.theory.data_scaling.bayes import (
    coin_information,
    dirichlet_information,
    dirichlet_regret,
)
from kscale.theory.data_scaling.finetuning import (
    finetuning_knowledge,
    finetuning_knowledge_ceiling,
    finetuning_redundancy,
)
from kscale.theory.data_scaling.known_weights import (
    known_weights_constant,
    known_weights_information,
    known_weights_information_power_law,
)
from kscale.theory.data_scaling.redundancy import (
    data_redundancy,
    data_redundancy_bounds,
    data_redundancy_constant,
    data_redundancy_of_table,
    data_redundancy_power_law,
    data_redundancy_power_law_of_table,
    data_redundancy_uniform,
    expected_distinct_power_law,
)
from kscale.theory.data_scaling.redundancy_bounds import (
    nearest_in_cover,
    published_cover_gap,
    redundancy_bound,
    simplex_cover,
)

__all__ = [
    "coin_information",
    "data_redundancy",
    "data_redundancy_bounds",
    "data_redundancy_constant",
    "data_redundancy_of_table",
    "data_redundancy_power_law",
    "data_redundancy_power_law_of_table",
    "data_redundancy_uniform",
    "dirichlet_information",
    "dirichlet_regret",
    "expected_distinct_power_law",
    "finetuning_knowledge",
    "finetuning_knowledge_ceiling",
    "finetuning_redundancy",
    "known_weights_constant",
    "known_weights_information",
    "known_weights_information_power_law",
    "nearest_in_cover",
    "published_cover_gap",
    "redundancy_bound",
    "simplex_cover",
]
