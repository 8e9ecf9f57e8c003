"""What does a corpus of knowledge look like that a Pitman-Yor process draws?

How many distinct facts it holds, how often each is seen, how heavy the tail of the rare
ones is, and corpora drawn from it (Pan et al. 2025).
"""

from .moments import expected_entropy as expected_entropy
from .moments import expected_square as expected_square
from .moments import expected_tables as expected_tables
from .moments import expected_tables_of_size as expected_tables_of_size
from .moments import stick_remainder as stick_remainder
from .moments import stick_weight as stick_weight
from .partitions import labelled_atoms_information as labelled_atoms_information
from .partitions import log_partition_probability as log_partition_probability
from .partitions import partition_entropy as partition_entropy
from .partitions import table_count_law as table_count_law
from .sampling import chinese_restaurant as chinese_restaurant
from .sampling import stick_breaking as stick_breaking
from .sampling import syntax_knowledge_corpus as syntax_knowledge_corpus
from .sampling import table_sizes as table_sizes
from .tails import expected_atoms_above as expected_atoms_above
from .tails import power_law_constants as power_law_constants
from .tails import table_size_law as table_size_law
from .tails import zipf_curve as zipf_curve
