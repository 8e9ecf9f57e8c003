"""Result rows as figures, theory beside them. Never reads models or checkpoints.

from kscale import report
report.draw_capacity(rows, pathlib.Path("capacity.png"), "bioS(N), GPT-2")
"""

from kscale.report.capacity import draw_capacity, draw_exposures, values_right
from kscale.report.comparison import BestRate, choose_rates, draw_comparison
from kscale.report.extraction import draw_extraction
from kscale.report.fits import (
    AllocationFit,
    LearningFit,
    Line,
    describe_line,
    fit_allocation,
    fit_learning,
    fit_line,
    predict_threshold,
)
from kscale.report.panels import COLORS, Curve, Panel, draw_panels
from kscale.report.quantization import draw_ablation, draw_quantization

__all__ = [
    "COLORS",
    "BestRate",
    "AllocationFit",
    "Curve",
    "LearningFit",
    "Line",
    "Panel",
    "choose_rates",
    "draw_ablation",
    "draw_capacity",
    "draw_comparison",
    "draw_exposures",
    "draw_extraction",
    "draw_panels",
    "draw_quantization",
    "describe_line",
    "fit_line",
    "fit_allocation",
    "fit_learning",
    "predict_threshold",
    "values_right",
]
