"""How many concepts does a model of given size learn from given texts?

Learning is peeling of a graph of concepts and texts; compute-optimal sizes follow from
its threshold (Nayak & Varshney 2024, section 3).
"""

from .compute import compute_optimal as compute_optimal
from .compute import scaling_exponents as scaling_exponents
from .density import density_evolution as density_evolution
from .density import matching_bound as matching_bound
from .density import threshold as threshold
from .excess import bimodal_error as bimodal_error
from .excess import excess_entropy as excess_entropy
from .excess import training_error as training_error
from .finite_length import corrected_law as corrected_law
from .finite_length import equivalent_alpha as equivalent_alpha
from .finite_length import printed_law as printed_law
from .graph import Graph as Graph
from .graph import Peeling as Peeling
from .graph import graph_from_edges as graph_from_edges
from .graph import peel as peel
from .graph import sample_graph as sample_graph
from .isoflops import isoflop as isoflop
from .isoflops import spurious_optimum as spurious_optimum
from .peeling import learning_law as learning_law
from .peeling import sample_chain as sample_chain
from .poisson import fixed_points as fixed_points
from .poisson import poisson_threshold as poisson_threshold
from .poisson import transition as transition
from .polynomial_ensemble import polynomial_threshold as polynomial_threshold
