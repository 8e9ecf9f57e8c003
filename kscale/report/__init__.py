"""Result rows as figures, theory beside them. Never reads models or checkpoints."""

from kscale.report.ablation import draw_ablation
from kscale.report.allocation_fit import (
    AllocationFit,
    Line,
    fit_allocation,
    fit_line,
    predict_threshold,
)
from kscale.report.capacity import draw_capacity, draw_exposures
from kscale.report.comparison import BestRate, choose_rates, draw_comparison
from kscale.report.extraction import Extraction, draw_extraction, pair_extractions
from kscale.report.learning_fit import (
    LearningFit,
    fit_learning,
)
from kscale.report.panels import COLORS, Curve, Panel, draw_panels
from kscale.report.quantization import draw_quantization

__all__ = [
    "COLORS",
    "BestRate",
    "AllocationFit",
    "Curve",
    "Extraction",
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
    "pair_extractions",
    "fit_line",
    "fit_allocation",
    "fit_learning",
    "predict_threshold",
]
