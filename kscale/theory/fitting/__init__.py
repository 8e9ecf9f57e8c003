"""Is a measured curve a power law, and of which exponent?

Fits of `(x/x0)^-alpha + eps` and of Chinchilla's law, their uncertainty, and a
diagnosis of what a fit leaves over.
"""

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
from kscale.theory.fitting.power_laws import (
    PowerLaw,
    fit_power_law,
    power_law,
)
from kscale.theory.fitting.residuals import (
    Diagnosis,
    diagnose,
)

__all__ = [
    "Chinchilla",
    "Diagnosis",
    "PowerLaw",
    "bootstrap_chinchilla",
    "bootstrap_power_law",
    "chinchilla_law",
    "chinchilla_starts",
    "diagnose",
    "fit_chinchilla",
    "fit_power_law",
    "power_law",
    "profile_chinchilla",
]
