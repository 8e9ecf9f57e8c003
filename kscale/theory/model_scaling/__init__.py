"""What does an optimal model of limited capacity learn, and what does it leave?

Capacity is allocated to facts by their frequencies; rare ones are learnt only by large
models (Pan et al. 2025, section 5.3).
"""

from .allocation import allocate as allocate
from .allocation import water_level as water_level
from .certificate import kkt_certificate as kkt_certificate
from .convex_tables import convex_minorant as convex_minorant
from .convex_tables import table_allocation as table_allocation
from .frequencies import entropy_bits as entropy_bits
from .frequencies import frequency_classes as frequency_classes
from .frequencies import top_mass as top_mass
from .frequencies import zipf_frequencies as zipf_frequencies
from .homogeneous import infinite_allocation as infinite_allocation
from .homogeneous import infinite_contribution as infinite_contribution
from .homogeneous import infinite_onset_capacity as infinite_onset_capacity
from .homogeneous import infinite_redundancy_constant as infinite_redundancy_constant
from .learning_order import class_losses as class_losses
from .learning_order import onset_capacity as onset_capacity
from .learning_order import threshold_frequency as threshold_frequency
