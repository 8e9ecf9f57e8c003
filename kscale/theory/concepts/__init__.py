"""How many concepts does a model of given size learn from given texts?

Learning is peeling of a graph of concepts and texts; compute-optimal sizes follow from
its threshold (Nayak & Varshney 2024, section 3).
"""

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
    Peeling,
    graph_from_edges,
    peel,
    sample_graph,
)
from kscale.theory.concepts.isoflops import (
    isoflop,
    spurious_optimum,
)
from kscale.theory.concepts.peeling import (
    learning_law,
    sample_chain,
)
from kscale.theory.concepts.poisson import (
    fixed_points,
    poisson_threshold,
    transition,
)
from kscale.theory.concepts.polynomial_ensemble import (
    polynomial_threshold,
)

__all__ = [
    "Graph",
    "Peeling",
    "Optimum",
    "bimodal_error",
    "compute_optimal",
    "corrected_law",
    "density_evolution",
    "equivalent_alpha",
    "excess_entropy",
    "fixed_points",
    "graph_from_edges",
    "isoflop",
    "learning_law",
    "matching_bound",
    "peel",
    "poisson_threshold",
    "polynomial_threshold",
    "printed_law",
    "sample_chain",
    "sample_graph",
    "scaling_exponents",
    "spurious_optimum",
    "threshold",
    "training_error",
    "transition",
]
