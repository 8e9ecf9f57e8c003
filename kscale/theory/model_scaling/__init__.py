"""What does an optimal model of limited capacity learn, and what does it leave?

Capacity is allocated to facts by their frequencies; rare ones are learnt only by large
models (Pan et al. 2025, section 5.3).
"""

from kscale.theory.model_scaling.allocation import Allocation as Allocation
from kscale.theory.model_scaling.allocation import WaterLevel as WaterLevel
from kscale.theory.model_scaling.allocation import allocate as allocate
from kscale.theory.model_scaling.allocation import water_level as water_level
from kscale.theory.model_scaling.certificate import Certificate as Certificate
from kscale.theory.model_scaling.certificate import kkt_certificate as kkt_certificate
from kscale.theory.model_scaling.convex_tables import TableAllocation as TableAllocation
from kscale.theory.model_scaling.convex_tables import convex_minorant as convex_minorant
from kscale.theory.model_scaling.convex_tables import (
    table_allocation as table_allocation,
)
from kscale.theory.model_scaling.frequencies import entropy_bits as entropy_bits
from kscale.theory.model_scaling.frequencies import (
    frequency_classes as frequency_classes,
)
from kscale.theory.model_scaling.frequencies import top_mass as top_mass
from kscale.theory.model_scaling.frequencies import zipf_frequencies as zipf_frequencies
from kscale.theory.model_scaling.homogeneous import (
    InfiniteAllocation as InfiniteAllocation,
)
from kscale.theory.model_scaling.homogeneous import (
    infinite_allocation as infinite_allocation,
)
from kscale.theory.model_scaling.homogeneous import (
    infinite_contribution as infinite_contribution,
)
from kscale.theory.model_scaling.homogeneous import (
    infinite_onset_capacity as infinite_onset_capacity,
)
from kscale.theory.model_scaling.homogeneous import (
    infinite_redundancy_constant as infinite_redundancy_constant,
)
from kscale.theory.model_scaling.learning_order import ClassLosses as ClassLosses
from kscale.theory.model_scaling.learning_order import class_losses as class_losses
from kscale.theory.model_scaling.learning_order import onset_capacity as onset_capacity
from kscale.theory.model_scaling.learning_order import (
    threshold_frequency as threshold_frequency,
)
