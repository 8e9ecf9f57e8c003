"""What does an optimal model of limited capacity learn, and what does it leave?

Capacity is allocated to facts by their frequencies; rare ones are learnt only by large
models (Pan et al. 2025, section 5.3).
"""

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

__all__ = [
    "Allocation",
    "Certificate",
    "ClassLosses",
    "InfiniteAllocation",
    "TableAllocation",
    "WaterLevel",
    "allocate",
    "class_losses",
    "convex_minorant",
    "entropy_bits",
    "frequency_classes",
    "infinite_allocation",
    "infinite_contribution",
    "infinite_onset_capacity",
    "infinite_redundancy_constant",
    "kkt_certificate",
    "onset_capacity",
    "table_allocation",
    "threshold_frequency",
    "top_mass",
    "water_level",
    "zipf_frequencies",
]
