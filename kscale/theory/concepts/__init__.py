"""How many concepts does a model of given size learn from given texts?

Learning is peeling of a graph of concepts and texts; compute-optimal sizes follow from
its threshold (Nayak & Varshney 2024, section 3).
"""

from kscale.theory.concepts.compute import Optimum as Optimum
from kscale.theory.concepts.compute import compute_optimal as compute_optimal
from kscale.theory.concepts.compute import scaling_exponents as scaling_exponents
from kscale.theory.concepts.density import density_evolution as density_evolution
from kscale.theory.concepts.density import matching_bound as matching_bound
from kscale.theory.concepts.density import threshold as threshold
from kscale.theory.concepts.excess import bimodal_error as bimodal_error
from kscale.theory.concepts.excess import excess_entropy as excess_entropy
from kscale.theory.concepts.excess import training_error as training_error
from kscale.theory.concepts.finite_length import corrected_law as corrected_law
from kscale.theory.concepts.finite_length import equivalent_alpha as equivalent_alpha
from kscale.theory.concepts.finite_length import printed_law as printed_law
from kscale.theory.concepts.graph import Graph as Graph
from kscale.theory.concepts.graph import Peeling as Peeling
from kscale.theory.concepts.graph import graph_from_edges as graph_from_edges
from kscale.theory.concepts.graph import peel as peel
from kscale.theory.concepts.graph import sample_graph as sample_graph
from kscale.theory.concepts.isoflops import isoflop as isoflop
from kscale.theory.concepts.isoflops import spurious_optimum as spurious_optimum
from kscale.theory.concepts.peeling import learning_law as learning_law
from kscale.theory.concepts.peeling import sample_chain as sample_chain
from kscale.theory.concepts.poisson import fixed_points as fixed_points
from kscale.theory.concepts.poisson import poisson_threshold as poisson_threshold
from kscale.theory.concepts.poisson import transition as transition
from kscale.theory.concepts.polynomial_ensemble import (
    polynomial_threshold as polynomial_threshold,
)
