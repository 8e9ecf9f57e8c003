"""What does a corpus of knowledge look like that a Pitman-Yor process draws?

How many distinct facts it holds, how often each is seen, how heavy the tail of the rare
ones is, and corpora drawn from it (Pan et al. 2025).
"""

from kscale.theory.pitman_yor.moments import expected_entropy as expected_entropy
from kscale.theory.pitman_yor.moments import expected_square as expected_square
from kscale.theory.pitman_yor.moments import expected_tables as expected_tables
from kscale.theory.pitman_yor.moments import (
    expected_tables_of_size as expected_tables_of_size,
)
from kscale.theory.pitman_yor.moments import stick_remainder as stick_remainder
from kscale.theory.pitman_yor.moments import stick_weight as stick_weight
from kscale.theory.pitman_yor.partitions import (
    labelled_atoms_information as labelled_atoms_information,
)
from kscale.theory.pitman_yor.partitions import (
    log_partition_probability as log_partition_probability,
)
from kscale.theory.pitman_yor.partitions import partition_entropy as partition_entropy
from kscale.theory.pitman_yor.partitions import table_count_law as table_count_law
from kscale.theory.pitman_yor.sampling import chinese_restaurant as chinese_restaurant
from kscale.theory.pitman_yor.sampling import stick_breaking as stick_breaking
from kscale.theory.pitman_yor.sampling import (
    syntax_knowledge_corpus as syntax_knowledge_corpus,
)
from kscale.theory.pitman_yor.sampling import table_sizes as table_sizes
from kscale.theory.pitman_yor.tails import expected_atoms_above as expected_atoms_above
from kscale.theory.pitman_yor.tails import power_law_constants as power_law_constants
from kscale.theory.pitman_yor.tails import table_size_law as table_size_law
from kscale.theory.pitman_yor.tails import zipf_curve as zipf_curve
