"""The papers' mathematics in float64, by topic: solvers and simulators.

A solver is a pure, compiled function: NumPy in, NumPy float64 out; arguments that are
numbers may be arrays, which broadcast; a bad value raises `ValueError`. `jax.vmap`,
`jax.grad` and `jax.jit` of a solver go inside `with theory.float64():`. A simulator is
plain NumPy and takes a `numpy.random.Generator`. `kscale theory --list` shows those
whose arguments can be typed.

Example:
  >>> from kscale import theory
  >>> fit = theory.fitting.fit_power_law([1, 2, 4, 8], [3, 2, 1.5, 1.25])
"""

from kscale.theory import (
    coding,
    concepts,
    data_scaling,
    fitting,
    model_scaling,
    numerics,
    pitman_yor,
    skills,
)
from kscale.theory.solver import float64

__all__ = [
    "coding",
    "concepts",
    "data_scaling",
    "fitting",
    "float64",
    "model_scaling",
    "numerics",
    "pitman_yor",
    "skills",
]
