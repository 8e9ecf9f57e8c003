"""What does an optimal learner with unlimited capacity lose, given N data?

Its redundancy over a data set, exactly and in bounds, and what fine-tuning on new data
costs (Pan et al. 2025, section 5.2).
"""

from .bayes import coin_information as coin_information
from .bayes import dirichlet_information as dirichlet_information
from .bayes import dirichlet_regret as dirichlet_regret
from .finetuning import finetuning_knowledge as finetuning_knowledge
from .finetuning import finetuning_knowledge_ceiling as finetuning_knowledge_ceiling
from .finetuning import finetuning_redundancy as finetuning_redundancy
from .known_weights import known_weights_constant as known_weights_constant
from .known_weights import known_weights_information as known_weights_information
from .known_weights import (
    known_weights_information_power_law as known_weights_information_power_law,
)
from .redundancy import data_redundancy as data_redundancy
from .redundancy import data_redundancy_bounds as data_redundancy_bounds
from .redundancy import data_redundancy_constant as data_redundancy_constant
from .redundancy import data_redundancy_of_table as data_redundancy_of_table
from .redundancy import data_redundancy_power_law as data_redundancy_power_law
from .redundancy import (
    data_redundancy_power_law_of_table as data_redundancy_power_law_of_table,
)
from .redundancy import data_redundancy_uniform as data_redundancy_uniform
from .redundancy import expected_distinct_power_law as expected_distinct_power_law
from .redundancy_bounds import nearest_in_cover as nearest_in_cover
from .redundancy_bounds import published_cover_gap as published_cover_gap
from .redundancy_bounds import redundancy_bound as redundancy_bound
from .redundancy_bounds import simplex_cover as simplex_cover
