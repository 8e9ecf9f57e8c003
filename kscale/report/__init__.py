"""Result rows as figures. Reads rows alone, never models or checkpoints."""

from kscale.report.capacity import draw_capacity, draw_exposures
from kscale.report.curves import COLOURS, Curve, Panel, draw_panels

__all__ = [
    "COLOURS",
    "Curve",
    "Panel",
    "draw_capacity",
    "draw_exposures",
    "draw_panels",
]
