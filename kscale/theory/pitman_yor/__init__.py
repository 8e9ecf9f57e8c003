"""What does a corpus of knowledge look like that a Pitman-Yor process draws?

How many distinct facts it holds, how often each is met, how heavy the tail of the rare
ones is, and corpora drawn from it (Pan et al. 2025).
"""

from kscale.theory.pitman_yor.moments import (
    expected_entropy,
    expected_square,
    expected_tables,
    expected_tables_of_size,
    stick_remainder,
    stick_weight,
)
from kscale.theory.pitman_yor.partitions import (
    labelled_atoms_information,
    log_partition_probability,
    partition_entropy,
    table_count_law,
)
from kscale.theory.pitman_yor.sampling import (
    chinese_restaurant,
    stick_breaking,
    syntax_knowledge_corpus,
    table_sizes,
)
from kscale.theory.pitman_yor.tails import (
    expected_atoms_above,
    power_law_constants,
    table_size_law,
    zipf_curve,
)

__all__ = [
    "chinese_restaurant",
    "expected_atoms_above",
    "expected_entropy",
    "expected_square",
    "expected_tables",
    "expected_tables_of_size",
    "labelled_atoms_information",
    "log_partition_probability",
    "partition_entropy",
    "power_law_constants",
    "stick_breaking",
    "stick_remainder",
    "stick_weight",
    "syntax_knowledge_corpus",
    "table_count_law",
    "table_size_law",
    "table_sizes",
    "zipf_curve",
]
