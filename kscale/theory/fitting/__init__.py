"""Is a measured curve a power law, and of which exponent?

Fits of `(x/x0)^-alpha + eps` and of Chinchilla's law, their uncertainty, and a
diagnosis of what a fit leaves over.
"""

from kscale.theory.fitting.bootstrap import bootstrap_chinchilla as bootstrap_chinchilla
from kscale.theory.fitting.bootstrap import bootstrap_power_law as bootstrap_power_law
from kscale.theory.fitting.chinchilla import Chinchilla as Chinchilla
from kscale.theory.fitting.chinchilla import chinchilla_law as chinchilla_law
from kscale.theory.fitting.chinchilla import chinchilla_starts as chinchilla_starts
from kscale.theory.fitting.chinchilla import fit_chinchilla as fit_chinchilla
from kscale.theory.fitting.chinchilla import profile_chinchilla as profile_chinchilla
from kscale.theory.fitting.power_laws import PowerLaw as PowerLaw
from kscale.theory.fitting.power_laws import fit_power_law as fit_power_law
from kscale.theory.fitting.power_laws import power_law as power_law
from kscale.theory.fitting.residuals import Diagnosis as Diagnosis
from kscale.theory.fitting.residuals import diagnose as diagnose
