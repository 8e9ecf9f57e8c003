"""Is a measured curve a power law, and of which exponent?

Fits of `(x/x0)^-alpha + eps` and of Chinchilla's law, their uncertainty, and a
diagnosis of what a fit leaves over.
"""

from .bootstrap import bootstrap_chinchilla as bootstrap_chinchilla
from .bootstrap import bootstrap_power_law as bootstrap_power_law
from .chinchilla import Chinchilla as Chinchilla
from .chinchilla import chinchilla_law as chinchilla_law
from .chinchilla import chinchilla_starts as chinchilla_starts
from .chinchilla import fit_chinchilla as fit_chinchilla
from .chinchilla import profile_chinchilla as profile_chinchilla
from .power_laws import fit_power_law as fit_power_law
from .power_laws import power_law as power_law
from .residuals import diagnose as diagnose
