"""Which special functions do the papers' formulas need, to the last digit?

The other modules of this topic are building blocks for the bodies of solvers: they
check nothing.
"""

from .lambert import lambert_w_minus1 as lambert_w_minus1
from .power_law_sums import log_zeta as log_zeta
