"""The mathematics of the three papers, as solvers in float64."""

from kscale.theory.scope import float64, solver

__all__ = ["float64", "solver"]
