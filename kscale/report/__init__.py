"""Result rows as figures. Reads rows alone, never models or checkpoints."""

from kscale.report.capacity import draw_capacity, draw_exposures

__all__ = ["draw_capacity", "draw_exposures"]
