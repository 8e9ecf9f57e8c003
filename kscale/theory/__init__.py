"""The mathematics of the three papers, in float64: solvers and simulators.

A solver is a pure, compiled function: NumPy in, NumPy float64 out; arguments that are
numbers may be arrays, which broadcast; a bad value raises `ValueError`. `jax.vmap`,
`jax.grad` and `jax.jit` of a solver go inside `with theory.float64():`. A simulator is
plain NumPy and takes a `numpy.random.Generator`. `kscale theory --list` shows those
whose arguments can be typed.
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
from kscale.theory.concepts.compute import (
    Optimum,
    compute_optimal,
    scaling_exponents,
)
from kscale.theory.concepts.density import (
    density_evolution,
    matching_bound,
    threshold,
)
from kscale.theory.concepts.excess import (
    bimodal_error,
    excess_entropy,
    training_error,
)
from kscale.theory.concepts.finite_length import (
    corrected_law,
    equivalent_alpha,
    printed_law,
)
from kscale.theory.concepts.graph import (
    Graph,
    Learnt,
    graph_from_edges,
    peel,
    sample_graph,
)
from kscale.theory.concepts.isoflop import isoflop, spurious_optimum
from kscale.theory.concepts.peeling import learning_law, sample_chain
from kscale.theory.concepts.poisson import (
    fixed_points,
    poisson_threshold,
    transition,
)
from kscale.theory.concepts.polynomial_ensemble import (
    polynomial_threshold,
)
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
from kscale.theory.fitting.bootstrap import (
    bootstrap_chinchilla,
    bootstrap_power_law,
)
from kscale.theory.fitting.chinchilla import (
    Chinchilla,
    chinchilla_law,
    chinchilla_starts,
    fit_chinchilla,
    profile_chinchilla,
)
from kscale.theory.fitting.power_law import (
    PowerLaw,
    fit_power_law,
    power_law,
)
from kscale.theory.fitting.residuals import Diagnosis, diagnose
from kscale.theory.model_scaling.allocation import (
    Allocation,
    WaterLevel,
    allocate,
    water_level,
)
from kscale.theory.model_scaling.certificate import (
    Certificate,
    kkt_certificate,
)
from kscale.theory.model_scaling.convex_tables import (
    TableAllocation,
    convex_minorant,
    table_allocation,
)
from kscale.theory.model_scaling.frequencies import (
    entropy_bits,
    frequency_classes,
    top_mass,
    zipf_frequencies,
)
from kscale.theory.model_scaling.homogeneous import (
    InfiniteAllocation,
    infinite_allocation,
    infinite_contribution,
    infinite_onset_capacity,
    infinite_redundancy_constant,
)
from kscale.theory.model_scaling.learning_order import (
    ClassLosses,
    class_losses,
    onset_capacity,
    threshold_frequency,
)
from kscale.theory.numerics.lambert import lambert_w_minus1
from kscale.theory.numerics.zeta import log_zeta
from kscale.theory.pitman_yor.moments import (
    expected_entropy,
    expected_square,
    expected_tables,
    expected_tables_of_size,
    stick_left,
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
from kscale.theory.skills.emergence import Phases, emergence_size, phases
from kscale.theory.skills.levels import accuracy_curve, giant_component, skill_levels
from kscale.theory.skills.simulation import (
    component_labels,
    concept_pairs,
    simulate_skills,
)
from kscale.theory.skills.tails import binomial_tail, pair_tail
from kscale.theory.skills.tasks import (
    binomial_task,
    homogeneous_task,
    mixture_task,
    paper_tasks,
    plateau_heights,
    task,
    task_accuracy,
)
from kscale.theory.solver import float64, solver

__all__ = [
    "Allocation",
    "Certificate",
    "Chinchilla",
    "ClassLosses",
    "Diagnosis",
    "Graph",
    "InfiniteAllocation",
    "Learnt",
    "Optimum",
    "Phases",
    "PowerLaw",
    "StructureFunction",
    "TableAllocation",
    "WaterLevel",
    "accuracy_curve",
    "allocate",
    "arithmetic_code",
    "arithmetic_decode",
    "bimodal_error",
    "binomial_tail",
    "binomial_task",
    "bootstrap_chinchilla",
    "bootstrap_power_law",
    "chinchilla_law",
    "chinchilla_starts",
    "chinese_restaurant",
    "class_losses",
    "coin_information",
    "component_labels",
    "compute_optimal",
    "concept_pairs",
    "convex_minorant",
    "corrected_law",
    "data_redundancy",
    "data_redundancy_bounds",
    "data_redundancy_constant",
    "data_redundancy_of_table",
    "data_redundancy_power_law",
    "data_redundancy_power_law_of_table",
    "data_redundancy_uniform",
    "density_evolution",
    "diagnose",
    "dirichlet_information",
    "dirichlet_mixture",
    "dirichlet_regret",
    "dyadic_word",
    "emergence_size",
    "entropy_bits",
    "equivalent_alpha",
    "excess_entropy",
    "expected_atoms_above",
    "expected_distinct_power_law",
    "expected_entropy",
    "expected_lengths",
    "expected_square",
    "expected_tables",
    "expected_tables_of_size",
    "finetuning_knowledge",
    "finetuning_knowledge_ceiling",
    "finetuning_redundancy",
    "finite_game_regret",
    "fit_chinchilla",
    "fit_power_law",
    "fixed_points",
    "float64",
    "frequency_classes",
    "giant_component",
    "graph_from_edges",
    "homogeneous_task",
    "infinite_allocation",
    "infinite_contribution",
    "infinite_onset_capacity",
    "infinite_redundancy_constant",
    "isoflop",
    "kkt_certificate",
    "known_weights_constant",
    "known_weights_information",
    "known_weights_information_power_law",
    "kraft_sum",
    "labelled_atoms_information",
    "lambert_w_minus1",
    "learning_law",
    "log_partition_probability",
    "log_zeta",
    "matching_bound",
    "mixture_task",
    "nearest_in_cover",
    "onset_capacity",
    "optimal_lengths",
    "pair_tail",
    "paper_tasks",
    "partition_entropy",
    "peel",
    "phases",
    "plateau_heights",
    "play_coding_game",
    "poisson_threshold",
    "polynomial_threshold",
    "power_law",
    "power_law_constants",
    "printed_law",
    "profile_chinchilla",
    "published_cover_gap",
    "redundancy_bound",
    "sample_chain",
    "sample_graph",
    "scaling_exponents",
    "shannon_lengths",
    "shortest_point",
    "simplex_cover",
    "simulate_skills",
    "skill_levels",
    "solver",
    "spurious_optimum",
    "stick_breaking",
    "stick_left",
    "stick_weight",
    "structure_function",
    "syntax_knowledge_corpus",
    "table_allocation",
    "table_count_law",
    "table_size_law",
    "table_sizes",
    "task",
    "task_accuracy",
    "threshold",
    "threshold_frequency",
    "top_mass",
    "training_error",
    "transition",
    "water_level",
    "zipf_curve",
    "zipf_frequencies",
]
